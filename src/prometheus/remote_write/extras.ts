import type { Exemplar, Labels } from '#metrics';
import { Bytes } from './bytes.ts';
import { type HistogramSample, writeHistogram } from './histogram.ts';

const series = new Bytes();
const inner = new Bytes();
const bits = new BigUint64Array(1);
const number = new Float64Array(bits.buffer);

/** A TimeSeries of Remote Write 1.0 with one native histogram. */
export function writeNative(out: Bytes, labels: Labels, sample: HistogramSample): void {
  series.clear();
  writeLabels(series, 0x0a, labels);
  writeHistogram(series, 0x22, { ...sample, start: 0 });
  out.nested(0x0a, series.view());
}

/** A TimeSeries of Remote Write 1.0 with nothing but exemplars, as Prometheus sends them. */
export function writeExemplars(out: Bytes, labels: Labels, exemplars: readonly Required<Exemplar>[]): void {
  series.clear();
  writeLabels(series, 0x0a, labels);
  for (const exemplar of exemplars) {
    inner.clear();
    writeLabels(inner, 0x0a, exemplar.labels);
    number[0] = exemplar.value;
    inner.bits(0x11, bits[0]!);
    inner.int64(0x18, exemplar.timestamp);
    series.nested(0x1a, inner.view());
  }
  out.nested(0x0a, series.view());
}

const pair = new Bytes();

export function writeLabels(to: Bytes, tag: number, labels: Labels): void {
  for (let i = 0; i < labels.length; i += 2) {
    pair.clear();
    pair.text(0x0a, labels[i]!);
    pair.text(0x12, labels[i + 1]!);
    to.nested(tag, pair.view());
  }
}
