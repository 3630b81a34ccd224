import type { HistogramPoint } from './plan.ts';

/** A count as OTLP has it: whole, not negative, and exact in a double. NaN is 0. */
export function countOf(value: number): number {
  return value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}

/**
 * Gives each bucket's own count, the one up to infinity last, and returns the count of them all, which OTLP wants to be
 * their sum. Cumulative buckets that go down (a source that was read while it counted) are levelled, as Prometheus'
 * histogram_quantile does.
 */
export function forEachBucket(point: HistogramPoint, values: Float64Array, each: (count: number) => void): number {
  let below = 0;
  for (let i = 0; i < point.buckets.length; i++) {
    const upTo = Math.max(below, countOf(values[point.buckets[i]!]!));
    each(upTo - below);
    below = upTo;
  }
  const count = Math.max(below, countOf(values[point.count]!));
  if (point.bucketed) each(count - below);
  return count;
}
