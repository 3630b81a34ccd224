import type { Buckets, NativeHistogram } from '#metrics';
import { Bytes } from './bytes.ts';

/** Histogram.ResetHint: Prometheus works out counter resets itself; a gauge has none. */
const GAUGE = 3;

export interface HistogramSample {
  /** Undefined for a staleness marker, which Prometheus sends as a histogram of nothing but that sum. */
  readonly histogram: NativeHistogram | undefined;
  readonly sum: bigint;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The same, of the start; 0 where unknown. Remote Write 1.0 has no field for it. */
  readonly start: number;
}

const inside = new Bytes();
const packed = new Bytes();

/** A Histogram message as a field. The fields of both versions have the same numbers (prompb/types.proto). */
export function writeHistogram(out: Bytes, tag: number, { histogram, sum, time, start }: HistogramSample): void {
  inside.clear();
  if (histogram) {
    counts(histogram);
    inside.bits(0x19, sum);
    shape(histogram);
  } else {
    inside.int64(0x08, 0);
    inside.bits(0x19, sum);
  }
  inside.int64(0x78, time);
  if (histogram?.customBounds) doubles(0x82, histogram.customBounds);
  if (start) inside.int64(0x88, start);
  out.nested(tag, inside.view());
}

function counts({ isFloat, count }: NativeHistogram): void {
  if (isFloat) inside.double(0x11, count);
  else inside.int64(0x08, count);
}

function shape(histogram: NativeHistogram): void {
  const { schema, zeroThreshold, zeroCount, isFloat, isGauge, negative, positive } = histogram;
  if (schema !== 0) {
    inside.tag(0x20);
    inside.zigzag(schema);
  }
  if (zeroThreshold !== 0) inside.double(0x29, zeroThreshold);
  if (isFloat) inside.double(0x39, zeroCount);
  else inside.int64(0x30, zeroCount);
  buckets(negative, isFloat, 0x42);
  buckets(positive, isFloat, 0x5a);
  if (isGauge) inside.int64(0x70, GAUGE);
}

/** Spans are field n, whole counts (as differences) n + 1, fractions n + 2. */
function buckets({ spans, counts: all }: Buckets, isFloat: boolean, spanTag: number): void {
  for (const { offset, length } of spans) {
    packed.clear();
    if (offset !== 0) {
      packed.byte(0x08);
      packed.zigzag(offset);
    }
    if (length !== 0) packed.int64(0x10, length);
    inside.nested(spanTag, packed.view());
  }
  if (all.length === 0) return;
  if (isFloat) {
    doubles(spanTag + 16, all);
    return;
  }
  packed.clear();
  let last = 0;
  for (const count of all) {
    packed.zigzag(count - last);
    last = count;
  }
  inside.nested(spanTag + 8, packed.view());
}

function doubles(tag: number, all: Float64Array): void {
  packed.clear();
  for (const value of all) {
    const at = packed.reserve(8);
    packed.buffer.writeDoubleLE(value, at);
  }
  inside.nested(tag, packed.view());
}
