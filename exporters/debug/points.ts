import { isStale, type Labels } from '#metrics';
import {
  countOf,
  type DenseBuckets,
  type Exponential,
  exemplarsAt,
  explicitOf,
  exponentialOf,
  forEachBucket,
  type MetricPlan,
  type NativeGroup,
  type NativeMetric,
  nativeGroups,
  type OtlpExemplar,
  partsOf,
  type Stamped,
} from '#otlp';

/** One OTLP data point with its numbers in place. Times are milliseconds since the epoch; 0 is none. */
export interface Point {
  readonly attributes: Labels;
  readonly start: number;
  readonly time: number;
  readonly value: Value;
  readonly exemplars: readonly OtlpExemplar[];
}
/** Points of one OTLP type. */
export interface Points {
  readonly data: Exclude<MetricPlan, NativeMetric>['data'] | NativeGroup['data'];
  readonly points: readonly Point[];
}
export type Value =
  | { readonly kind: 'stale' }
  | { readonly kind: 'number'; readonly number: number }
  | {
      readonly kind: 'histogram';
      readonly count: number;
      readonly sum: number | undefined;
      readonly bounds: readonly number[];
      readonly buckets: readonly number[];
    }
  | { readonly kind: 'exponential'; readonly numbers: Exponential }
  | {
      readonly kind: 'summary';
      readonly count: number;
      readonly sum: number;
      readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
    };

/** Mostly one; two where some native histograms of a metric have custom buckets and some have not. */
export function pointsOf(metric: MetricPlan, stamped: Stamped): Points[] {
  if (metric.data !== 'native') return [{ data: metric.data, points: flatPoints(metric, stamped) }];
  const point = pointMaker(stamped);
  return nativeGroups(metric, stamped.snapshot).map(({ data, points }) => ({
    data,
    points: points.map(({ index, start, attributes }) =>
      point(index, start, attributes, [index], () => nativeValue(data, index, stamped)),
    ),
  }));
}

function nativeValue(data: NativeGroup['data'], index: number, { snapshot }: Stamped): Value {
  const histogram = snapshot.histograms?.get(index);
  if (!histogram) return { kind: 'stale' };
  if (data === 'exponentialHistogram') return { kind: 'exponential', numbers: exponentialOf(histogram) };
  const { count, sum, bounds, counts } = explicitOf(histogram);
  return { kind: 'histogram', count, sum, bounds: [...bounds], buckets: counts };
}

function pointMaker({ snapshot, starts }: Stamped) {
  const { values, time, times } = snapshot;
  return (of: number, start: number, attributes: Labels, parts: readonly number[], value: () => Value): Point => ({
    attributes,
    start: start < 0 ? 0 : starts[start]!,
    time: times ? times[of]! : time,
    value: isStale(values, of) ? { kind: 'stale' } : value(),
    exemplars: exemplarsAt(snapshot, parts),
  });
}

function flatPoints(metric: Exclude<MetricPlan, NativeMetric>, stamped: Stamped): Point[] {
  const { values } = stamped.snapshot;
  const point = pointMaker(stamped);
  if (metric.data === 'histogram') {
    return metric.points.map((one) =>
      point(one.count, one.start, one.attributes, partsOf(one), () => {
        const buckets: number[] = [];
        const count = forEachBucket(one, values, (bucket) => buckets.push(bucket));
        return {
          kind: 'histogram',
          count,
          sum: one.sum < 0 ? undefined : values[one.sum]!,
          bounds: one.bounds,
          buckets,
        };
      }),
    );
  }
  if (metric.data === 'summary') {
    return metric.points.map((one) =>
      point(one.count, one.start, one.attributes, [], () => ({
        kind: 'summary',
        count: countOf(values[one.count]!),
        sum: values[one.sum]!,
        quantiles: one.quantiles.map(({ quantile, index }) => ({ quantile, value: values[index]! })),
      })),
    );
  }
  return metric.points.map((one) =>
    point(one.value, one.start, one.attributes, [one.value], () => ({ kind: 'number', number: values[one.value]! })),
  );
}

/** Each bucket that is not empty, as `(lower, upper]` in words and its count; the zero bucket as `[-t, t]`. */
export function exponentialBuckets(numbers: Exponential): [range: string, count: number][] {
  const { scale, zeroCount, zeroThreshold, positive, negative } = numbers;
  const bound = (index: number) => 2 ** (index / 2 ** scale);
  const side = ({ offset, counts }: DenseBuckets, range: (lower: number, upper: number) => string) =>
    counts.map((count, i): [string, number] => [range(bound(offset + i), bound(offset + i + 1)), count]);
  const all: [string, number][] = [
    ...side(negative, (lower, upper) => `[-${upper}, -${lower})`).reverse(),
    [`[-${zeroThreshold}, ${zeroThreshold}]`, zeroCount],
    ...side(positive, (lower, upper) => `(${lower}, ${upper}]`),
  ];
  return all.filter(([, count]) => count > 0);
}

/** `give(name, value)` of flat attributes, values as they may be shown: a line feed must not end the line. */
export function mapPairs(attributes: Labels, give: (name: string, value: string) => string): string[] {
  const out: string[] = [];
  for (let i = 0; i < attributes.length; i += 2) out.push(give(attributes[i]!, printable(attributes[i + 1]!)));
  return out;
}

function printable(text: string): string {
  return text.replace(
    /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
