import {
  type Buckets,
  COARSEST_SCHEMA,
  CUSTOM_BUCKETS,
  forEachNativeBucket,
  type NativeHistogram,
  type Series,
  type Snapshot,
  withSchema,
} from '#metrics';
import { countOf } from './buckets.ts';
import type { NativeMetric, NativePoint } from './plan.ts';

/** Neighbouring buckets, empty ones included; bucket `i` holds (base^(offset+i), base^(offset+i+1)]. */
export interface DenseBuckets {
  readonly offset: number;
  readonly counts: readonly number[];
}
/** The numbers of an ExponentialHistogramDataPoint. */
export interface Exponential {
  readonly scale: number;
  readonly count: number;
  readonly sum: number;
  readonly zeroCount: number;
  readonly zeroThreshold: number;
  readonly positive: DenseBuckets;
  readonly negative: DenseBuckets;
}
/** The numbers of a HistogramDataPoint. */
export interface Explicit {
  readonly count: number;
  readonly sum: number;
  readonly bounds: Float64Array;
  readonly counts: readonly number[];
}

export interface NativeGroup {
  readonly data: 'exponentialHistogram' | 'histogram';
  readonly points: readonly NativePoint[];
}

/** Series whose last sample had custom buckets: of what type a stale point is, it does not say itself. */
const customs = new WeakSet<Series>();

/** The points of a metric by the OTLP type that they have in this snapshot; mostly all of them have one. */
export function nativeGroups({ points }: NativeMetric, { set, histograms }: Snapshot): NativeGroup[] {
  const exponential: NativePoint[] = [];
  const explicit: NativePoint[] = [];
  for (const point of points) {
    const series = set.series[point.index]!;
    const histogram = histograms?.get(point.index);
    if (histogram?.schema === CUSTOM_BUCKETS) customs.add(series);
    else if (histogram) customs.delete(series);
    (customs.has(series) ? explicit : exponential).push(point);
  }
  const groups: NativeGroup[] = [];
  if (exponential.length > 0) groups.push({ data: 'exponentialHistogram', points: exponential });
  if (explicit.length > 0) groups.push({ data: 'histogram', points: explicit });
  return groups;
}

/**
 * More buckets in a row than this are made fewer, and wider: OTLP writes empty ones between others out, and a page could
 * ask for billions.
 */
const MOST_BUCKETS = 32_768;

export function exponentialOf(histogram: NativeHistogram): Exponential {
  let held = histogram;
  while (held.schema > COARSEST_SCHEMA && Math.max(spread(held.positive), spread(held.negative)) > MOST_BUCKETS) {
    held = withSchema(held, held.schema - 1);
  }
  const whole = rounder();
  const { schema: scale, sum, zeroThreshold } = held;
  const zeroCount = whole(held.zeroCount);
  const negative = dense(held.negative, whole);
  const positive = dense(held.positive, whole);
  return { scale, count: whole.count(held), sum, zeroCount, zeroThreshold, positive, negative };
}

export function explicitOf(histogram: NativeHistogram): Explicit {
  const { sum, positive, customBounds: bounds = new Float64Array(0) } = histogram;
  const whole = rounder();
  const counts: number[] = new Array(bounds.length + 1).fill(0);
  forEachNativeBucket(positive, (index, count) => {
    counts[Math.min(index, bounds.length)]! += whole(count);
  });
  return { count: whole.count(histogram), sum, bounds, counts };
}

/** From the first bucket to the last. */
function spread({ spans }: Buckets): number {
  return spans.reduce((sum, { offset, length }, i) => sum + length + (i > 0 ? offset : 0), 0);
}

function dense(buckets: Buckets, whole: (count: number) => number): DenseBuckets {
  // OTLP counts from a bucket's lower bound, Prometheus from its upper one.
  const offset = (buckets.spans[0]?.offset ?? 1) - 1;
  const counts: number[] = new Array(Math.min(spread(buckets), MOST_BUCKETS)).fill(0);
  forEachNativeBucket(buckets, (index, count) => {
    // The coarsest buckets hold all doubles there are in 200: what is still too far away holds nothing real.
    counts[Math.min(index - 1 - offset, MOST_BUCKETS - 1)]! += whole(count);
  });
  return { offset, counts };
}

/**
 * OTLP's counts are whole, and their sum is the count of all. Fractions are carried on to the next bucket, so that none are
 * lost.
 */
function rounder() {
  let exact = 0;
  let given = 0;
  const whole = (count: number): number => {
    exact += count;
    const now = Math.max(0, Math.round(exact) - given);
    given += now;
    return now;
  };
  /** May be larger than all buckets: observations of NaN are in none. */
  const count = (histogram: NativeHistogram): number => Math.max(given, countOf(histogram.count));
  return Object.assign(whole, { count });
}
