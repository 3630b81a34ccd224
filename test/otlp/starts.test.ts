import { expect } from 'chai';
import { makeSet, markStale, type SeriesSet, staleValues } from '#metrics';
import { StartTimes } from '#otlp';
import { batchOf, snapshotOf } from '../support/batch.ts';
import { pageOf } from '../support/otlp.ts';

const counter = () => pageOf([['counter', 'x', ['x_total']]]);
const T = 1_700_000_000_000;

describe('StartTimes', () => {
  let starts: StartTimes;
  const at = (set: SeriesSet, seconds: number, ...values: number[]) => [
    ...starts.stamp(batchOf(snapshotOf(set, values, T + seconds * 1000)))[0]!.starts,
  ];
  beforeEach(() => {
    starts = new StartTimes();
  });

  it('begins when a series is first seen and stays there', () => {
    const set = counter();
    expect(at(set, 0, 5)).to.deep.equal([T]);
    expect(at(set, 60, 5)).to.deep.equal([T]);
    expect(at(set, 120, 9)).to.deep.equal([T]);
  });

  it('moves to the sample before a reset', () => {
    const set = counter();
    at(set, 0, 5);
    at(set, 60, 7);
    expect(at(set, 120, 1)).to.deep.equal([T + 60_000]);
    expect(at(set, 180, 3)).to.deep.equal([T + 60_000]);
  });

  it('watches the count of a histogram and a summary', () => {
    const set = pageOf([
      ['histogram', 'h', ['h_bucket', { le: '+Inf' }], ['h_sum'], ['h_count']],
      ['summary', 's', ['s_sum'], ['s_count']],
    ]);
    at(set, 0, 5, 9, 5, 9, 5);
    expect(at(set, 60, 6, 1, 6, 1, 6)).to.deep.equal([T, T]);
    expect(at(set, 120, 1, 9, 1, 9, 7)).to.deep.equal([T + 60_000, T]);
  });

  it('is not known for gauges', () => {
    expect(at(pageOf([['gauge', 'g', ['g']]]), 0, 5)).to.deep.equal([]);
  });

  it('believes _created, in seconds, unless it is ahead of the sample', () => {
    const set = pageOf([['counter', 'x', ['x_total'], ['x_created']]]);
    expect(at(set, 0, 5, 1_600_000_000.25)).to.deep.equal([1_600_000_000_250]);
    expect(at(set, 60, 2, 1_800_000_000)).to.deep.equal([T]);
    expect(at(set, 120, 3, Number.NaN)).to.deep.equal([T]);
  });

  it('outlives the set, so that a new series beside it changes nothing', () => {
    at(counter(), 0, 5);
    const grown = pageOf([['counter', 'x', ['x_total'], ['x_total', { zone: 'a.' }]]]);
    expect(at(grown, 60, 6, 1)).to.deep.equal([T, T + 60_000]);
  });

  it('does not take a staleness marker for a reset, and notices one behind it', () => {
    const set = counter();
    at(set, 0, 5);
    const values = staleValues(1);
    markStale(values, 0);
    starts.stamp([{ set, values, time: T + 60_000 }]);
    expect(at(set, 120, 6)).to.deep.equal([T]);
    starts.stamp([{ set, values, time: T + 180_000 }]);
    expect(at(set, 240, 1)).to.deep.equal([T + 180_000]);
  });

  it('never begins after a sample that comes late', () => {
    const set = counter();
    at(set, 60, 5);
    at(set, 120, 1);
    expect(at(set, 30, 4)).to.deep.equal([T + 30_000]);
    expect(at(set, 180, 2)).to.deep.equal([T + 60_000]);
  });

  it('uses the time that each sample has', () => {
    const set = counter();
    const [stamped] = starts.stamp([{ set, values: Float64Array.of(1), time: T, times: Float64Array.of(T - 500) }]);
    expect([...stamped!.starts]).to.deep.equal([T - 500]);
  });

  it('hands out the same column while nothing moves, and never writes to one that it gave away', () => {
    const set = counter();
    const columns = [5, 6, 1].map((value, i) => starts.stamp([snapshotOf(set, [value], T + i * 1000)])[0]!.starts);
    expect(columns[1]).to.equal(columns[0]);
    expect([...columns[0]!]).to.deep.equal([T]);
    expect([...columns[2]!]).to.deep.equal([T + 1000]);
  });

  it('forgets series that were not seen for a quarter of an hour', () => {
    const gone = pageOf([['counter', 'gone', ['gone_total']]]);
    at(gone, 0, 1);
    const set = counter();
    at(set, 0, 1);
    for (let minute = 1; minute <= 20; minute++) at(set, minute * 60, 1);
    expect(at(makeSet([...set.series]), 21 * 60, 2)).to.deep.equal([T]);
    expect(starts.size).to.equal(1);
  });
});
