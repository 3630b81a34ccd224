/** Keys that a program prints: a profile's `credential_process`, as IAM Roles Anywhere has it. */
import type { Environment } from '#kit';
import { type Credentials, fromJson, objectIn, type Surroundings, withLife } from './credentials.ts';

const TIMEOUT = 30_000;
const MAX_OUTPUT = 64 * 1024;

/** Runs it without a shell. What it prints to either stream goes into no message. */
export async function fromProgram(
  command: string,
  profile: string,
  { clock, environment }: Pick<Surroundings, 'clock' | 'environment'>,
  signal: AbortSignal,
): Promise<Credentials> {
  const [file, ...args] = words(command);
  const what = `credential_process of the AWS profile ${profile}`;
  if (!file) throw new Error(`${what} names no program`);
  const output = await run(file, args, environment, signal).catch((error: unknown) => {
    if (signal.aborted) throw signal.reason;
    const { code, killed } = error as { code?: unknown; killed?: boolean };
    throw new Error(
      `${what}: ${file} ${killed ? 'was ended: it took too long or printed too much' : `failed (${code})`}`,
    );
  });
  const version = objectIn(output)?.Version;
  if (version !== 1) throw new Error(`${what}: ${file} printed no JSON with "Version": 1`);
  try {
    return withLife(fromJson(output, 'SessionToken', what), clock);
  } catch (cause) {
    throw new Error(`${what}: ${file}`, { cause });
  }
}

async function run(file: string, args: string[], env: Environment, signal: AbortSignal): Promise<Buffer> {
  const { execFile } = await import('node:child_process');
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', timeout: TIMEOUT, maxBuffer: MAX_OUTPUT, signal, env: { ...env } } as const;
    const child = execFile(file, args, options, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    child.stdin?.end();
  });
}

/** A command line's words; blanks stand within quotes of either kind, and behind a backslash outside of single ones. */
export function words(command: string): string[] {
  const found: string[] = [];
  for (const [word] of command.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs)) {
    found.push(
      word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, escaped?: string) =>
        double !== undefined ? double.replace(/\\(["\\])/g, '$1') : (single ?? escaped ?? ''),
      ),
    );
  }
  return found;
}
