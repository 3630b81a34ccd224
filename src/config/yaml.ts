/** YAML text to nodes that know their places, and back. The one module that knows the `yaml` package. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, stringify } from 'yaml';
import type { Issue } from './issue.ts';
import { type ConfigNode, type Entry, join, type Place } from './node.ts';
import { type ScalarValue, typeScalar, typeTagged } from './scalar.ts';
import { faultIssues } from './yaml-faults.ts';

export interface ParsedYaml {
  /** What could be read; absent when there is nothing at all. Faults may have left holes in it. */
  readonly root?: ConfigNode;
  readonly issues: readonly Issue[];
}

const MAX_TEXT = 1024 * 1024;
const MAX_ALIASES = 100;
/** How many values aliases may unfold to: a bomb of 9 aliases in 9 levels stays small in memory but not when walked. */
const MAX_UNFOLDED = 10_000;
const MAX_DEPTH = 200;
/** No caret is longer. */
const MAX_SHOWN = 1000;

/** Reads one document. Every fault is an issue; nothing throws. Types are those of the Collector's YAML (see scalar.ts). */
export function parseYaml(text: string, file: string): ParsedYaml {
  if (text.length > MAX_TEXT) return { issues: [{ path: '', message: 'is larger than 1 MiB', place: placeAt(file) }] };
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    version: '1.2',
    schema: 'failsafe',
    // Its own search for equal keys is quadratic; ours is below.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
  });
  const documents: Document[] = Array.isArray(parsed) ? parsed : [];
  const places = placesIn(text, file, lines);
  const first = documents[0];
  const directives = directiveFaults(text, first !== undefined, places);
  if (!first) return { issues: directives };
  const reader = new Reader(places);
  const root = first.contents === null ? undefined : reader.read(first.contents as unknown, '', 0, undefined);
  const errors = documents.flatMap((d) => d.errors);
  const faults = faultIssues(errors, text, places, reader.lastQuote);
  const second = documents[1];
  if (second) {
    const start = second.contents?.range?.[0] ?? first.range?.[2] ?? 0;
    faults.push({
      path: '',
      message: 'must be one YAML document; a second one begins here',
      place: places(start, start),
    });
  }
  // What is no YAML already is no odd key besides.
  const told = new Set(faults.map(({ place }) => place.line));
  const issues = [...directives, ...faults, ...reader.issues.filter(({ place }) => !told.has(place.line))];
  return root === undefined ? { issues } : { root, issues };
}

/** What the package lets pass: two `%YAML` lines, and directives with no document behind them. */
function directiveFaults(text: string, hasDocument: boolean, places: Places): Issue[] {
  const lines = [...text.matchAll(/^(?:%.*|---.*)$/gm)];
  const end = lines.findIndex(([line]) => line.startsWith('---'));
  const directives = end < 0 ? lines : lines.slice(0, end);
  const versions = directives.filter(([line]) => /^%YAML\s/.test(line));
  const wrong = hasDocument ? versions[1] : directives[0];
  if (!wrong) return [];
  const message = hasDocument ? 'is a second %YAML directive' : 'is a directive with no document behind it';
  return [{ path: '', message, place: places(wrong.index, wrong.index + wrong[0].length) }];
}

/** The text of a plain value, as print-config shows it. */
export function writeYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Gives the place of the text from one offset to another, cut at the end of its first line. */
export type Places = (start: number, end: number) => Place;

const placeAt = (file: string): Place => ({ file, line: 1, column: 1, length: 1 });

function placesIn(text: string, file: string, lines: LineCounter): Places {
  return (start, end) => {
    const { line, col } = lines.linePos(Math.max(0, start));
    // No further than the node itself: a search to the end of a long line, for each node on it, is quadratic.
    const [first = ''] = text.slice(start, Math.min(end, start + MAX_SHOWN)).split('\n', 1);
    const length = Math.max(1, first.trimEnd().length);
    return { file, line: Math.max(1, line), column: Math.max(1, col), length };
  };
}

/** Turns the package's nodes into ours, in the order of the document, so that an alias finds the anchor before it. */
class Reader {
  readonly issues: Issue[] = [];
  readonly #places: Places;
  readonly #anchors = new Map<string, ConfigNode | undefined>();
  /** Where the last quoted scalar began: that of a quote that is never closed. */
  lastQuote = 0;
  /** A limit on aliases was passed and reported: those after it are nothing. */
  #exhausted = false;
  #aliases = 0;
  #unfolded = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  /** `keyPlace` is where the key that holds this value stands: the best place for what has no text of its own. */
  read(node: unknown, path: string, depth: number, keyPlace: Place | undefined): ConfigNode {
    const [start = 0, end = start] = (node as { range?: number[] } | null)?.range ?? [];
    const own = this.#places(start, end);
    if (depth > MAX_DEPTH) return this.#refuse(path, `is nested more than ${MAX_DEPTH} levels deep`, own);
    if (isAlias(node)) return this.#alias(node.source, path, own);
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor) this.#anchors.set(anchor, undefined);
    const made = this.#value(node, path, depth, start === end && keyPlace ? keyPlace : own, keyPlace);
    if (anchor) this.#anchors.set(anchor, made);
    return made;
  }

  #value(node: unknown, path: string, depth: number, own: Place, keyPlace: Place | undefined): ConfigNode {
    if (isMap(node)) {
      const place = node.flow ? own : (keyPlace ?? own);
      if (node.tag && node.tag !== 'tag:yaml.org,2002:map') return this.#unknownTag(node.tag, path, own);
      return { kind: 'map', place, entries: this.#entries(node.items, path, depth) };
    }
    if (isSeq(node)) {
      const place = node.flow ? own : (keyPlace ?? own);
      if (node.tag && node.tag !== 'tag:yaml.org,2002:seq') return this.#unknownTag(node.tag, path, own);
      const items = node.items.map((item, i) => this.read(item, `${path}[${i}]`, depth + 1, undefined));
      return { kind: 'list', place, items };
    }
    if (!isScalar(node)) return { kind: 'scalar', place: own, value: null };
    const text = String(node.value ?? '');
    if (node.type?.startsWith('QUOTE')) this.lastQuote = node.range?.[0] ?? 0;
    const value: ScalarValue | undefined = node.tag
      ? typeTagged(node.tag, text)
      : node.type === 'PLAIN'
        ? typeScalar(text)
        : text;
    if (value === undefined) return this.#unknownTag(node.tag!, path, own);
    const isTyped = node.type === 'PLAIN' && typeof value !== 'string' && text !== '';
    return isTyped ? { kind: 'scalar', place: own, value, source: text } : { kind: 'scalar', place: own, value };
  }

  #entries(pairs: readonly { key: unknown; value: unknown }[], path: string, depth: number): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    const merged: ConfigNode[] = [];
    for (const pair of pairs) {
      const key = this.#key(pair.key, path);
      if (!key) continue;
      const at = join(path, key.name);
      const value = this.read(pair.value, at, depth + 1, key.place);
      if (key.merge) merged.push(value);
      else if (entries.has(key.name)) {
        const message = `is given twice; first on line ${entries.get(key.name)!.keyPlace.line}`;
        this.issues.push({ path: at, message, place: key.place });
      } else entries.set(key.name, { keyPlace: key.place, value });
    }
    for (const source of merged) this.#merge(entries, source, path);
    return entries;
  }

  #key(node: unknown, path: string): { name: string; place: Place; merge: boolean } | undefined {
    const [start = 0, end = start] = (node as { range?: number[] } | null)?.range ?? [];
    const place = this.#places(start, end);
    const target = isAlias(node) ? this.#alias(node.source, path, place) : undefined;
    if (target?.kind === 'scalar') return { name: String(target.value), place, merge: false };
    if (!isScalar(node)) {
      this.#refuse(path, 'has a key that is not a plain word', place);
      return undefined;
    }
    const name = String(node.value ?? '');
    if (node.tag && typeTagged(node.tag, name) === undefined) this.#unknownTag(node.tag, join(path, name), place);
    if (node.anchor) this.#anchors.set(node.anchor, { kind: 'scalar', place, value: name });
    return { name, place, merge: name === '<<' && node.type === 'PLAIN' };
  }

  /** `<<: *defaults`: keys of its own win over merged ones, the first merged map over later ones. */
  #merge(entries: Map<string, Entry>, source: ConfigNode, path: string): void {
    if (source.kind === 'list') {
      for (const item of source.items) this.#merge(entries, item, path);
    } else if (source.kind === 'map') {
      for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
    } else if (source.value !== null) {
      this.#refuse(join(path, '<<'), 'must be a map, or a list of maps', source.place);
    }
  }

  #alias(name: string, path: string, place: Place): ConfigNode {
    if (this.#exhausted) {
      const before = this.#anchors.get(name);
      return before?.kind === 'scalar' ? before : nothing(place);
    }
    if (++this.#aliases > MAX_ALIASES) {
      this.#exhausted = true;
      return this.#refuse(path, `is one alias more than the ${MAX_ALIASES} that a file may have`, place);
    }
    if (!this.#anchors.has(name))
      return this.#refuse(path, 'is an alias of an anchor that does not come before it', place);
    const target = this.#anchors.get(name);
    if (!target) return this.#refuse(path, 'is an alias of what it is a part of', place);
    if (target.kind === 'scalar') return target;
    this.#unfolded += sizeOf(target, MAX_UNFOLDED + 1);
    if (this.#unfolded <= MAX_UNFOLDED) return target;
    this.#exhausted = true;
    return this.#refuse(path, `is an alias too many: together they unfold to more than ${MAX_UNFOLDED} values`, place);
  }

  #unknownTag(tag: string, path: string, place: Place): ConfigNode {
    return this.#refuse(path, `has the tag ${tag.replace('tag:yaml.org,2002:', '!!')}, which is not known here`, place);
  }

  #refuse(path: string, message: string, place: Place): ConfigNode {
    this.issues.push({ path, message, place, unread: true });
    return nothing(place);
  }
}

const nothing = (place: Place): ConfigNode => ({ kind: 'scalar', place, value: null });

/** How many nodes a walk over this one meets, counted up to `limit`. */
function sizeOf(node: ConfigNode, limit: number): number {
  if (node.kind === 'scalar') return 1;
  const inner = node.kind === 'list' ? node.items : [...node.entries.values()].map((e) => e.value);
  let size = 1;
  for (const item of inner) {
    size += sizeOf(item, limit - size);
    if (size >= limit) break;
  }
  return size;
}
