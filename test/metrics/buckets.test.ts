import { expect } from 'chai';
import {
  type Buckets,
  CUSTOM_BUCKETS,
  compactBuckets,
  forEachNativeBucket,
  histogramFault,
  type NativeHistogram,
  NO_BUCKETS,
  withSchema,
} from '#metrics';

/** `[[offset, count, count, …], …]`, a list a span. */
const bucketsOf = (...spans: [offset: number, ...counts: number[]][]): Buckets => ({
  spans: spans.map(([offset, ...counts]) => ({ offset, length: counts.length })),
  counts: Float64Array.from(spans.flatMap(([, ...counts]) => counts)),
});
const listed = (buckets: Buckets): [number, number][] => {
  const all: [number, number][] = [];
  forEachNativeBucket(buckets, (index, count) => all.push([index, count]));
  return all;
};
const histogramOf = (more: Partial<NativeHistogram>): NativeHistogram => ({
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

describe('buckets of native histograms', () => {
  it('have indexes that count on from span to span', () => {
    expect(listed(bucketsOf([-2, 1, 2], [3, 4]))).to.deep.equal([
      [-2, 1],
      [-1, 2],
      [3, 4],
    ]);
  });

  const compacts = (title: string, from: Buckets, to: Buckets, maxEmpty = 0) =>
    it(`compacted: ${title}`, () => {
      const compact = compactBuckets(from, maxEmpty);
      expect(compact).to.deep.equal(to);
      expect(compactBuckets(compact, maxEmpty)).to.deep.equal(compact);
    });
  compacts('empty buckets at the ends go', bucketsOf([5, 0, 0, 3, 0]), bucketsOf([7, 3]));
  compacts('a gap in a span ends the span', bucketsOf([0, 1, 0, 2]), bucketsOf([0, 1], [1, 2]));
  compacts('spans without a gap become one', bucketsOf([0, 1], [0, 2]), bucketsOf([0, 1, 2]));
  compacts('spans of no length only move the next', bucketsOf([2], [3, 1]), bucketsOf([5, 1]));
  compacts('nothing is left of empty buckets', bucketsOf([2, 0, 0], [3, 0]), NO_BUCKETS);
  compacts(
    'few empty ones may stay',
    bucketsOf([0, 1, 0, 2], [2, 3], [3, 4]),
    bucketsOf([0, 1, 0, 2, 0, 0, 3], [3, 4]),
    2,
  );

  it('stay the same object when there is nothing to leave out', () => {
    const buckets = bucketsOf([4, 1, 2], [1, 3]);
    expect(compactBuckets(buckets)).to.equal(buckets);
  });

  it('become coarser with the schema: each twice as wide, its upper bound still in it', () => {
    const fine = histogramOf({ schema: 1, positive: bucketsOf([-3, 1, 2, 3, 4, 5], [2, 6]), count: 21 });
    const coarse = withSchema(fine, 0);
    expect(coarse).to.include({ schema: 0, count: 21 });
    // (-3) to -1; -2, -1 to -1, 0; 0, 1 to 0, 1; 4 to 2.
    expect(listed(coarse.positive)).to.deep.equal([
      [-1, 3],
      [0, 7],
      [1, 5],
      [2, 6],
    ]);
    expect(withSchema(withSchema(fine, 0), -1)).to.deep.equal(withSchema(fine, -1));
  });

  const faulty = (title: string, more: Partial<NativeHistogram>, fault: RegExp | undefined) =>
    it(`${title} is ${fault ? 'refused' : 'sound'}`, () => {
      if (fault) expect(histogramFault(histogramOf(more))).to.match(fault);
      else expect(histogramFault(histogramOf(more))).to.equal(undefined);
    });
  const three = { positive: bucketsOf([0, 1, 2]), count: 3 };
  faulty('a histogram whose buckets make its count', three, undefined);
  faulty('one with a schema nobody knows', { ...three, schema: 9 }, /schema 9/);
  faulty(
    'one with too few buckets',
    { positive: { ...bucketsOf([0, 1]), counts: new Float64Array(0) } },
    /spans for 1/,
  );
  faulty('one whose spans overlap', { positive: bucketsOf([3, 1], [-1, 2]), count: 3 }, /goes back/);
  faulty('one that counts below zero', { positive: bucketsOf([0, -1]), count: -1 }, /negative/);
  faulty('one with another count', { ...three, count: 4 }, /3 observations.*count of 4/);
  faulty('one that saw NaN and so counts more', { ...three, count: 4, sum: Number.NaN }, undefined);
  faulty('one of floats with another count', { ...three, count: 4, isFloat: true }, undefined);
  const custom = { schema: CUSTOM_BUCKETS, customBounds: Float64Array.of(-Infinity, 1, 2) };
  faulty('one with custom bounds', { ...custom, ...three }, undefined);
  faulty('one with too few custom bounds', { ...custom, positive: bucketsOf([3, 1, 1]), count: 2 }, /too few/);
  faulty('one whose bounds fall', { ...custom, ...three, customBounds: Float64Array.of(2, 1) }, /do not rise/);
  faulty('one with a bound of +Inf', { ...custom, ...three, customBounds: Float64Array.of(1, Infinity) }, /not finite/);
  faulty('one with custom bounds and zeros', { ...custom, ...three, zeroCount: 1, count: 4 }, /zero bucket/);
});
