import type { NativeHistogram } from '#metrics';
import type { DecodedHistogram } from './write_request.ts';

/** A native histogram with something in every corner. */
export const HISTOGRAM: NativeHistogram = {
  schema: 3,
  isFloat: false,
  isGauge: false,
  count: 2 ** 53,
  sum: 12.5,
  zeroThreshold: 1e-128,
  zeroCount: 2,
  positive: {
    spans: [
      { offset: -3, length: 2 },
      { offset: 4, length: 1 },
    ],
    counts: Float64Array.of(5, 3, 2 ** 52),
  },
  negative: { spans: [{ offset: 1, length: 1 }], counts: Float64Array.of(7) },
};

/** What it is in a message of either version. Its sum's bits come from the snapshot's values, where 12.5 has to stand. */
export const encodedHistogram = (time: number): DecodedHistogram => ({
  countInt: 2 ** 53,
  sum: 12.5,
  sumBits: '4029000000000000',
  schema: 3,
  zeroThreshold: 1e-128,
  zeroCountInt: 2,
  negativeSpans: [{ offset: 1, length: 1 }],
  negativeDeltas: [7],
  negativeCounts: [],
  positiveSpans: [
    { offset: -3, length: 2 },
    { offset: 4, length: 1 },
  ],
  positiveDeltas: [5, -2, 2 ** 52 - 3],
  positiveCounts: [],
  resetHint: 0,
  time,
  customValues: [],
});
