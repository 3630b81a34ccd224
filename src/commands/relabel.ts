import { once } from 'node:events';
import { type ConfigNode, type Entry, INVALID, join, mapOf, NOWHERE, type Report, string } from '#config';
import { labelMap, makeLabels } from '#metrics';
import {
  checkRelabelNames,
  compileRelabel,
  type NameValidationScheme,
  nameValidationSchemes,
  type RelabelConfig,
  type Relabeler,
  relabelConfigsSchema,
} from '#prometheus';

export interface RelabelIo {
  stdin: AsyncIterable<Uint8Array | string>;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
}

const USAGE = `Usage: dnscol relabel

Reads JSON lines {"input": {labels}, "config": [rules], "name_validation_scheme": "utf8"|"legacy"} on standard input and
answers each with {"dropped": true}, {"dropped": false, "labels": {...}} or {"config_error": "..."}. A line that cannot be
read is answered with {"error": "..."} and makes the exit code 1.
`;

/** `dnscol relabel`: tries relabelling rules offline. The exit code: 0, 1 when a line could not be read, 2 wrong usage. */
export async function run(args: readonly string[], io: RelabelIo): Promise<number> {
  if (args.length > 0) {
    const asked = args[0] === '--help' || args[0] === '-h';
    (asked ? io.stdout : io.stderr).write(asked ? USAGE : `relabel takes no arguments\n${USAGE}`);
    return asked ? 0 : 2;
  }
  const answer = answerer();
  let code = 0;
  for await (const line of linesOf(io.stdin)) {
    if (line.trim() === '') continue;
    const got = answer(line);
    if ('error' in got) code = 1;
    if (!io.stdout.write(`${JSON.stringify(got)}\n`)) await once(io.stdout, 'drain');
  }
  return code;
}

type Answer =
  | { error: string }
  | { config_error: string }
  | { dropped: true }
  | { dropped: false; labels: Record<string, string> };

/** Answers one line. Rules that come again are not compiled again. */
function answerer(): (line: string) => Answer {
  let last: { config: string; made: Relabeler | { config_error: string } } | undefined;
  return (line) => {
    const read = readLine(line);
    if ('error' in read) return read;
    const config = JSON.stringify([read.config, read.scheme], (_, v) => (typeof v === 'bigint' ? `${v}` : plain(v)));
    if (last?.config !== config) last = { config, made: compile(read.config, read.scheme) };
    const { made } = last;
    if ('config_error' in made) return made;
    const labels = made.relabel(makeLabels(read.input));
    return labels ? { dropped: false, labels: Object.fromEntries(labelMap(labels)) } : { dropped: true };
  };
}

const plain = (value: unknown) => (value instanceof Map ? [...value] : value);

interface Line {
  input: Map<string, string>;
  config: ConfigNode;
  scheme: ConfigNode | undefined;
}

const inputSchema = mapOf(string());

/** Keys that are none of ours are let be: a file of test cases has names and expected answers in it. */
function readLine(line: string): Line | { error: string } {
  let node: ConfigNode;
  try {
    node = JSON.parse(line, toNode) as ConfigNode;
  } catch (error) {
    return { error: `not JSON: ${(error as Error).message}` };
  }
  if (node.kind !== 'map') return { error: 'a line must be a JSON object' };
  const { issues, report } = collector();
  const given = node.entries.get('input')?.value;
  if (!given) return { error: 'input is missing' };
  const input = inputSchema.read(given, 'input', report);
  if (input === INVALID) return { error: issues.join('; ') };
  const config = node.entries.get('config')?.value ?? { kind: 'list', place: NOWHERE, items: [] };
  return { input, config, scheme: node.entries.get('name_validation_scheme')?.value };
}

function compile(config: ConfigNode, scheme: ConfigNode | undefined): Relabeler | { config_error: string } {
  const { issues, report } = collector();
  const names = readScheme(scheme, report);
  const rules = relabelConfigsSchema.read(config, 'config', report);
  if (rules !== INVALID && names) checkNames(rules, names, report);
  return issues.length > 0 || rules === INVALID || !names
    ? { config_error: issues.join('; ') }
    : compileRelabel(rules, names);
}

/** Absent or empty, it is Prometheus 3's default. */
function readScheme(node: ConfigNode | undefined, report: Report): NameValidationScheme | undefined {
  const value = node?.kind === 'scalar' ? node.value || 'utf8' : node ? undefined : 'utf8';
  const scheme = nameValidationSchemes.find((one) => one === value);
  if (!scheme) report.issue('name_validation_scheme', `must be one of ${nameValidationSchemes.join(', ')}`, NOWHERE);
  return scheme;
}

function checkNames(rules: readonly RelabelConfig[], scheme: NameValidationScheme, report: Report): void {
  checkRelabelNames(rules, scheme, (inner, message) => report.issue(join('config', inner), message, NOWHERE));
}

function collector(): { issues: string[]; report: Report } {
  const issues: string[] = [];
  const report: Report = { issue: (path, message) => issues.push(`${path}: ${message}`), warn: () => {} };
  return { issues, report };
}

/**
 * A JSON.parse reviver that makes configuration nodes, inner ones first. Numbers keep their text where the runtime tells it
 * (Node 22 and later), and lone surrogates become U+FFFD, as in Go.
 */
function toNode(_key: string, value: unknown, context?: { source?: string }): ConfigNode {
  if (Array.isArray(value)) return { kind: 'list', place: NOWHERE, items: value };
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).map(([key, node]): [string, Entry] => [
      wellFormed(key),
      { keyPlace: NOWHERE, value: node },
    ]);
    return { kind: 'map', place: NOWHERE, entries: new Map(entries) };
  }
  if (typeof value === 'string') return { kind: 'scalar', place: NOWHERE, value: wellFormed(value) };
  const source = context?.source;
  const isLong = typeof value === 'number' && !Number.isSafeInteger(value) && source && /^-?\d+$/.test(source);
  const scalar = (isLong ? BigInt(source) : value) as number | bigint | boolean | null;
  return { kind: 'scalar', place: NOWHERE, value: scalar, ...(source === undefined ? {} : { source }) };
}

const wellFormed = (text: string) => Buffer.from(text).toString();

/** By line feeds only: JSON may hold U+2028, which node:readline takes for the end of a line. */
async function* linesOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of input) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  rest += decoder.decode();
  if (rest) yield rest;
}
