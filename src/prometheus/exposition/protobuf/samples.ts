import type { Exemplar, Family } from '#metrics';
import { emptyLabels, sampleLabels } from '../labels.ts';
import { formatBound } from '../number.ts';
import type { RawSample } from '../types.ts';
import type { Cursor, Numbers } from './cursor.ts';
import type { KnownMetric } from './known.ts';
import { HISTOGRAM, type MetricMessage, type RawExemplar, readLabel, SUMMARY } from './metric.ts';

/** Which samples a metric gives: its native form, and the flat one. */
export interface Form {
  readonly native: boolean;
  readonly flat: boolean;
}

/** How many buckets of a histogram are shown: all up to the first that ends at +Inf. */
export function shownBuckets({ items, length }: Numbers): number {
  for (let i = 0; i < length; i++) if (items[i] === Infinity) return i + 1;
  return length;
}

/**
 * The samples of a metric in Prometheus' order: the native histogram, `_count`, `_sum`, then quantiles or buckets, with
 * +Inf where the page leaves it out.
 */
export function samplesOf(
  message: MetricMessage,
  family: Family,
  type: number,
  { native, flat }: Form,
  cursor: Cursor,
): RawSample[] {
  const pairs = labelPairs(message, cursor);
  const { name } = family;
  const hasTimestamp = message.timestamp !== 0;
  const labelled = (own: string, more: readonly string[] = []) => {
    const labels = sampleLabels(own, more.length > 0 ? [...pairs, ...more] : pairs, '');
    if (typeof labels === 'string') return cursor.fail(`the label ${JSON.stringify(labels)} stands twice`);
    return { family, labels, ...emptyLabels(labels, pairs), hasTimestamp };
  };
  const samples: RawSample[] = [];
  if (native) samples.push(Object.freeze({ ...labelled(name), native: true as const }));
  if (!flat) return samples;
  const add = (own: string, more?: readonly string[]) => samples.push(Object.freeze(labelled(own, more)));
  if (type !== SUMMARY && type < HISTOGRAM) add(name);
  else {
    add(`${name}_count`);
    add(`${name}_sum`);
    if (type === SUMMARY) for (const q of listed(message.bounds)) add(name, ['quantile', formatBound(q)]);
    else for (const le of flatBounds(message.bounds)) add(`${name}_bucket`, ['le', formatBound(le)]);
  }
  return samples;
}

/** How many `samplesOf` gives. */
export function sampleCount({ bounds }: MetricMessage, type: number, { native, flat }: Form): number {
  const own = native ? 1 : 0;
  if (!flat) return own;
  if (type === SUMMARY) return own + 2 + bounds.length;
  if (type < HISTOGRAM) return own + 1;
  const shown = shownBuckets(bounds);
  return own + 2 + (bounds.items[shown - 1] === Infinity ? shown : shown + 1);
}

const listed = ({ items, length }: Numbers): number[] => items.slice(0, length);

function flatBounds(bounds: Numbers): readonly number[] {
  const shown = bounds.items.slice(0, shownBuckets(bounds));
  return shown.at(-1) === Infinity ? shown : [...shown, Infinity];
}

function labelPairs({ labels }: MetricMessage, cursor: Cursor): string[] {
  const { pos, end } = cursor;
  const pairs: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    cursor.pos = labels.items[i]!;
    cursor.end = labels.items[i + 1]!;
    pairs.push(...readLabel(cursor));
  }
  cursor.pos = pos;
  cursor.end = end;
  return pairs;
}

const NONE: readonly Exemplar[] = Object.freeze([]);

/** The exemplars of a metric's samples; `index` counts from its first sample. */
export function exemplarsOf(message: MetricMessage, type: number, { native, flat }: Form): readonly Exemplar[] {
  const { exemplars, nativeExemplars } = message;
  if (exemplars.length === 0 && nativeExemplars.length === 0) return NONE;
  const all: Exemplar[] = [];
  if (native) for (const one of nativesOwn(message)) all.push(exemplarAt(0, one));
  if (!flat) return all;
  const first = (native ? 1 : 0) + (type < HISTOGRAM ? 0 : 2);
  const shown = type < HISTOGRAM ? 1 : shownBuckets(message.bounds);
  for (let i = 0; i < shown; i++) {
    const one = exemplars[i];
    if (one) all.push(exemplarAt(first + i, one));
  }
  return all;
}

/** A native histogram's, else those of its buckets. Without a timestamp they cannot be told from what was sent before. */
function nativesOwn({ exemplars, nativeExemplars }: MetricMessage): RawExemplar[] {
  const from = nativeExemplars.length > 0 ? nativeExemplars : exemplars;
  const timed = from.filter((one): one is RawExemplar => one?.timestamp !== undefined);
  return timed.sort((a, b) => a.timestamp! - b.timestamp! || a.value - b.value);
}

function exemplarAt(index: number, { labels, value, timestamp }: RawExemplar): Exemplar {
  return timestamp === undefined ? { index, labels, value } : { index, labels, value, timestamp };
}

/** Whether the samples of a metric are like those that it had. */
export function isSameShape(known: KnownMetric, { timestamp, bounds }: MetricMessage, { native, flat }: Form): boolean {
  if ((known.time !== 0) !== (timestamp !== 0)) return false;
  if ((known.histogram !== undefined) !== native) return false;
  if (flat !== known.samples.length > (native ? 1 : 0)) return false;
  if (!flat) return true;
  if (known.bounds.length !== bounds.length) return false;
  for (let i = 0; i < bounds.length; i++) if (known.bounds[i] !== bounds.items[i]) return false;
  return true;
}
