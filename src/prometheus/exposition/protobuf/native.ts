import { type Buckets, compactBuckets, type NativeHistogram, NO_BUCKETS } from '#metrics';
import type { Numbers } from './cursor.ts';
import type { MetricMessage, RawBuckets } from './metric.ts';

/**
 * Whether a histogram is a native one: it has spans, or a zero bucket. One without either looks like a classic one, so
 * client libraries send a span of no length for it (Prometheus' isNativeHistogram).
 */
export function isNative({ positive, negative, zeroThreshold, zeroCount }: MetricMessage): boolean {
  return positive.spans.length > 0 || negative.spans.length > 0 || zeroThreshold > 0 || zeroCount > 0;
}

/** The native histogram of a message, or a sentence about what does not fit together in it. */
export function nativeOf(message: MetricMessage, isGauge: boolean): NativeHistogram | string {
  const { count, countFloat, zeroCount, zeroCountFloat, schema, sum, zeroThreshold } = message;
  const isFloat = countFloat > 0 || zeroCountFloat > 0;
  const positive = bucketsOf(message.positive, isFloat);
  const negative = bucketsOf(message.negative, isFloat);
  if (!positive) return 'the positive spans of a histogram do not fit its buckets';
  if (!negative) return 'the negative spans of a histogram do not fit its buckets';
  return Object.freeze({
    schema,
    isFloat,
    isGauge,
    count: isFloat ? countFloat : count,
    sum,
    zeroThreshold,
    zeroCount: isFloat ? zeroCountFloat : zeroCount,
    positive,
    negative,
  });
}

function bucketsOf({ spans, deltas, counts }: RawBuckets, isFloat: boolean): Buckets | undefined {
  const made: { offset: number; length: number }[] = [];
  const size = isFloat ? counts.length : deltas.length;
  let room = 0;
  let gap = 0;
  let goesBack = false;
  for (let i = 0; i < spans.length; i += 2) {
    const offset = spans.items[i]!;
    const length = spans.items[i + 1]!;
    if (offset !== (offset | 0)) return undefined;
    gap += offset;
    room += length;
    // One of no length only moves the next.
    if (length === 0) continue;
    if (made.length > 0 && gap < 0) goesBack = true;
    made.push({ offset: gap, length });
    gap = 0;
  }
  if (room !== size) return undefined;
  if (size === 0) return NO_BUCKETS;
  const all = { spans: made, counts: isFloat ? Float64Array.from(counts.items.slice(0, size)) : summed(deltas) };
  // What is unsound must not become sound by being put in order.
  return goesBack ? all : compactBuckets(all);
}

function summed({ items: deltas, length }: Numbers): Float64Array {
  const counts = new Float64Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) {
    count += deltas[i]!;
    counts[i] = count;
  }
  return counts;
}
