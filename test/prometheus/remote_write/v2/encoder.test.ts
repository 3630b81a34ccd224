import { expect } from 'chai';
import {
  type Batch,
  CUSTOM_BUCKETS,
  type Exemplar,
  labelsOf,
  makeFamily,
  makeSeries,
  makeSet,
  type NativeHistogram,
  NO_BUCKETS,
  type Series,
  type SeriesSet,
  type Snapshot,
  staleValues,
} from '#metrics';
import {
  createRemoteWrite2Encoder,
  type EncoderOptions,
  halveBody,
  joinBodies,
  shrink,
  toVersion1,
  type WriteBody,
} from '#prometheus';
import { snapshotOf } from '../../../support/batch.ts';
import { encodedHistogram, HISTOGRAM } from '../../../support/histogram.ts';
import { random } from '../../../support/random.ts';
import { type DecodedSeries, decodeBody } from '../../../support/write_request.ts';
import { decodeBody2, type Request2 } from '../../../support/write_request2.ts';

const T = 1_700_000_000_000;

const PLAIN: EncoderOptions = {
  lanes: 1,
  maxLength: 1_000_000,
  externalLabels: [],
  namespace: '',
  suffixes: false,
  resourceLabels: 'none',
  targetInfo: true,
  escape: false,
};

const encoderWith = (options: Partial<EncoderOptions> = {}) => createRemoteWrite2Encoder({ ...PLAIN, ...options });

function decoded(bodies: readonly WriteBody[]): Request2['series'] {
  return bodies.flatMap((body) => {
    const { series } = decodeBody2(body.bytes);
    expect(body.version).to.equal(2);
    expect(body.samples).to.equal(series.reduce((n, s) => n + s.samples.length + (s.histograms?.length ?? 0), 0));
    expect(body.histograms).to.equal(series.reduce((n, s) => n + (s.histograms?.length ?? 0), 0));
    expect(body.exemplars).to.equal(series.reduce((n, s) => n + (s.exemplars?.length ?? 0), 0));
    return series;
  });
}

const TYPE = { unknown: 0, counter: 1, gauge: 2, histogram: 3, gaugehistogram: 4, summary: 5, info: 6, stateset: 7 };

/** What a batch of plain samples must become, told without templates. */
function expected(batch: Batch): DecodedSeries[] {
  return batch.flatMap(({ set, values, time, times, starts }) => {
    const words = new BigUint64Array(values.buffer, values.byteOffset, values.length);
    return set.series.map(({ labels, family }, i) => ({
      labels: [...labels],
      samples: [
        {
          value: values[i]!,
          bits: words[i]!.toString(16).padStart(16, '0'),
          time: times ? times[i]! : time,
          ...(starts?.[i] && { start: starts[i] }),
        },
      ],
      metadata: { type: TYPE[family.type], help: family.help, unit: family.unit },
    }));
  });
}

const counters = makeFamily('requests', 'counter', 'All of them. Größe.', '');
const sizes = makeFamily('size_bytes', 'gauge', 'How large.', 'bytes');

function seriesOf(count: number, instance = 'a:1', tag = 's'): Series[] {
  return Array.from({ length: count }, (_, i) =>
    makeSeries(
      i % 3 ? counters : sizes,
      labelsOf({ __name__: i % 3 ? 'requests_total' : 'size_bytes', i: `${tag}${i}`, instance, job: 'j', 'ü.x': '"' }),
    ),
  );
}

const noise = random(5);
function snapshot(set: SeriesSet, time = T, more: Partial<Snapshot> = {}): Snapshot {
  const values = Float64Array.from(set.series, () => (noise() < 0.3 ? Math.floor(noise() * 1e6) : noise() * 1e-9));
  return { set, values, time, ...more };
}

describe('remote-write 2.0 encoder', () => {
  it('series arrive with labels, metadata, values and times, bit for bit, by hand and from a template', () => {
    const encoder = encoderWith();
    const sets = [makeSet(seriesOf(700)), makeSet(seriesOf(40, 'b:1'))];
    for (let round = 0; round < 8; round++) {
      const batch = sets.map((set) => snapshot(set, T + round));
      const { bodies, dropped } = encoder.encode(batch);
      expect(dropped).to.equal(0);
      const key = (s: DecodedSeries) => s.labels.join();
      expect(decoded(bodies).sort((a, b) => (key(a) < key(b) ? -1 : 1))).to.deep.equal(
        expected(batch).sort((a, b) => (key(a) < key(b) ? -1 : 1)),
      );
    }
  });

  it('NaN, infinities, signed zero and staleness markers keep their bits', () => {
    const encoder = encoderWith();
    const set = makeSet(seriesOf(600));
    const values = staleValues(600);
    values.set([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5e-324, Number.MAX_VALUE]);
    for (let round = 0; round < 4; round++) {
      const series = decoded(encoder.encode([{ set, values, time: T }]).bodies);
      const bits = series.map((s) => s.samples[0]!.bits);
      expect(bits.slice(0, 3)).to.deep.equal(['7ff0000000000000', 'fff0000000000000', '8000000000000000']);
      expect(new Set(bits.slice(5))).to.deep.equal(new Set(['7ff0000000000002']));
    }
  });

  it('a body is used again only once it was given back', () => {
    const encoder = encoderWith();
    const set = makeSet(seriesOf(600));
    const first = snapshot(set);
    const held = encoder.encode([first]).bodies;
    for (let round = 0; round < 6; round++)
      for (const body of encoder.encode([snapshot(set)]).bodies) encoder.recycle(body);
    expect(decoded(held)).to.deep.equal(expected([first]));
  });

  it('times of their own, and such as no template holds, arrive', () => {
    const encoder = encoderWith();
    const set = makeSet(seriesOf(600));
    for (const time of [T, T, T, 0, -5, 2 ** 43, T]) {
      const batch = [snapshot(set, time)];
      expect(decoded(encoder.encode(batch).bodies)).to.deep.equal(expected(batch));
    }
    const own = [snapshot(set, T, { times: Float64Array.from(set.series, (_, i) => T - i) })];
    expect(decoded(encoder.encode(own).bodies)).to.deep.equal(expected(own));
    const same = [snapshot(set, T, { times: new Float64Array(600).fill(T - 7) })];
    expect(decoded(encoder.encode(same).bodies)).to.deep.equal(expected(same));
  });

  it('start times stand in each sample, also when they change, and never behind it', () => {
    const encoder = encoderWith();
    const set = makeSet(seriesOf(600));
    const starts = (from: number) => Float64Array.from(set.series, (_, i) => (i % 3 ? from + i : 0));
    for (const from of [T - 9000, T - 9000, T - 9000, T - 9000, T - 5000, T - 5000, T - 5000, T - 5000]) {
      const batch = [snapshot(set, T, { starts: starts(from) })];
      expect(decoded(encoder.encode(batch).bodies)).to.deep.equal(expected(batch));
    }
    for (let round = 0; round < 4; round++) {
      const late = decoded(encoder.encode([snapshot(set, T, { starts: starts(T - 100) })]).bodies);
      expect(
        late.map((s) => s.samples[0]!.start ?? 0).every((start, i) => start === (i % 3 && i <= 100 ? T - 100 + i : 0)),
      ).to.equal(true);
    }
    const batch = [snapshot(set)];
    expect(decoded(encoder.encode(batch).bodies)).to.deep.equal(expected(batch));
  });

  it('a source that tells starts in series of their own is understood', () => {
    const family = makeFamily('c', 'counter');
    const histogram = makeFamily('h', 'histogram');
    const named = (of: typeof family, labels: Record<string, string>) => makeSeries(of, labelsOf(labels));
    const set = makeSet([
      named(family, { __name__: 'c_total', a: '1' }),
      named(family, { __name__: 'c_created', a: '1' }),
      named(family, { __name__: 'c_total', a: '2' }),
      named(histogram, { __name__: 'h_bucket', le: '+Inf' }),
      named(histogram, { __name__: 'h_count' }),
      named(makeFamily('h_created', 'gauge'), { __name__: 'h_created' }),
      named(makeFamily('g', 'gauge'), { __name__: 'g' }),
    ]);
    const [seconds, other] = [T / 1000 - 60.5, T / 1000 - 9];
    const made = decoded(encoderWith().encode([snapshotOf(set, [1, seconds, 2, 3, 3, other, 1])]).bodies);
    expect(made.map((s) => s.samples[0]!.start)).to.deep.equal([
      T - 60_500,
      undefined,
      undefined,
      T - 9000,
      T - 9000,
      undefined,
      undefined,
    ]);
  });

  it('native histograms arrive whole, and as markers when their series ends', () => {
    const encoder = encoderWith();
    const native = makeSeries(makeFamily('h', 'histogram', 'H.'), labelsOf({ __name__: 'h', job: 'j' }), true);
    for (const count of [1, 700]) {
      const set = makeSet([native, ...seriesOf(count)]);
      for (let round = 0; round < 5; round++) {
        const base = snapshot(set);
        const values = Float64Array.from(base.values).fill(12.5, 0, 1);
        const given = {
          ...base,
          values,
          histograms: new Map([[0, HISTOGRAM]]),
          starts: new Float64Array(count + 1).fill(5),
        };
        const { bodies } = encoder.encode([given]);
        const found = decoded(bodies).filter((s) => s.histograms);
        expect(found).to.deep.equal([
          {
            labels: ['__name__', 'h', 'job', 'j'],
            samples: [],
            histograms: [{ ...encodedHistogram(T), start: 5 }],
            metadata: { type: 3, help: 'H.', unit: '' },
          },
        ]);
        expect(decoded(bodies)).to.have.length(count + 1);
      }
      const [ended] = decoded(encoder.encode([{ set, values: staleValues(count + 1), time: T }]).bodies).filter(
        (s) => s.histograms,
      );
      expect(ended!.histograms![0]).to.include({ sumBits: '7ff0000000000002', countInt: 0, time: T });
    }
  });

  it('float histograms, gauges and custom bounds have their own fields', () => {
    const native = makeSeries(makeFamily('h', 'gaugehistogram'), labelsOf({ __name__: 'h' }), true);
    const histogram: NativeHistogram = {
      ...HISTOGRAM,
      schema: CUSTOM_BUCKETS,
      isFloat: true,
      isGauge: true,
      count: 7.5,
      zeroCount: 0,
      zeroThreshold: 0,
      negative: NO_BUCKETS,
      positive: { spans: [{ offset: 0, length: 2 }], counts: Float64Array.of(5, 2.5) },
      customBounds: Float64Array.of(0.5, 1),
    };
    const given = {
      set: makeSet([native]),
      values: Float64Array.of(1),
      time: T,
      histograms: new Map([[0, histogram]]),
    };
    const [made] = decoded(encoderWith().encode([given]).bodies);
    expect(made!.histograms).to.deep.equal([
      {
        countFloat: 7.5,
        sum: 1,
        sumBits: '3ff0000000000000',
        schema: -53,
        zeroThreshold: 0,
        zeroCountFloat: 0,
        negativeSpans: [],
        negativeDeltas: [],
        negativeCounts: [],
        positiveSpans: [{ offset: 0, length: 2 }],
        positiveDeltas: [],
        positiveCounts: [5, 2.5],
        resetHint: 3,
        time: T,
        customValues: [0.5, 1],
      },
    ]);
  });

  it('exemplars stand beside the sample that they belong to, with a time always', () => {
    const encoder = encoderWith();
    const set = makeSet(seriesOf(600));
    const exemplars = (round: number): Exemplar[] => [
      { index: 3, labels: labelsOf({ trace_id: 'abc' }), value: 0.5, timestamp: T + 10 * round - 0.5 },
      { index: 3, labels: labelsOf({ trace_id: 'abd', job: 'j' }), value: 0.6 },
      { index: 590, labels: [], value: round },
    ];
    for (let round = 0; round < 8; round++) {
      const given = [snapshot(set, T + 10 * round, { exemplars: exemplars(round) })];
      const series = decoded(encoder.encode(given).bodies);
      const byLabel = new Map(series.map((s) => [s.labels.join(), s.exemplars]));
      expect(byLabel.get(set.series[3]!.labels.join())).to.deep.equal([
        { labels: ['trace_id', 'abc'], value: 0.5, time: T + 10 * round - 1 },
        { labels: ['job', 'j', 'trace_id', 'abd'], value: 0.6, time: T + 10 * round },
      ]);
      expect(byLabel.get(set.series[590]!.labels.join())).to.deep.equal([
        { labels: [], value: round, time: T + 10 * round },
      ]);
      expect(series.filter((s) => s.exemplars)).to.have.length(2);
      const plain = series.map(({ exemplars: _, ...rest }) => rest);
      expect(plain).to.have.deep.members(expected(given));
    }
  });

  it('small sources share a request and its table; none is larger than it may be', () => {
    const sets = Array.from({ length: 30 }, (_, i) => makeSet(seriesOf(20, `a:${i}`)));
    const batch = sets.map((set) => snapshot(set));
    const { bodies } = encoderWith().encode(batch);
    expect(bodies).to.have.length(1);
    expect(decoded(bodies)).to.deep.equal(expected(batch));
    const many = encoderWith({ maxLength: 3000 }).encode(batch).bodies;
    expect(many.length).to.be.above(5);
    for (const body of many) expect(body.length).to.be.at.most(3000);
    expect(decoded(many)).to.deep.equal(expected(batch));
    const huge = encoderWith().encode([snapshot(makeSet(seriesOf(12_000)))]).bodies;
    expect(huge.map(({ samples }) => samples)).to.deep.equal([5000, 5000, 2000]);
    const large = makeSet(seriesOf(5000));
    const encoder = encoderWith({ maxLength: 30_000 });
    for (let round = 0; round < 4; round++) {
      const one = [snapshot(large)];
      const made = encoder.encode(one).bodies;
      for (const body of made) expect(body.length).to.be.at.most(30_000);
      expect(decoded(made)).to.deep.equal(expected(one));
    }
  });

  it('samples of a series keep their order within a batch, whichever way each is written', () => {
    const encoder = encoderWith();
    const [set, small] = [makeSet(seriesOf(600)), makeSet(seriesOf(30))];
    const batch = [0, 1, 2, 3, 4, 5].flatMap((n) => [snapshot(set, T + n), snapshot(small, T + n)]);
    batch[7] = snapshot(set, T + 3, { times: Float64Array.from(set.series, (_, i) => T + 3 + (i % 2) / 2) });
    const last = new Map<string, number>();
    for (const { labels, samples } of decoded(encoder.encode(batch).bodies)) {
      const key = labels.join();
      expect(samples[0]!.time).to.be.at.least(last.get(key) ?? 0);
      last.set(key, samples[0]!.time);
    }
  });

  it('a series has the same lane in every set', () => {
    const encoder = encoderWith({ lanes: 4 });
    const lanes = new Map<string, number>();
    for (let n = 0; n < 20; n++) {
      const set = makeSet([...seriesOf(3, `a:${n % 10}`), ...seriesOf(3, `b:${n}`)]);
      for (const body of encoder.encode([snapshot(set)]).bodies) {
        for (const { labels } of decodeBody2(body.bytes).series) {
          expect(lanes.get(labels.join()) ?? body.lane).to.equal(body.lane);
          lanes.set(labels.join(), body.lane);
        }
      }
    }
    expect(new Set(lanes.values()).size).to.equal(4);
  });

  it('series that come and go at random arrive as they are', () => {
    const encoder = encoderWith({ lanes: 3 });
    const next = random(77);
    let series = seriesOf(800);
    let serial = 0;
    for (let round = 0; round < 40; round++) {
      if (next() < 0.5) {
        const at = Math.floor(next() * series.length);
        series = series.toSpliced(
          at,
          Math.floor(next() * 5),
          ...seriesOf(Math.floor(next() * 5), 'a:1', `n${serial++}-`),
        );
      }
      const batch = [snapshot(makeSet(series), T + round)];
      expect(decoded(encoder.encode(batch).bodies)).to.have.deep.members(expected(batch));
    }
  });

  it('target_info, external labels and rules are the same as in 1.0', () => {
    const set = makeSet(seriesOf(2), { attributes: labelsOf({ 'k8s.node.name': 'n1', 'service.name': 'x' }) });
    const encoder = encoderWith({
      externalLabels: labelsOf({ cluster: 'c' }),
      relabel: (labels) => (labels.includes('requests_total') ? undefined : labels),
    });
    const { bodies, dropped, relabelled } = encoder.encode([snapshotOf(set, [1, 2])]);
    expect({ dropped, relabelled }).to.deep.equal({ dropped: 0, relabelled: 1 });
    expect(decoded(bodies).map((s) => [s.labels[1], s.labels[3], s.metadata.type])).to.deep.equal([
      ['size_bytes', 'c', 2],
      ['target_info', 'c', 2],
    ]);
  });
});

describe('remote-write 2.0 bodies', () => {
  const parts = (): { batch: Batch; bodies: readonly WriteBody[] } => {
    const batch = [makeSet(seriesOf(50)), makeSet(seriesOf(30, 'b:1'))].map((set) =>
      snapshot(set, T, {
        exemplars: [{ index: 4, labels: labelsOf({ trace_id: 'x' }), value: 1, timestamp: T }],
        starts: new Float64Array(set.series.length).fill(T - 1),
      }),
    );
    return { batch, bodies: batch.flatMap((one) => encoderWith().encode([one]).bodies) };
  };

  it('joined, they have one table and everything in order', () => {
    const { bodies } = parts();
    const joined = joinBodies(bodies);
    expect(decoded([joined])).to.deep.equal(decoded(bodies));
    expect(joined.length).to.be.below(bodies[0]!.length + bodies[1]!.length);
  });

  it('halved, each has the strings that it needs, down to one series', () => {
    const { bodies } = parts();
    const halves = halveBody(bodies[0]!)!;
    expect(decoded(halves)).to.deep.equal(decoded([bodies[0]!]));
    for (const half of halves) expect(half.samples).to.be.within(15, 35);
    const ones = shrink(bodies[0]!, 1);
    expect(ones).to.have.length(50);
    expect(decoded(ones)).to.deep.equal(decoded([bodies[0]!]));
    expect(halveBody(ones[0]!)).to.equal(undefined);
  });

  it('become WriteRequests of 1.0 without what that does not know', () => {
    const { bodies } = parts();
    const native = makeSeries(makeFamily('h', 'histogram'), labelsOf({ __name__: 'h' }), true);
    const custom = makeSeries(makeFamily('k', 'histogram'), labelsOf({ __name__: 'k' }), true);
    const utf8 = ['a.b', 'a_b', 'a/b'].map((name) =>
      makeSeries(makeFamily(name, 'gauge'), labelsOf({ __name__: name, 'c.d': '1', c_d: '2' })),
    );
    const given = snapshot(makeSet([native, custom, ...utf8]), T, {
      histograms: new Map([
        [0, HISTOGRAM],
        [1, { ...HISTOGRAM, schema: CUSTOM_BUCKETS, customBounds: Float64Array.of(1) }],
      ]),
      starts: new Float64Array(5).fill(7),
    });
    const special = encoderWith().encode([{ ...given, values: Float64Array.of(12.5, 1, 2, 3, 4) }]).bodies[0]!;
    const { body, dropped } = toVersion1(joinBodies([...bodies, special]));
    expect(body).to.include({ version: 1, samples: 83, histograms: 2, exemplars: 2 });
    expect(dropped).to.equal(2);
    const { series } = decodeBody(body.bytes);
    expect(series.find(({ labels }) => labels[1] === 'k')!.histograms![0]).to.deep.include({
      schema: CUSTOM_BUCKETS,
      customValues: [1],
    });
    expect(series.find((s) => s.histograms)).to.deep.equal({
      labels: ['__name__', 'h'],
      samples: [],
      histograms: [encodedHistogram(T)],
    });
    expect(series.at(-1)).to.deep.equal({
      labels: ['__name__', 'a_b', 'c_d', '1;2'],
      samples: [{ value: 2, bits: '4000000000000000', time: T }],
    });
    expect(series[4]!.exemplars).to.deep.equal([{ labels: ['trace_id', 'x'], value: 1, time: T }]);
    expect(series[0]!.labels).to.include('__x');
  });
});
