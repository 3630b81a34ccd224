/** One tree from several: maps are merged deeply, everything else is replaced by what comes later, null included. */
import type { ConfigNode, Entry, MapNode, Place } from './node.ts';

/** `a::b: 1` stands for `a: {b: 1}`. Inside lists keys are left as they are. */
export const DELIMITER = '::';

export function merge(earlier: ConfigNode, later: ConfigNode): ConfigNode {
  if (earlier.kind !== 'map' || later.kind !== 'map') return later;
  const entries = new Map(earlier.entries);
  for (const [key, entry] of later.entries) add(entries, key, entry);
  return { ...later, entries };
}

function add(entries: Map<string, Entry>, key: string, entry: Entry): void {
  const before = entries.get(key);
  entries.set(key, before ? { ...entry, value: merge(before.value, entry.value) } : entry);
}

/** The tree with every delimited key made into maps. */
export function splitKeys(node: ConfigNode): ConfigNode {
  if (node.kind !== 'map') return node;
  const entries = new Map<string, Entry>();
  for (const [key, { keyPlace, value }] of node.entries) {
    const [first, ...rest] = key.split(DELIMITER);
    add(entries, first!, { keyPlace, value: nest(rest, splitKeys(value), keyPlace) });
  }
  return { ...node, entries };
}

/** `value` inside one map for each key. */
export function nest(keys: readonly string[], value: ConfigNode, place: Place): ConfigNode {
  return keys.reduceRight<ConfigNode>(
    (inner, key): MapNode => ({ kind: 'map', place, entries: new Map([[key, { keyPlace: place, value: inner }]]) }),
    value,
  );
}
