/**
 * Labels, flat: `[name, value, name, value, …]`, sorted by name in byte order, `__name__` among them, no name twice, no
 * empty value (an empty value means "no such label" in Prometheus). Always frozen, and complete as Prometheus would store
 * them, `job` and `instance` included.
 */
export type Labels = readonly string[];

export const METRIC_NAME = '__name__';
export const NO_LABELS: Labels = Object.freeze([]);

/**
 * Compares as UTF-8 bytes do. JavaScript compares UTF-16 units, which puts U+FFFD after U+1F600; Prometheus and the
 * remote-write specification sort by bytes.
 */
export function compareBytes(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xs = x >= 0xd800 && x <= 0xdfff;
    const ys = y >= 0xd800 && y <= 0xdfff;
    if (xs !== ys) return xs ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

/** Labels from names and values. Empty values are left out; a name given twice keeps its last value. */
export function makeLabels(pairs: Iterable<readonly [string, string]>): Labels {
  const map = new Map<string, string>();
  for (const [name, value] of pairs) map.set(name, value);
  return sortedLabels(map);
}

export function labelsOf(record: Readonly<Record<string, string>>): Labels {
  return makeLabels(Object.entries(record));
}

/** Labels from a map; empty values are left out. */
export function sortedLabels(map: ReadonlyMap<string, string>): Labels {
  const names = [...map.keys()].filter((name) => map.get(name) !== '').sort(compareBytes);
  const flat: string[] = new Array(names.length * 2);
  for (let i = 0; i < names.length; i++) {
    flat[2 * i] = names[i]!;
    flat[2 * i + 1] = map.get(names[i]!)!;
  }
  return Object.freeze(flat);
}

/** The value of a label, or '' when there is none. */
export function labelValue(labels: Labels, name: string): string {
  for (let i = 0; i < labels.length; i += 2) if (labels[i] === name) return labels[i + 1]!;
  return '';
}

export function labelMap(labels: Labels): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i < labels.length; i += 2) map.set(labels[i]!, labels[i + 1]!);
  return map;
}

/** `labels` with `more` on top; an empty value in `more` takes a label away. */
export function withLabels(labels: Labels, more: Readonly<Record<string, string>>): Labels {
  const map = labelMap(labels);
  for (const name in more) map.set(name, more[name]!);
  return sortedLabels(map);
}

/** A string that two label sets share only when they are equal. Length prefixes keep values with odd characters apart. */
export function labelsKey(labels: Labels): string {
  let key = '';
  for (const part of labels) key += `${part.length}:${part}`;
  return key;
}

export function equalLabels(a: Labels, b: Labels): boolean {
  return a === b || (a.length === b.length && a.every((part, i) => part === b[i]));
}

/** `name{a="1",b="2"}`, for messages and tests. */
export function formatLabels(labels: Labels): string {
  const parts: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    if (labels[i] !== METRIC_NAME) parts.push(`${labels[i]}=${JSON.stringify(labels[i + 1])}`);
  }
  return `${labelValue(labels, METRIC_NAME)}{${parts.join(',')}}`;
}
