import {
  type Buckets,
  CUSTOM_BUCKETS,
  labelsOf,
  makeFamily,
  makeSeries,
  makeSet,
  type NativeHistogram,
  NO_BUCKETS,
  type SeriesSet,
  type Snapshot,
} from '#metrics';

/** `[[offset, count, count, …], …]`, a list a span. */
export const bucketsOf = (...spans: [offset: number, ...counts: number[]][]): Buckets => ({
  spans: spans.map(([offset, ...counts]) => ({ offset, length: counts.length })),
  counts: Float64Array.from(spans.flatMap(([, ...counts]) => counts)),
});

export const histogramOf = (more: Partial<NativeHistogram> = {}): NativeHistogram =>
  Object.freeze({
    schema: 0,
    isFloat: false,
    isGauge: false,
    count: 0,
    sum: 0,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: NO_BUCKETS,
    negative: NO_BUCKETS,
    ...more,
  });

/** 2 zeros, 1 and 3 on the positive side with two empty buckets between, 4 on the negative. */
export const EXPONENTIAL = histogramOf({
  schema: 3,
  count: 10,
  sum: -2.5,
  zeroThreshold: 0.001,
  zeroCount: 2,
  positive: bucketsOf([-1, 1], [2, 3]),
  negative: bucketsOf([5, 4]),
});
/** Up to 0.5: 1, to 2: none, above: 3. */
export const CUSTOM = histogramOf({
  schema: CUSTOM_BUCKETS,
  count: 4,
  sum: 7.5,
  positive: bucketsOf([0, 1], [1, 3]),
  customBounds: Float64Array.of(0.5, 2),
});

/** A native series `h{zone}` for each zone. */
export const nativeSet = (...zones: string[]): SeriesSet => {
  const family = makeFamily('h', 'histogram', 'Help of h.');
  return makeSet(zones.map((zone) => makeSeries(family, labelsOf({ __name__: 'h', job: 'j', zone }), true)));
};

/** Samples of a `nativeSet`; undefined: stale. */
export function nativeSnapshot(
  set: SeriesSet,
  histograms: (NativeHistogram | undefined)[],
  more: Partial<Snapshot> = {},
): Snapshot {
  const stale = new Float64Array(Uint32Array.of(2, 0x7ff00000).buffer);
  const values = new Float64Array(histograms.length);
  const found = new Map<number, NativeHistogram>();
  histograms.forEach((one, i) => {
    if (!one) new Uint8Array(values.buffer).set(new Uint8Array(stale.buffer), 8 * i);
    else {
      values[i] = one.sum;
      found.set(i, one);
    }
  });
  return { set, values, time: 1_700_000_000_000, ...(found.size > 0 && { histograms: found }), ...more };
}
