import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CorefileError, type CorefileToken, MAX_COREFILE, parseCorefile, type ServerBlock } from '#dns';
import { confine } from '#linux';
import { FAILED, type Io, OK, UsageError } from './io.ts';

const HELP = `Usage: dnscol corefile FILE [--import-root DIR]

Parses a Corefile as CoreDNS does and prints it as JSON: {"blocks": [{"keys": [...], "directives": {"name": [tokens]}}]}. A token
is {"text", "line", "file"}; "file" is empty but in what was imported. FILE may be - for standard input. {$NAME} comes from the
environment. A fault is printed as {"error": "..."}, and on standard error as FILE:line:column: what is wrong.

  --import-root DIR  files are imported from this folder only (default: the folder of FILE)
`;

/** `dnscol corefile`: tries a Corefile offline. The exit code: 0, 1 when it has a fault or cannot be read, 2 wrong usage. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { file, importRoot, help } = readArguments(args);
  if (help) {
    io.stdout.write(HELP);
    return OK;
  }
  const isStdin = file === '-';
  const folder = isStdin ? resolve('.') : dirname(resolve(file));
  try {
    const text = await readSome(isStdin ? io.stdin : createReadStream(file, { end: MAX_COREFILE }));
    const files = confine('/', importRoot ? resolve(importRoot) : folder, MAX_COREFILE);
    const { blocks } = parseCorefile(text, { file, folder, files, env: io.env });
    io.stdout.write(`{"blocks":[${blocks.map((block) => `\n${blockJson(block)}`).join(',')}]}\n`);
    return OK;
  } catch (error) {
    const message = error instanceof CorefileError ? error.message : `cannot read ${file}: ${(error as Error).message}`;
    io.stdout.write(`${JSON.stringify({ error: message })}\n`);
    io.stderr.write(`${message}\n`);
    return FAILED;
  }
}

function readArguments(args: readonly string[]): { file: string; importRoot: string | undefined; help: boolean } {
  const options = { 'import-root': { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
  const parse = () => parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    throw new UsageError((error as Error).message.split('. To specify')[0]!);
  }
  const { values, positionals } = parsed;
  if (!values.help && positionals.length !== 1) throw new UsageError('needs one FILE, or - for standard input');
  return { file: positionals[0] ?? '', importRoot: values['import-root'], help: values.help === true };
}

async function readSome(stream: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    if (length > MAX_COREFILE) throw new Error(`the Corefile is longer than ${MAX_COREFILE} bytes`);
  }
  return Buffer.concat(chunks).toString();
}

function blockJson({ keys, directives }: ServerBlock): string {
  const shown = [...directives].map(([name, tokens]) => [name, tokens.map(tokenJson)] as const);
  return JSON.stringify({ keys, directives: Object.fromEntries(shown) });
}

const tokenJson = ({ text, line, file }: CorefileToken) => ({ text, line, file });
