import type { Labels } from './labels.ts';

/** Counts of neighbouring buckets: `spans` say which buckets `counts` belong to, in order. */
export interface Buckets {
  /** `offset`: of the first span its first bucket's index; of later ones the gap to the span before. */
  readonly spans: readonly Span[];
  /** One a bucket of the spans, absolute (no deltas, not cumulative). Integers above 2^53 are rounded. */
  readonly counts: Float64Array;
}
export interface Span {
  readonly offset: number;
  readonly length: number;
}

export const NO_BUCKETS: Buckets = Object.freeze({ spans: Object.freeze([]), counts: new Float64Array(0) });

/**
 * One sample of a native histogram (Prometheus' model/histogram). Bucket `i` of a standard schema holds values in
 * (base^(i-1), base^i] with base = 2^(2^-schema).
 */
export interface NativeHistogram {
  /** -4 to 8, or CUSTOM_BUCKETS. */
  readonly schema: number;
  /** Counts may be fractions (Prometheus' float histogram). */
  readonly isFloat: boolean;
  readonly isGauge: boolean;
  readonly count: number;
  readonly sum: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: Buckets;
  readonly negative: Buckets;
  /** Upper bounds of the buckets of CUSTOM_BUCKETS, ascending, without +Inf. */
  readonly customBounds?: Float64Array;
}

/** The schema of histograms whose bounds are listed (NHCB: classic histograms in native form). */
export const CUSTOM_BUCKETS = -53;

/** An exemplar of one sample. */
export interface Exemplar {
  /** Which of the snapshot's samples it belongs to. */
  readonly index: number;
  /** Without `__name__`. */
  readonly labels: Labels;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly timestamp?: number;
}
