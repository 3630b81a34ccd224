import { isStale, type Labels } from '#metrics';
import { countOf, forEachBucket, type MetricPlan, type Stamped } from '#otlp';

/** One OTLP data point with its numbers in place. Times are milliseconds since the epoch; 0 is none. */
export interface Point {
  readonly attributes: Labels;
  readonly start: number;
  readonly time: number;
  readonly value: Value;
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
  | {
      readonly kind: 'summary';
      readonly count: number;
      readonly sum: number;
      readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
    };

export function pointsOf(metric: MetricPlan, { snapshot, starts }: Stamped): Point[] {
  const { values, time, times } = snapshot;
  const point = (of: number, start: number, attributes: Labels, value: () => Value): Point => ({
    attributes,
    start: start < 0 ? 0 : starts[start]!,
    time: times ? times[of]! : time,
    value: isStale(values, of) ? { kind: 'stale' } : value(),
  });
  if (metric.data === 'histogram') {
    return metric.points.map((one) =>
      point(one.count, one.start, one.attributes, () => {
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
      point(one.count, one.start, one.attributes, () => ({
        kind: 'summary',
        count: countOf(values[one.count]!),
        sum: values[one.sum]!,
        quantiles: one.quantiles.map(({ quantile, index }) => ({ quantile, value: values[index]! })),
      })),
    );
  }
  return metric.points.map((one) =>
    point(one.value, one.start, one.attributes, () => ({ kind: 'number', number: values[one.value]! })),
  );
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
