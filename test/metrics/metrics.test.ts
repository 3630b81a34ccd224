import { expect } from 'chai';
import {
  compareBytes,
  equalLabels,
  formatLabels,
  gather,
  Interner,
  isStale,
  labelsKey,
  labelsOf,
  labelValue,
  makeFamily,
  makeLabels,
  makeSeries,
  makeSet,
  markStale,
  type NativeHistogram,
  NO_BUCKETS,
  type Series,
  type Snapshot,
  selectSnapshot,
  sliceSnapshot,
  staleValues,
  withLabels,
} from '#metrics';
import { setOf, snapshotOf } from '../support/batch.ts';

const bits = (values: Float64Array, at = 0) =>
  new BigUint64Array(values.buffer, values.byteOffset, values.length)[at]!.toString(16);

describe('labels', () => {
  it('are sorted by name in byte order, without empty values', () => {
    expect(labelsOf({ b: '2', a: '1', c: '' })).to.deep.equal(['a', '1', 'b', '2']);
    expect(labelsOf({ '\u{1f600}': 'x', '\ufffd': 'y', z: 'w' })).to.deep.equal([
      'z',
      'w',
      '\ufffd',
      'y',
      '\u{1f600}',
      'x',
    ]);
  });

  it('are frozen', () => {
    expect(labelsOf({ a: '1' })).to.be.frozen;
  });

  it('keep the last of two values for a name', () => {
    expect(
      makeLabels([
        ['a', '1'],
        ['a', '2'],
      ]),
    ).to.deep.equal(['a', '2']);
  });

  it('compare as UTF-8 bytes do', () => {
    const sorted = ['', 'A', 'a', 'aa', 'é', 'ﬀ', '\ufffd', '\u{1f600}'];
    const shuffled = [...sorted].reverse().sort(compareBytes);
    expect(shuffled).to.deep.equal(sorted);
    expect([...sorted].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))).to.deep.equal(sorted);
  });

  it('have keys that differ when the labels do', () => {
    expect(labelsKey(labelsOf({ a: '1:1', b: '2' }))).to.not.equal(labelsKey(labelsOf({ a: '1', '1b': '2' })));
    expect(equalLabels(labelsOf({ a: '1' }), labelsOf({ a: '1' }))).to.equal(true);
    expect(equalLabels(labelsOf({ a: '1' }), labelsOf({ a: '2' }))).to.equal(false);
  });

  it('are added to and taken from', () => {
    expect(withLabels(labelsOf({ a: '1', b: '2' }), { b: '', c: '3' })).to.deep.equal(['a', '1', 'c', '3']);
    expect(labelValue(labelsOf({ a: '1' }), 'b')).to.equal('');
  });

  it('are shown as PromQL shows them', () => {
    expect(formatLabels(labelsOf({ __name__: 'up', job: 'a"b' }))).to.equal('up{job="a\\"b"}');
  });
});

describe('Interner', () => {
  const family = (table: Interner) => table.family('x', 'gauge', 'help');
  const some = (table: Interner, ...values: string[]): Series[] =>
    values.map((v) => table.series(family(table), labelsOf({ __name__: 'x', v })));

  it('gives the same series for the same labels and family', () => {
    const table = new Interner();
    expect(some(table, 'a')[0]).to.equal(some(table, 'a')[0]);
    expect(table.series(table.family('x', 'counter'), labelsOf({ __name__: 'x', v: 'a' }))).to.not.equal(
      some(table, 'a')[0],
    );
  });

  it('gives the same set while the source reports the same series', () => {
    const table = new Interner();
    const first = table.set(some(table, 'a', 'b'));
    expect(table.set(some(table, 'a', 'b'))).to.equal(first);
    expect(first).to.be.frozen;
    expect(first.series).to.be.frozen;
  });

  it('makes a new set when a series comes, goes or moves, and keeps the other series', () => {
    const table = new Interner();
    const first = table.set(some(table, 'a', 'b'));
    const more = table.set(some(table, 'a', 'b', 'c'));
    expect(more).to.not.equal(first);
    expect(more.series.slice(0, 2)).to.deep.equal(first.series);
    expect(more.series[0]).to.equal(first.series[0]);
    expect(table.set(some(table, 'b', 'a'))).to.not.equal(first);
  });

  it('does not grow past the live series', () => {
    const table = new Interner();
    for (let i = 0; i < 1000; i++) table.set(some(table, 'fixed', `churn ${i}`));
    expect(table.size).to.equal(2);
    expect(some(table, 'fixed')[0]).to.equal(some(table, 'fixed')[0]);
  });
});

describe('staleness markers', () => {
  it('have the exact bits of Prometheus', () => {
    expect(bits(staleValues(2), 1)).to.equal('7ff0000000000002');
    const values = Float64Array.from([1, 2]);
    markStale(values, 1);
    expect(bits(values, 1)).to.equal('7ff0000000000002');
    expect(values[0]).to.equal(1);
  });

  it('are told from every other NaN and number', () => {
    const values = new Float64Array(4);
    new BigUint64Array(values.buffer).set([0x7ff0000000000002n, 0x7ff8000000000001n, 0x7ff0000000000000n, 0n]);
    expect([0, 1, 2, 3].map((i) => isStale(values, i))).to.deep.equal([true, false, false, false]);
    expect(isStale(values.subarray(1), 0)).to.equal(false);
  });

  it('survive gathering, with every other NaN payload', () => {
    const values = new Float64Array(3);
    new BigUint64Array(values.buffer).set([0x7ff0000000000002n, 0x7ff8000000000001n, 0x4000000000000000n]);
    const out = gather(values, Uint32Array.of(2, 0, 1));
    expect([0, 1, 2].map((i) => bits(out, i))).to.deep.equal([
      '4000000000000000',
      '7ff0000000000002',
      '7ff8000000000001',
    ]);
  });

  it('survive gathering from a part of a larger buffer', () => {
    const values = staleValues(3).subarray(1);
    expect(isStale(gather(values, Uint32Array.of(1)), 0)).to.equal(true);
  });
});

describe('sliceSnapshot', () => {
  const whole = snapshotOf(setOf([['a'], ['b'], ['c']]), [1, 2, 3]);

  it('gives the same set for the same cut', () => {
    expect(sliceSnapshot(whole, 1, 3).set).to.equal(sliceSnapshot(whole, 1, 3).set);
    expect(sliceSnapshot(whole, 1, 3).set.series).to.deep.equal(whole.set.series.slice(1));
    expect([...sliceSnapshot(whole, 1, 3).values]).to.deep.equal([2, 3]);
  });

  it('is the snapshot itself for the whole', () => {
    expect(sliceSnapshot(whole, 0, 3)).to.equal(whole);
  });

  it('cuts the times along', () => {
    const timed = { ...whole, times: Float64Array.of(10, 20, 30) };
    expect([...sliceSnapshot(timed, 0, 2).times!]).to.deep.equal([10, 20]);
  });
});

describe('selectSnapshot', () => {
  const histogram: NativeHistogram = {
    schema: 0,
    isFloat: false,
    isGauge: false,
    count: 1,
    sum: 2,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: { spans: [{ offset: 1, length: 1 }], counts: Float64Array.of(1) },
    negative: NO_BUCKETS,
  };
  const whole: Snapshot = {
    ...snapshotOf(setOf([['a'], ['b'], ['c']]), [1, 2, 3], 100),
    times: Float64Array.of(1, 2, 3),
    starts: Float64Array.of(0, 20, 30),
    histograms: new Map([[2, histogram]]),
    exemplars: [
      { index: 0, labels: labelsOf({ trace_id: 'x' }), value: 1 },
      { index: 2, labels: labelsOf({ trace_id: 'y' }), value: 3 },
    ],
  };

  it('takes along whatever belongs to a sample', () => {
    const set = makeSet([whole.set.series[2]!, whole.set.series[0]!]);
    expect(selectSnapshot(whole, set, Uint32Array.of(2, 0))).to.deep.equal({
      set,
      values: Float64Array.of(3, 1),
      time: 100,
      times: Float64Array.of(3, 1),
      starts: Float64Array.of(30, 0),
      histograms: new Map([[0, histogram]]),
      exemplars: [
        { ...whole.exemplars![1]!, index: 0 },
        { ...whole.exemplars![0]!, index: 1 },
      ],
    });
  });

  it('leaves out what no sample has any more', () => {
    const set = makeSet([whole.set.series[1]!]);
    const left = selectSnapshot(whole, set, Uint32Array.of(1));
    expect(left).to.have.all.keys('set', 'values', 'time', 'times', 'starts');
  });

  it('a slice does so too', () => {
    const cut = sliceSnapshot(whole, 1, 3);
    expect([...cut.starts!]).to.deep.equal([20, 30]);
    expect(cut.histograms).to.deep.equal(new Map([[1, histogram]]));
    expect(cut.exemplars).to.deep.equal([{ ...whole.exemplars![1]!, index: 1 }]);
  });
});

describe('makeSeries', () => {
  it('is frozen, and so is the family', () => {
    const series = makeSeries(makeFamily('x'), labelsOf({ __name__: 'x' }));
    expect(series).to.be.frozen;
    expect(series.family).to.be.frozen;
    expect(series.family.type).to.equal('unknown');
  });
});
