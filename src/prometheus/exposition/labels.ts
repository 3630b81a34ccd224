import { compareBytes, type Labels, METRIC_NAME, type MetricType } from '#metrics';
import { formatBound, parseFloatText } from './number.ts';

/** What `boundLabel` answers. */
export const BOUNDS = ['', 'le', 'quantile'] as const;

/** The label whose value Prometheus 3 rewrites for series under a TYPE line: `le="1"` becomes `le="1.0"`. */
export function boundLabel(type: MetricType | undefined): (typeof BOUNDS)[number] {
  return type === 'histogram' ? 'le' : type === 'summary' ? 'quantile' : '';
}

/**
 * Labels of a sample, `__name__` among them; those with an empty value are left out. Answers the name that is given twice
 * instead. `bound` names a label whose value is written as OpenMetrics wants numbers.
 */
export function sampleLabels(name: string, exposed: readonly string[], bound: string): Labels | string {
  const pairs = exposed.length > MOST_INSERTED ? sortedPairs(exposed) : exposed;
  const flat = [METRIC_NAME, name];
  let empty = name === '';
  for (let i = 0; i < pairs.length; i += 2) {
    const label = pairs[i]!;
    const at = placeFor(label, flat);
    if (at > 0 && flat[at - 2] === label) return label;
    const value = label === bound ? boundText(pairs[i + 1]!) : pairs[i + 1]!;
    empty ||= value === '';
    insert(flat, at, label, value);
  }
  // A copy has no room to grow, which for a few labels is more than they take.
  return Object.freeze(empty ? withoutEmpty(flat) : flat.slice());
}

/** The names of the labels that were exposed with an empty value, and so are not among `labels`; nothing where there are none. */
export function emptyLabels(labels: Labels, exposed: readonly string[]): { empty: readonly string[] } | undefined {
  if (labels.length >= exposed.length + 2) return undefined;
  const empty = exposed.filter((_, i) => i % 2 === 0 && exposed[i + 1] === '');
  return empty.length > 0 ? { empty } : undefined;
}

/** Up to so many names and values are sorted by insertion, whose time grows with the square where they come unsorted. */
const MOST_INSERTED = 64;

function sortedPairs(pairs: readonly string[]): string[] {
  const order = Array.from({ length: pairs.length / 2 }, (_, i) => 2 * i);
  order.sort((a, b) => compareBytes(pairs[a]!, pairs[b]!));
  return order.flatMap((i) => [pairs[i]!, pairs[i + 1]!]);
}

/** Behind the labels that sort before `label` or are it. Labels mostly come sorted, so from the end. */
function placeFor(label: string, flat: readonly string[]): number {
  let at = flat.length;
  while (at > 0 && compareBytes(label, flat[at - 2]!) < 0) at -= 2;
  return at;
}

function insert(flat: string[], at: number, label: string, value: string): void {
  flat.push(label, value);
  for (let i = flat.length - 1; i > at + 1; i--) flat[i] = flat[i - 2]!;
  flat[at] = label;
  flat[at + 1] = value;
}

function withoutEmpty(flat: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < flat.length; i += 2) if (flat[i + 1] !== '') kept.push(flat[i]!, flat[i + 1]!);
  return kept;
}

/** The same few bounds come again and again, and formatting one costs as much as the rest of a sample. */
const bounds = new Map<string, string>();
const MOST_BOUNDS = 1000;

function boundText(text: string): string {
  const known = bounds.get(text);
  if (known !== undefined) return known;
  const value = parseFloatText(text);
  const written = value === undefined ? text : formatBound(value);
  if (bounds.size >= MOST_BOUNDS) bounds.clear();
  if (text.length < 32) bounds.set(text, written);
  return written;
}

/** A text that two label sets share only when they are equal, `without` aside. */
export function labelKey(labels: ReadonlyMap<string, string>, without?: string): string {
  return JSON.stringify([...labels].filter(([name]) => name !== without).sort(([a], [b]) => (a < b ? -1 : 1)));
}
