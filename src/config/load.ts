/** From `--config` and `--set` to one tree: read, merged, expanded. */
import { expand } from './expand.ts';
import type { Issue } from './issue.ts';
import { DELIMITER, merge, nest, splitKeys } from './merge.ts';
import { type ConfigNode, type MapNode, moved, NOWHERE, type Place } from './node.ts';
import { parseUri, retrieve, type Surroundings } from './providers.ts';
import { parseYaml } from './yaml.ts';

export type { Surroundings } from './providers.ts';

export interface Loaded {
  /** Empty when nothing could be read. */
  readonly tree: MapNode;
  /** Faults of the YAML and of references. What the components make of the tree comes with `resolveConfig`. */
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** What each `Place.file` names: the lines of excerpts. */
  readonly texts: ReadonlyMap<string, string>;
  /** Files that were read, for `--watch`. */
  readonly files: readonly string[];
}

const MAX_SOURCES = 100;
const EMPTY: MapNode = { kind: 'map', place: NOWHERE, entries: new Map() };

/**
 * `sources` are the values of `--config`: a path, `file:path`, `env:NAME` or `yaml:text`. `sets` are those of `--set`:
 * `a.b=c`, the value as YAML. Never rejects for what the user can mend: that is in `issues`.
 */
export async function loadConfig(
  sources: readonly string[],
  sets: readonly string[],
  around: Surroundings,
): Promise<Loaded> {
  const issues: Issue[] = [];
  const warnings: Issue[] = [];
  const texts = new Map<string, string>();
  const files: string[] = [];
  const complain = (message: string, place = NOWHERE) => void issues.push({ path: '', message, place });
  if (sources.length > MAX_SOURCES) complain(`more than ${MAX_SOURCES} --config are too many`);

  let tree: ConfigNode = EMPTY;
  for (const source of sources.slice(0, MAX_SOURCES)) {
    const got = await readSource(source, around, texts).catch((error: Error) => complain(error.message));
    if (!got) continue;
    if (got.path !== undefined) files.push(got.path);
    const { root, issues: faults } = parseYaml(got.text, got.file);
    texts.set(got.file, got.text);
    issues.push(...faults);
    const isNothing = !root || (root.kind === 'scalar' && root.value === null);
    if (root?.kind === 'map') tree = merge(tree, splitKeys(root));
    else if (!isNothing) complain(`must be a map of sections, not a ${root.kind}`, root.place);
    else if (sources.length === 1 && !faults.length)
      complain('empty configuration file', { ...NOWHERE, file: got.file });
  }
  texts.set(SET, sets.map((set) => set.replaceAll('\n', ' ')).join('\n'));
  for (const [i, set] of sets.entries()) tree = merge(tree, readSet(set, i + 1, issues));

  const expanded = splitKeys(await expand(tree, { ...around, issues, warnings, texts }));
  return { tree: expanded as MapNode, issues, warnings, texts, files };
}

interface Source {
  readonly file: string;
  readonly text: string;
  readonly path?: string;
}

async function readSource(source: string, around: Surroundings, texts: ReadonlyMap<string, string>): Promise<Source> {
  const uri = parseUri(source) ?? { scheme: 'file', rest: source };
  // The text of a `yaml:` source may hold a secret, so it does not name itself.
  if (uri.scheme === 'yaml') return { file: freeName('<yaml>', texts), text: uri.rest };
  const got = await retrieve(uri, around);
  if (got.unset) throw new Error(`--config ${source}: ${got.warning}`);
  return { file: got.file, text: got.text, ...(uri.scheme === 'file' ? { path: uri.rest } : {}) };
}

function freeName(name: string, taken: ReadonlyMap<string, string>): string {
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name}${n}`;
  return free;
}

const SET = '--set';

/** `a.b=c`, also `a::b=c`. All of them together are one text, one a line. */
function readSet(set: string, line: number, issues: Issue[]): ConfigNode {
  const at = set.indexOf('=');
  const place = (column: number, length: number): Place => ({ file: SET, line, column, length: Math.max(1, length) });
  if (at < 1) {
    issues.push({ path: '', message: 'must be key=value', place: place(1, set.length) });
    return EMPTY;
  }
  const valuePlace = place(at + 2, set.length - at - 1);
  const { root, issues: faults } = parseYaml(set.slice(at + 1), SET);
  for (const fault of faults) issues.push({ ...fault, place: valuePlace });
  const value = root
    ? splitKeys(moved(root, valuePlace))
    : ({ kind: 'scalar', place: valuePlace, value: null } as const);
  return nest(set.slice(0, at).replaceAll('.', DELIMITER).split(DELIMITER), value, place(1, at));
}
