/** What is done with the buckets of native histograms: Prometheus' model/histogram, on absolute counts. */
import { type Buckets, CUSTOM_BUCKETS, type NativeHistogram, NO_BUCKETS, type Span } from './histogram.ts';

/** The finest and the coarsest schema of buckets whose bounds are powers of two. */
export const FINEST_SCHEMA = 8;
export const COARSEST_SCHEMA = -4;

/** Gives every bucket of the spans with its index, in ascending order. */
export function forEachNativeBucket({ spans, counts }: Buckets, each: (index: number, count: number) => void): void {
  let index = 0;
  let at = 0;
  for (const { offset, length } of spans) {
    index += offset;
    for (let i = 0; i < length; i++) each(index++, counts[at++]!);
  }
}

/** Gathers buckets, whose indexes must not go down; those of one index are added up. */
class BucketBuilder {
  readonly #spans: { offset: number; length: number }[] = [];
  readonly #counts: number[] = [];
  readonly #fill: number;
  #last = 0;

  /** So many missing buckets between two are written as zeros, in place of a new span. */
  constructor(fill: number) {
    this.#fill = fill;
  }

  add(index: number, count: number): void {
    const span = this.#spans.at(-1);
    if (!span) this.#spans.push({ offset: index, length: 1 });
    else if (index === this.#last) {
      this.#counts[this.#counts.length - 1]! += count;
      return;
    } else if (index - this.#last - 1 > this.#fill) this.#spans.push({ offset: index - this.#last - 1, length: 1 });
    else {
      for (let missing = this.#last + 1; missing < index; missing++) this.#counts.push(0);
      span.length += index - this.#last;
    }
    this.#counts.push(count);
    this.#last = index;
  }

  finish(): Buckets {
    if (this.#spans.length === 0) return NO_BUCKETS;
    return Object.freeze({ spans: Object.freeze(this.#spans), counts: Float64Array.from(this.#counts) });
  }
}

/**
 * The same buckets without empty ones, but for at most `maxEmpty` in a row between others (Prometheus' Compact). The same
 * object when there is nothing to leave out.
 */
export function compactBuckets(buckets: Buckets, maxEmpty = 0): Buckets {
  if (isCompact(buckets, maxEmpty)) return buckets;
  const builder = new BucketBuilder(maxEmpty);
  forEachNativeBucket(buckets, (index, count) => {
    if (count !== 0) builder.add(index, count);
  });
  return builder.finish();
}

function isCompact({ spans, counts }: Buckets, maxEmpty: number): boolean {
  if (counts.includes(0)) return false;
  return spans.every(({ offset, length }: Span, i) => length > 0 && (i === 0 || offset > maxEmpty));
}

/** The same observations in the coarser buckets of `schema`. Not for CUSTOM_BUCKETS. */
export function withSchema(histogram: NativeHistogram, schema: number): NativeHistogram {
  const by = 2 ** (histogram.schema - schema);
  const coarser = (buckets: Buckets): Buckets => {
    const builder = new BucketBuilder(0);
    forEachNativeBucket(buckets, (index, count) => builder.add(Math.floor((index - 1) / by) + 1, count));
    return builder.finish();
  };
  return Object.freeze({
    ...histogram,
    schema,
    positive: coarser(histogram.positive),
    negative: coarser(histogram.negative),
  });
}

/** Why storage would refuse it, in Prometheus' words (Histogram.Validate); undefined when it is sound. */
export function histogramFault(histogram: NativeHistogram): string | undefined {
  const { schema, positive, negative } = histogram;
  const custom = schema === CUSTOM_BUCKETS;
  if (!custom && !(Number.isInteger(schema) && schema >= COARSEST_SCHEMA && schema <= FINEST_SCHEMA)) {
    return `has the schema ${schema}, which must be between ${COARSEST_SCHEMA} and ${FINEST_SCHEMA}`;
  }
  return (
    (custom ? customFault(histogram) : undefined) ??
    sideFault('positive', positive) ??
    sideFault('negative', negative) ??
    countFault(histogram)
  );
}

function sideFault(side: string, { spans, counts }: Buckets): string | undefined {
  const room = spans.reduce((sum, { length }) => sum + length, 0);
  if (room !== counts.length) return `has spans for ${room} ${side} buckets, but ${counts.length} of them`;
  if (spans.some(({ offset }, i) => i > 0 && offset < 0)) return `has a ${side} span that goes back`;
  return counts.some((count) => count < 0) ? `has a ${side} bucket with a negative count` : undefined;
}

function customFault({ customBounds = NO_BOUNDS, positive, negative, zeroCount, zeroThreshold }: NativeHistogram) {
  for (let i = 0; i < customBounds.length; i++) {
    if (!(customBounds[i]! < Infinity)) return 'has a bound that is not finite';
    if (i > 0 && customBounds[i]! <= customBounds[i - 1]!) return 'has bounds that do not rise';
  }
  if (positive.spans.some(({ offset }) => offset < 0)) return 'has a positive span that goes back';
  const room = positive.spans.reduce((sum, { offset, length }) => sum + offset + length, 0);
  if (room > customBounds.length + 1) return `has ${customBounds.length} bounds, too few for its buckets`;
  const more = negative.spans.length + negative.counts.length > 0 || zeroCount !== 0 || zeroThreshold !== 0;
  return more ? 'has custom bounds, and a zero bucket or negative buckets' : undefined;
}

const NO_BOUNDS = new Float64Array(0);

function countFault({ isFloat, count, sum, zeroCount, positive, negative }: NativeHistogram): string | undefined {
  if (zeroCount < 0 || count < 0) return 'has a negative count';
  if (isFloat) return undefined;
  const all = zeroCount + total(positive) + total(negative);
  // Beyond this a double does not hold every whole number.
  if (count > Number.MAX_SAFE_INTEGER) return undefined;
  // Observations of NaN are counted and lie in no bucket.
  const fits = Number.isNaN(sum) ? all <= count : all === count;
  return fits ? undefined : `has ${all} observations in its buckets, but a count of ${count}`;
}

const total = ({ counts }: Buckets): number => counts.reduce((sum, count) => sum + count, 0);
