/** Where something stands in what the user wrote. Lines and columns count from 1. */
export interface Place {
  /** The file as the user named it, `<yaml>`, `--set`, … */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** How many characters the caret underlines; 1 when unknown. */
  readonly length: number;
}

/** The resolved configuration: plain values that know where they were written. */
export type ConfigNode = MapNode | ListNode | ScalarNode;

export interface MapNode {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Entry>;
  /** As for a scalar: the text that an expansion gave, for options that want a string. */
  readonly text?: string;
}
export interface Entry {
  readonly keyPlace: Place;
  readonly value: ConfigNode;
}
export interface ListNode {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly ConfigNode[];
  /** As for a scalar: the text that an expansion gave, for options that want a string. */
  readonly text?: string;
}
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly place: Place;
  /** As YAML types it. Integers past 2^53 are bigint. */
  readonly value: string | number | bigint | boolean | null;
  /**
   * The text before typing, where the value came from an expansion (`${env:X}`): a string option takes it as it was
   * (`"0123"` stays), see the Collector's confmap. Absent for values that were typed in the file.
   */
  readonly text?: string;
  /**
   * A plain (unquoted) scalar as the file has it, such as `1.0` or `yes`, for sections that follow another program's YAML
   * rules: Prometheus takes it as it is where it wants a string. Absent where `value` is a string.
   */
  readonly source?: string;
  /** True when any part came from a variable, a file or another expansion: never quoted in an error message. */
  readonly expanded?: boolean;
}

export const NOWHERE: Place = Object.freeze({ file: '', line: 1, column: 1, length: 1 });

/** A node for a plain value, for defaults and tests. */
export function nodeOf(value: unknown, place: Place = NOWHERE): ConfigNode {
  if (Array.isArray(value)) return { kind: 'list', place, items: value.map((v) => nodeOf(v, place)) };
  if (value !== null && typeof value === 'object') {
    const entries = new Map(Object.entries(value).map(([k, v]) => [k, { keyPlace: place, value: nodeOf(v, place) }]));
    return { kind: 'map', place, entries };
  }
  return { kind: 'scalar', place, value: (value ?? null) as ScalarNode['value'] };
}

/** The plain value of a node. Maps have no prototype, so that a key `__proto__` is a key. */
export function plainOf(node: ConfigNode): unknown {
  if (node.kind === 'list') return node.items.map(plainOf);
  if (node.kind === 'scalar') return node.value;
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of node.entries) out[key] = plainOf(entry.value);
  return out;
}

/** The same value with every place in it replaced by one: for text that has no lines of its own to show. */
export function moved<N extends ConfigNode>(node: N, place: Place, expanded = false): N {
  if (node.kind === 'scalar') return expanded ? { ...node, place, expanded } : { ...node, place };
  if (node.kind === 'list') return { ...node, place, items: node.items.map((item) => moved(item, place, expanded)) };
  const move = ([key, entry]: [string, Entry]) =>
    [key, { keyPlace: place, value: moved(entry.value, place, expanded) }] as const;
  return { ...node, place, entries: new Map([...node.entries].map(move)) };
}

/** The path of an option inside a section: `receivers.cgroup` and `root_path`. */
export const join = (path: string, key: string): string =>
  path && !key.startsWith('[') ? `${path}.${key}` : path + key;
