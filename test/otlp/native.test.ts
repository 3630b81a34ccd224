import { expect } from 'chai';
import { type Exemplar, labelsOf, makeFamily, makeSeries, makeSet, type Snapshot } from '#metrics';
import { createJsonEncoder, createProtobufEncoder, exponentialOf, StartTimes } from '#otlp';
import { bucketsOf, CUSTOM, EXPONENTIAL, histogramOf, nativeSet, nativeSnapshot } from '../support/histograms.ts';
import { decodeRequest, flatPoints, SCOPE, withoutDefaults } from '../support/otlp.ts';
import type { Message } from '../support/protobuf.ts';

const NOW = '1700000000000000000';

/** Points in the shape of OTLP/JSON, but for the ids of exemplars: `[data, point]` each, from both encodings alike. */
function pointsOf(...snapshots: Snapshot[]): [string, Message][] {
  const stamped = new StartTimes().stamp(snapshots);
  const encoder = createProtobufEncoder(SCOPE);
  const bytes = encoder.encode(stamped);
  expect(encoder.size(stamped)).to.equal(bytes.length);
  const points = (request: Message) =>
    flatPoints(request)
      .map(({ metric, data, point, attributes }): [string, Message] => [
        data,
        withoutDefaults({ ...point, of: `${metric} ${Object.values(attributes)}` }) as Message,
      ])
      .sort(([, a], [, b]) => (String(a.of) < String(b.of) ? -1 : 1));
  const fromProtobuf = points(decodeRequest(bytes));
  const fromJson = points(JSON.parse(createJsonEncoder(SCOPE).encode(stamped)));
  const inBase64 = JSON.parse(JSON.stringify(fromJson), (key, value) =>
    key === 'traceId' || key === 'spanId' ? Buffer.from(value, 'hex').toString('base64') : value,
  );
  expect(fromProtobuf).to.deep.equal(inBase64);
  return fromProtobuf;
}

describe('OTLP of native histograms', () => {
  it('is an exponential histogram, whose buckets stand without gaps and begin one lower', () => {
    expect(pointsOf(nativeSnapshot(nativeSet('a.'), [EXPONENTIAL]))).to.deep.equal([
      [
        'exponentialHistogram',
        {
          of: 'h a.',
          startTimeUnixNano: NOW,
          timeUnixNano: NOW,
          count: '10',
          sum: -2.5,
          scale: 3,
          zeroCount: '2',
          zeroThreshold: 0.001,
          positive: { offset: -2, bucketCounts: ['1', '0', '0', '3'] },
          negative: { offset: 4, bucketCounts: ['4'] },
        },
      ],
    ]);
  });

  it('is a histogram with explicit bounds where those are custom', () => {
    expect(pointsOf(nativeSnapshot(nativeSet('a.'), [CUSTOM]))).to.deep.equal([
      [
        'histogram',
        {
          of: 'h a.',
          startTimeUnixNano: NOW,
          timeUnixNano: NOW,
          count: '4',
          sum: 7.5,
          explicitBounds: [0.5, 2],
          bucketCounts: ['1', '0', '3'],
        },
      ],
    ]);
  });

  it('is of both types where a metric has both kinds', () => {
    const points = pointsOf(nativeSnapshot(nativeSet('a.', 'b.', 'c.'), [CUSTOM, EXPONENTIAL, CUSTOM]));
    expect(points.map(([data]) => data)).to.deep.equal(['histogram', 'exponentialHistogram', 'histogram']);
  });

  it('has no recorded value when stale, in the type that the series had', () => {
    const set = nativeSet('a.', 'b.');
    pointsOf(nativeSnapshot(set, [CUSTOM, EXPONENTIAL]));
    const stale = { timeUnixNano: NOW, startTimeUnixNano: NOW, flags: 1 };
    expect(pointsOf(nativeSnapshot(makeSet(set.series), [undefined, undefined]))).to.deep.equal([
      ['histogram', { of: 'h a.', ...stale }],
      ['exponentialHistogram', { of: 'h b.', ...stale }],
    ]);
  });

  it('carries fractions on, so that counts stay whole and add up', () => {
    const positive = bucketsOf([0, 0.5, 0.5, 0.5, 1]);
    const { count, positive: dense } = exponentialOf(histogramOf({ isFloat: true, count: 2.5, positive }));
    expect([count, dense.counts.reduce((a, b) => a + b, 0)]).to.deep.equal([3, 3]);
  });

  it('is made coarser before its empty buckets fill the memory', () => {
    const far = histogramOf({ schema: 8, count: 2, positive: bucketsOf([-200_000, 1], [400_000, 1]) });
    const { scale, positive } = exponentialOf(far);
    expect(scale).to.equal(4);
    expect(positive.counts).to.have.length(25_002);
    const absurd = histogramOf({ schema: 0, count: 2, positive: bucketsOf([-(2 ** 31), 1], [2 ** 31 - 1, 1]) });
    const made = exponentialOf(absurd);
    expect(made.positive.counts.length).to.be.below(40_000);
    expect(made.positive.counts.reduce((a, b) => a + b, 0)).to.equal(2);
  });

  it('may be one of very many, and have very many buckets', () => {
    const many = 150_000;
    const g = makeFamily('g', 'gauge');
    const gauges = Array.from({ length: many }, (_, i) => makeSeries(g, labelsOf({ __name__: 'g', i: `${i}` })));
    const set = makeSet([...nativeSet('a.').series].concat(gauges));
    const wide = { ...CUSTOM, customBounds: Float64Array.from(gauges, (_, i) => i) };
    const values = new Float64Array(many + 1);
    const snapshot = { set, values, time: 1_700_000_000_000, histograms: new Map([[0, wide]]) };
    const stamped = new StartTimes().stamp([snapshot]);
    expect(createProtobufEncoder(SCOPE).encode(stamped).length).to.be.above(1_000_000);
    expect(createJsonEncoder(SCOPE).encode(stamped).length).to.be.above(1_000_000);
  });

  it('has the counts of more than 32 bits', () => {
    const many = 2 ** 40 + 5;
    const [[, point]] = pointsOf(
      nativeSnapshot(nativeSet('a.'), [histogramOf({ count: many, positive: bucketsOf([1, many]) })]),
    ) as [[string, Message]];
    expect(point.count).to.equal(String(many));
    expect(point.positive).to.deep.equal({ bucketCounts: [String(many)] });
  });

  describe('start times', () => {
    const T = 1_700_000_000_000;
    const startOf = (starts: StartTimes, snapshot: Snapshot) => starts.stamp([snapshot])[0]!.starts[0];
    const counted = (count: number, sum = 0) => histogramOf({ count, sum });

    it('are what the source says', () => {
      const snapshot = nativeSnapshot(nativeSet('a.'), [EXPONENTIAL], { starts: Float64Array.of(T - 5) });
      expect(startOf(new StartTimes(), snapshot)).to.equal(T - 5);
    });

    it('move when the count falls, not when the sum does', () => {
      const set = nativeSet('a.');
      const starts = new StartTimes();
      const at = (s: number, count: number, sum: number) =>
        startOf(starts, nativeSnapshot(set, [counted(count, sum)], { time: T + s * 1000 }));
      expect([at(0, 5, 9), at(1, 6, -9), at(2, 1, 0)]).to.deep.equal([T, T, T + 1000]);
    });

    it('are none for gauges', () => {
      const set = makeSet([makeSeries(makeFamily('g', 'gaugehistogram'), labelsOf({ __name__: 'g' }), true)]);
      const [[, point]] = pointsOf(nativeSnapshot(set, [EXPONENTIAL])) as [[string, Message]];
      expect(point).to.not.have.property('startTimeUnixNano');
    });
  });
});

describe('OTLP of exemplars', () => {
  const exemplar = (index: number, labels: Record<string, string>, timestamp?: number): Exemplar => ({
    index,
    labels: labelsOf(labels),
    value: index + 0.5,
    ...(timestamp && { timestamp }),
  });
  const seconds = makeFamily('took_seconds', 'histogram');
  const set = makeSet([
    makeSeries(makeFamily('x', 'counter'), labelsOf({ __name__: 'x_total' })),
    makeSeries(makeFamily('g', 'gauge'), labelsOf({ __name__: 'g' })),
    ...['0.5', '+Inf'].map((le) => makeSeries(seconds, labelsOf({ __name__: 'took_seconds_bucket', le }))),
    makeSeries(seconds, labelsOf({ __name__: 'took_seconds_count' })),
    makeSeries(seconds, labelsOf({ __name__: 'took_seconds_sum' })),
    ...nativeSet('a.').series,
  ]);
  const snapshotOf = (exemplars?: Exemplar[]): Snapshot => ({
    set,
    values: Float64Array.of(1, 2, 3, 4, 4, 5, -2.5),
    time: 1_700_000_000_000,
    histograms: new Map([[6, EXPONENTIAL]]),
    ...(exemplars && { exemplars }),
  });
  const exemplarsOf = (...exemplars: Exemplar[]): Record<string, unknown> =>
    Object.fromEntries(
      pointsOf(snapshotOf(exemplars)).flatMap(([, { of, exemplars }]) => (exemplars ? [[of, exemplars]] : [])),
    );
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

  it('stand at the points of their samples, all buckets of a histogram at one', () => {
    const id = (value: string) => ({ id: value });
    const found = exemplarsOf(
      exemplar(0, id('counter'), 1_600_000_000_001),
      exemplar(1, id('gauge')),
      exemplar(2, id('bucket')),
      exemplar(3, id('infinite')),
      exemplar(6, id('native')),
      exemplar(6, id('native too')),
    );
    const one = (value: string, asDouble: number, timeUnixNano = NOW) => ({
      timeUnixNano,
      asDouble,
      filteredAttributes: [text('id', value)],
    });
    expect(found).to.deep.equal({
      'x_total ': [one('counter', 0.5, '1600000000001000000')],
      'g ': [one('gauge', 1.5)],
      'took_seconds ': [one('bucket', 2.5), one('infinite', 3.5)],
      'h a.': [one('native', 6.5), one('native too', 6.5)],
    });
  });

  it('have trace and span ids of their own, short ones padded, and labels where they are none', () => {
    const found = exemplarsOf(
      exemplar(0, { trace_id: '0123456789abcdef0123456789ABCDEF', Span_ID: 'ab', more: 'x' }),
      exemplar(1, { trace_id: 'not hex', span_id: '00112233445566778899' }),
    );
    const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
    expect(found).to.deep.equal({
      'x_total ': [
        {
          timeUnixNano: NOW,
          asDouble: 0.5,
          traceId: base64('0123456789abcdef0123456789abcdef'),
          spanId: base64('00000000000000ab'),
          filteredAttributes: [text('more', 'x')],
        },
      ],
      'g ': [
        {
          timeUnixNano: NOW,
          asDouble: 1.5,
          filteredAttributes: [text('span_id', '00112233445566778899'), text('trace_id', 'not hex')],
        },
      ],
    });
  });

  it('change nothing else, whether a metric has them for the first time or has them no more', () => {
    const encoder = createProtobufEncoder(SCOPE);
    const starts = new StartTimes();
    const points = (...exemplars: Exemplar[]) =>
      flatPoints(decodeRequest(encoder.encode(starts.stamp([snapshotOf(exemplars)]))))
        .map(({ metric, point: { exemplars, ...point } }) => [metric, point, exemplars ? 1 : 0])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    const first = points();
    const counts = [[], [exemplar(0, { a: 'b' })], [exemplar(3, { a: 'b' })], []].map((some) => {
      const got = points(...some);
      expect(got.map(([metric, point]) => [metric, point])).to.deep.equal(first.map(([m, p]) => [m, p]));
      return got.reduce((sum, [, , n]) => sum + Number(n), 0);
    });
    expect(counts).to.deep.equal([0, 1, 1, 0]);
  });

  it('of summaries are left out, as OTLP has none there', () => {
    const summary = makeFamily('s', 'summary');
    const series = ['s_sum', 's_count'].map((name) => makeSeries(summary, labelsOf({ __name__: name })));
    const exemplars = [exemplar(1, { a: 'b' })];
    const snapshot = { set: makeSet(series), values: Float64Array.of(1, 2), time: 1_700_000_000_000, exemplars };
    expect(pointsOf(snapshot)).to.deep.equal([
      ['summary', { of: 's ', startTimeUnixNano: NOW, timeUnixNano: NOW, count: '2', sum: 1 }],
    ]);
  });
});
