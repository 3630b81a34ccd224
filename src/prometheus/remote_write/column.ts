import type { NativeHistogram, Snapshot } from '#metrics';
import type { HistogramSample } from './histogram.ts';

/** Values as bits, so that a NaN keeps its own; a copy from one such array to bytes makes no BigInt. */
export const bitsOf = ({ values }: Snapshot): BigUint64Array =>
  new BigUint64Array(values.buffer, values.byteOffset, values.length);

export const timeOf = ({ times, time }: Snapshot, at: number): number => Math.trunc(times ? times[at]! : time);

const STALE = 0x7ff0000000000002n;

/** Sample `at` of a native series. What is not there is a staleness marker. */
export function histogramSample(snapshot: Snapshot, at: number, start: number): HistogramSample {
  const histogram: NativeHistogram | undefined = snapshot.histograms?.get(at);
  return { histogram, sum: histogram ? bitsOf(snapshot)[at]! : STALE, time: timeOf(snapshot, at), start };
}
