import { expect } from 'chai';
import {
  type Batch,
  CUSTOM_BUCKETS,
  type Labels,
  labelsOf,
  labelValue,
  makeFamily,
  makeSeries,
  makeSet,
  NO_RESOURCE,
  type Series,
  type SeriesSet,
  type Snapshot,
  staleValues,
  withLabels,
} from '#metrics';
import { createRemoteWriteEncoder, type EncoderOptions, halveBody, joinBodies, type WriteBody } from '#prometheus';
import { setOf, snapshotOf } from '../../support/batch.ts';
import { PLAIN } from '../../support/encoder_options.ts';
import { encodedHistogram, HISTOGRAM } from '../../support/histogram.ts';
import { random } from '../../support/random.ts';
import { type DecodedSeries, decodeBody } from '../../support/write_request.ts';

const T = 1_700_000_000_000;

const encoderWith = (options: Partial<EncoderOptions> = {}) => createRemoteWriteEncoder({ ...PLAIN, ...options });

const decoded = (bodies: readonly WriteBody[]): DecodedSeries[] => bodies.flatMap((b) => decodeBody(b.bytes).series);

/** What a batch must become, told without templates. */
function expected(batch: Batch): DecodedSeries[] {
  return batch.flatMap(({ set, values, time, times }) => {
    const words = new BigUint64Array(values.buffer, values.byteOffset, values.length);
    return set.series.map((series, i) => ({
      labels: [...series.labels],
      samples: [{ value: values[i]!, bits: words[i]!.toString(16).padStart(16, '0'), time: times ? times[i]! : time }],
    }));
  });
}

function histogramSeries(count: number, instance = 'a:9153'): Series[] {
  const family = makeFamily('coredns_dns_request_duration_seconds', 'histogram', 'How long it took.');
  return Array.from({ length: count }, (_, i) =>
    makeSeries(
      family,
      labelsOf({
        __name__: 'coredns_dns_request_duration_seconds_bucket',
        instance,
        job: 'coredns',
        le: String(0.001 * 2 ** (i % 16)),
        server: 'dns://:53',
        zone: `zone${Math.floor(i / 16)}.`,
      }),
    ),
  );
}

/** The same series under another name of its zone. */
const relabelled = ({ family, labels }: Series, zone: string): Series =>
  makeSeries(family, withLabels(labels, { zone: `${labelValue(labels, 'zone')}${zone}` }));

const noisy = (next: () => number, count: number): number[] =>
  Array.from({ length: count }, () => (next() < 0.5 ? Math.floor(next() * 1e6) : next() * 1e-3));

describe('remote-write encoder', () => {
  it('a first scrape decodes to its labels, values and time', () => {
    const set = setOf([
      ['up', { job: 'j', instance: 'i' }],
      ['b', { job: 'j', instance: 'i', x: 'ü' }],
    ]);
    const batch = [snapshotOf(set, [1, -0.5], T)];
    const { bodies, dropped } = encoderWith().encode(batch);
    expect(dropped).to.equal(0);
    expect(decoded(bodies)).to.deep.equal(expected(batch));
    expect(bodies[0]).to.include({ samples: 2, lane: 0 });
  });

  it('a stable set decodes the same each time, and in the end is stale', () => {
    const encoder = encoderWith();
    const set = makeSet(histogramSeries(1000));
    const next = random(1);
    const sizes: number[] = [];
    for (let round = 0; round < 12; round++) {
      const batch = [snapshotOf(set, noisy(next, 1000), T + round * 1000)];
      const { bodies } = encoder.encode(batch);
      expect(decoded(bodies), `round ${round}`).to.deep.equal(expected(batch));
      sizes.push(bodies[0]!.bytes.length / 1000);
    }
    expect(sizes.at(-1), 'bytes a sample').to.be.below(30);
    const stale = [{ set, values: staleValues(1000), time: T + 60_000 }];
    const series = decoded(encoder.encode(stale).bodies);
    expect(series.every((s) => s.samples[0]!.bits === '7ff0000000000002')).to.equal(true);
  });

  it('a large set is made ready in turns, and comes out the same', async () => {
    const batch = [snapshotOf(makeSet(histogramSeries(17_000)), noisy(random(1), 17_000), T)];
    const encoder = encoderWith({ lanes: 2 });
    let turns = 0;
    const turn = async () => void turns++;
    await encoder.prepare?.(batch, turn);
    // Labels, lanes and segments of a hundred or two at a time.
    expect(turns).to.be.at.least(3 * (17_000 / 256) - 3);
    expect(encoder.prepare?.(batch, turn)).to.equal(undefined);
    const made = turns;
    expect(encoder.encode(batch).bodies).to.deep.equal(encoderWith({ lanes: 2 }).encode(batch).bodies);
    expect(turns).to.equal(made);
  });

  it('a large set that changes each time is made ready in turns, too', async () => {
    const encoder = encoderWith();
    let series = histogramSeries(17_000);
    let turns = 0;
    for (let round = 0; round < 4; round++) {
      const batch = [snapshotOf(makeSet(series), noisy(random(round), 17_000), T + round * 1000)];
      turns = 0;
      await encoder.prepare?.(batch, async () => void turns++);
      // The records of the second set are all new, those of the following ones where a series is.
      expect(turns, `round ${round}`).to.be.at.least([75, 18, 4, 4][round]!);
      expect(decoded(encoder.encode(batch).bodies)).to.deep.equal(expected(batch));
      series = series.map((one, i) => (i % 2 === 0 ? one : relabelled(one, `r${round}.`)));
    }
  });

  it('a small set is not worth a turn', () => {
    const batch = [snapshotOf(makeSet(histogramSeries(1000)), noisy(random(1), 1000), T)];
    expect(encoderWith().prepare?.(batch, async () => {})).to.equal(undefined);
  });

  it('timestamps of any length decode right', () => {
    const encoder = encoderWith();
    const set = makeSet(histogramSeries(100));
    const times = [
      0,
      1,
      127,
      128,
      2 ** 35 - 1,
      2 ** 35,
      2 ** 42 - 1,
      2 ** 42,
      -1,
      -62135596800000,
      Number.MAX_SAFE_INTEGER,
    ];
    for (let round = 0; round < 3; round++) {
      for (const time of times) {
        const batch = [snapshotOf(set, noisy(random(round), 100), time)];
        expect(decoded(encoder.encode(batch).bodies), `at ${time}`).to.deep.equal(expected(batch));
      }
      for (let i = 0; i < 10; i++) encoder.encode([snapshotOf(set, noisy(random(i), 100), T + i)]);
    }
  });

  it('samples with times of their own keep them', () => {
    const encoder = encoderWith();
    const set = makeSet(histogramSeries(70));
    for (const odd of [T - 5, 3]) {
      for (let round = 0; round < 9; round++) {
        const times = Float64Array.from({ length: 70 }, (_, i) => (i === 66 ? odd : T + i));
        const batch = [{ ...snapshotOf(set, noisy(random(2), 70), T), times }];
        expect(decoded(encoder.encode(batch).bodies)).to.deep.equal(expected(batch));
        encoder.encode([snapshotOf(set, noisy(random(2), 70), T)]);
      }
    }
  });

  it('random sources that churn decode to what was given', () => {
    const next = random(42);
    const encoder = encoderWith({ maxLength: 60_000, lanes: 3 });
    const pool = ['a:1', 'b:2', 'c:3'].map((instance) => histogramSeries(400, instance));
    let live = pool.map((series) => makeSet(series.slice(0, 200)));
    for (let round = 0; round < 120; round++) {
      live = live.map((set, i) => (next() < 0.3 ? makeSet(churned(next, set.series, pool[i]!)) : set));
      const batch = live.map((set) => snapshotOf(set, noisy(next, set.series.length), T + round * 1000));
      const { bodies } = encoder.encode(batch);
      expect(bodies.every((b) => b.length <= 60_000)).to.equal(true);
      expect(bodies.reduce((n, b) => n + b.samples, 0)).to.equal(live.reduce((n, s) => n + s.series.length, 0));
      expect(byLabels(decoded(bodies)), `round ${round}`).to.deep.equal(byLabels(expected(batch)));
    }
  });

  it('sources that change at each scrape, or did, decode to what was given', () => {
    for (const seed of [1, 2, 3, 4]) {
      const next = random(seed);
      const maxLength = [1_000_000, 60_000, 2_000, 100][seed - 1]!;
      const encoder = encoderWith({ maxLength, lanes: 3, targetInfo: false });
      const pool = ['a:1', 'b:2', 'c:3'].map((instance) => histogramSeries(300, instance));
      const resources = [NO_RESOURCE, { attributes: labelsOf({ 'url.scheme': 'http' }) }];
      let live = pool.map((series) => makeSet(series.slice(0, 150)));
      for (let round = 0; round < 80; round++) {
        const batch: Snapshot[] = [];
        const time = next() < 0.05 ? 5 : T + round * 1000;
        const add = (set: SeriesSet) => {
          const own = next() < 0.1;
          const times = Float64Array.from(set.series, (_, i) => (own && i % 3 === 0 ? time + i : time));
          const snapshot = snapshotOf(set, noisy(next, set.series.length), time);
          batch.push(own ? { ...snapshot, times } : snapshot);
        };
        // Spells in which nothing changes are long enough for a source to be packed again.
        const quiet = round % 40 > 25;
        live = live.map((set, i) => {
          if (quiet || next() < 0.2) return set;
          const kept = set.series.filter(() => next() > 0.1);
          const more = pool[i]!.filter((one) => kept.includes(one) || next() < 0.05);
          const made = makeSet(next() < 0.1 ? more.reverse() : more, resources[Math.floor(round / 30) % 2]);
          add(made);
          add(makeSet(set.series.filter((one) => !more.includes(one))));
          // The set before comes again, in the same batch.
          if (next() < 0.2) add(set);
          return made;
        });
        for (const set of live) add(set);
        const { bodies, dropped } = encoder.encode(batch);
        expect(dropped).to.equal(0);
        expect(bodies.every((b) => b.length <= maxLength || b.samples === 1)).to.equal(true);
        const own = (one: DecodedSeries) => [one.labels.join(), one.samples[0]!.time, one.samples[0]!.bits].join(' ');
        const got = decoded(bodies).map(own).sort();
        expect(got, `seed ${seed}, round ${round}`).to.deep.equal(expected(batch).map(own).sort());
        for (const body of bodies) if (next() < 0.5) encoder.recycle(body);
      }
    }
  });

  it('a series keeps its lane whatever comes and goes around it', () => {
    const encoder = encoderWith({ lanes: 5 });
    const all = ['a:1', 'b:2', 'c:3', 'd:4', 'e:5', 'f:6'].flatMap((instance) => histogramSeries(20, instance));
    const lanes = new Map<string, number>();
    const next = random(9);
    for (let round = 0; round < 30; round++) {
      const set = makeSet(all.filter(() => next() < 0.5));
      for (const body of encoder.encode([snapshotOf(set, noisy(next, set.series.length), T)]).bodies) {
        for (const { labels } of decodeBody(body.bytes).series) {
          const key = labels.join();
          expect(lanes.get(key) ?? body.lane).to.equal(body.lane);
          lanes.set(key, body.lane);
        }
      }
    }
    expect(new Set(lanes.values()).size).to.be.above(1);
  });

  it('bodies stay under the limit, and a series larger than it goes alone', () => {
    const wide = setOf([
      ['a', { job: 'j' }],
      ['b', { job: 'j', long: 'x'.repeat(5000) }],
      ['c', { job: 'j' }],
    ]);
    const batch = [snapshotOf(wide, [1, 2, 3], T)];
    const { bodies } = encoderWith({ maxLength: 200 }).encode(batch);
    expect(bodies.map((b) => b.samples)).to.deep.equal([1, 1, 1]);
    expect(decoded(bodies)).to.deep.equal(expected(batch));
  });

  it('what is given is never written to, and bodies are not changed by later ones', () => {
    const encoder = encoderWith();
    const set = makeSet(histogramSeries(130));
    const values = Float64Array.from(noisy(random(5), 130));
    const copy = values.slice();
    const first = encoder.encode([{ set, values, time: T }]).bodies[0]!;
    const before = Buffer.from(first.bytes);
    for (let i = 0; i < 10; i++) encoder.encode([snapshotOf(set, noisy(random(i), 130), T + i)]);
    expect(values).to.deep.equal(copy);
    expect(first.bytes.equals(before)).to.equal(true);
  });

  it('values that are a view into a larger array are read from their place', () => {
    const set = setOf([['a'], ['b']]);
    const values = Float64Array.of(9, 9, 1, 2).subarray(2);
    const series = decoded(encoderWith().encode([{ set, values, time: T }]).bodies);
    expect(series.map((s) => s.samples[0]!.value)).to.deep.equal([1, 2]);
  });

  it('an empty batch and an empty set make no body', () => {
    expect(encoderWith().encode([]).bodies).to.deep.equal([]);
    expect(encoderWith().encode([snapshotOf(makeSet([]), [], T)]).bodies).to.deep.equal([]);
  });

  it('a series without a name is dropped and counted each time, and the others keep their values', () => {
    const nameless = makeSeries(makeFamily('x'), labelsOf({ job: 'j' }));
    const set = makeSet([nameless, ...histogramSeries(3)]);
    const encoder = encoderWith();
    for (let round = 0; round < 9; round++) {
      const { bodies, dropped } = encoder.encode([snapshotOf(set, [1, 2, 3, 4], T)]);
      expect(dropped).to.equal(1);
      expect(decoded(bodies).map((s) => s.samples[0]!.value)).to.deep.equal([2, 3, 4]);
    }
  });

  describe('target_info', () => {
    const resource = { attributes: labelsOf({ 'k8s.pod.name': 'p', 'service.name': 's' }) };
    const set = setOf([['up', { job: 'j', instance: 'i' }]], resource);

    it('tells what the resource knows, as 1 while the source reports and stale with its last sample', () => {
      const encoder = encoderWith();
      const series = decoded(encoder.encode([snapshotOf(set, [0], T)]).bodies);
      expect(series[1]).to.deep.equal({
        labels: ['__name__', 'target_info', 'instance', 'i', 'job', 'j', 'k8s_pod_name', 'p', 'server_address', 'i'],
        samples: [{ value: 1, bits: '3ff0000000000000', time: T }],
      });
      const gone = decoded(encoder.encode([{ set, values: staleValues(1), time: T + 1 }]).bodies);
      expect(gone.map((s) => s.samples[0]!.bits)).to.deep.equal(['7ff0000000000002', '7ff0000000000002']);
    });

    it('is left out when switched off, and where only the service is known', () => {
      expect(decoded(encoderWith({ targetInfo: false }).encode([snapshotOf(set, [0], T)]).bodies)).to.have.length(1);
      const bare = setOf([['up', { job: 'j' }]], { attributes: labelsOf({ 'service.name': 's' }) });
      expect(decoded(encoderWith().encode([snapshotOf(bare, [0], T)]).bodies)).to.have.length(1);
    });
  });

  it('a set with times of its own gives target_info the snapshot time', () => {
    const resource = { attributes: labelsOf({ 'host.name': 'h' }) };
    const snapshot: Snapshot = {
      ...snapshotOf(setOf([['up', { job: 'j' }]], resource), [1], T),
      times: Float64Array.of(T - 9),
    };
    expect(decoded(encoderWith().encode([snapshot]).bodies).map((s) => s.samples[0]!.time)).to.deep.equal([T - 9, T]);
  });
});

describe('remote-write bodies', () => {
  const encoder = encoderWith();
  const bodyOf = (count: number, instance = 'a:1') =>
    encoder.encode([snapshotOf(makeSet(histogramSeries(count, instance)), noisy(random(count), count), T)]).bodies[0]!;

  it('joined bodies decode to all of their series in order', () => {
    const bodies = [bodyOf(100), bodyOf(3, 'b:2'), bodyOf(1, 'c:3')];
    const joined = joinBodies(bodies);
    expect(joined).to.include({ samples: 104, length: bodies.reduce((n, b) => n + b.length, 0) });
    expect(decodeBody(joined.bytes).series).to.deep.equal(decoded(bodies));
  });

  it('halves hold the same series in order, down to single ones that cannot be halved', () => {
    let pieces = [bodyOf(37)];
    const whole = decoded(pieces);
    while (pieces.length < 37) {
      pieces = pieces.flatMap((piece) => halveBody(piece) ?? [piece]);
      expect(decoded(pieces)).to.deep.equal(whole);
      expect(pieces.reduce((n, p) => n + p.samples, 0)).to.equal(37);
    }
    expect(pieces.map(halveBody)).to.deep.equal(Array(37).fill(undefined));
  });

  it('halves are about equal in bytes, even where one series is most of it', () => {
    const [a, b] = halveBody(bodyOf(1000))!;
    expect(a.length / b.length).to.be.within(0.9, 1.1);
    const odd = setOf([['a', { long: 'x'.repeat(1000) }], ['b']]);
    const halves = halveBody(encoder.encode([snapshotOf(odd, [1, 2], T)]).bodies[0]!)!;
    expect(halves.map((h) => h.samples)).to.deep.equal([1, 1]);
  });
});

describe('remote-write encoder: what comes once in a while', () => {
  const native = makeSeries(makeFamily('h', 'histogram'), labelsOf({ __name__: 'h', job: 'j' }), true);
  const set = makeSet([native, ...histogramSeries(40)]);
  const values = Float64Array.from({ length: 41 }, (_, i) => (i ? i : 12.5));
  const histograms = new Map([[0, HISTOGRAM]]);

  it('native histograms stand behind the samples, as Prometheus sends them, start times left out', () => {
    const starts = new Float64Array(41).fill(5);
    const { bodies, dropped } = encoderWith().encode([{ set, values, time: T, histograms, starts }]);
    expect(dropped).to.equal(0);
    expect(bodies).to.have.length(1);
    expect(bodies[0]).to.include({ samples: 41, histograms: 1, exemplars: 0 });
    const series = decoded(bodies);
    expect(series).to.have.length(41);
    expect(series.at(-1)).to.deep.equal({
      labels: ['__name__', 'h', 'job', 'j'],
      samples: [],
      histograms: [encodedHistogram(T)],
    });
  });

  it('a native histogram that ends is a marker in its sum', () => {
    const { bodies } = encoderWith().encode([{ set, values: staleValues(41), time: T }]);
    const [ended] = decoded(bodies).at(-1)!.histograms!;
    expect(ended).to.include({ sumBits: '7ff0000000000002', countInt: 0, schema: 0, time: T });
  });

  it('custom bounds arrive, as Prometheus sends them', () => {
    const custom = new Map([[0, { ...HISTOGRAM, schema: CUSTOM_BUCKETS, customBounds: Float64Array.of(-1, 2.5) }]]);
    const { bodies, dropped } = encoderWith().encode([{ set, values, time: T, histograms: custom }]);
    expect(dropped).to.equal(0);
    expect(decoded(bodies).at(-1)!.histograms).to.deep.equal([
      { ...encodedHistogram(T), schema: CUSTOM_BUCKETS, customValues: [-1, 2.5] },
    ]);
  });

  it('exemplars stand behind the samples, in series of their own, with a time always', () => {
    const exemplars = [
      { index: 2, labels: labelsOf({ trace_id: 'ü' }), value: 0.5, timestamp: T - 7 },
      { index: 2, labels: [], value: 1 },
    ];
    const { bodies } = encoderWith({ externalLabels: labelsOf({ cluster: 'c' }) }).encode([
      { set, values, time: T, histograms, exemplars },
    ]);
    expect(bodies[0]).to.include({ samples: 41, exemplars: 2 });
    const { labels, ...last } = decoded(bodies).at(-1)!;
    expect(labels).to.include('cluster').and.include(set.series[2]!.labels.at(-1));
    expect(last).to.deep.equal({
      samples: [],
      exemplars: [
        { labels: ['trace_id', 'ü'], value: 0.5, time: T - 7 },
        { labels: [], value: 1, time: T },
      ],
    });
  });

  it('bodies stay as small as asked for, and halves keep count', () => {
    const exemplars = Array.from({ length: 40 }, (_, i) => ({
      index: i + 1,
      labels: labelsOf({ trace_id: 'x'.repeat(100) }),
      value: i,
      timestamp: T,
    }));
    const { bodies } = encoderWith({ maxLength: 2000 }).encode([{ set, values, time: T, histograms, exemplars }]);
    for (const body of bodies) expect(body.length).to.be.at.most(2000);
    const sum = (of: 'samples' | 'histograms' | 'exemplars', all = bodies) => all.reduce((n, body) => n + body[of], 0);
    expect([sum('samples'), sum('histograms'), sum('exemplars')]).to.deep.equal([41, 1, 40]);
    const halves = bodies.flatMap((body) => halveBody(body) ?? [body]);
    expect([sum('samples', halves), sum('histograms', halves), sum('exemplars', halves)]).to.deep.equal([41, 1, 40]);
  });

  it('series that the rules drop are counted apart, and so are such as they leave without a name', () => {
    const relabel = (labels: Labels) => {
      const le = labels[labels.indexOf('le') + 1];
      return labels.includes('le') ? (le === '0.001' ? undefined : []) : labels;
    };
    const { bodies, dropped, relabelled } = encoderWith({ relabel }).encode([{ set, values, time: T, histograms }]);
    expect({ dropped, relabelled }).to.deep.equal({ dropped: 37, relabelled: 3 });
    expect(decoded(bodies)).to.have.length(1);
  });

  it('rules see external labels, and meet a series once', () => {
    let met = 0;
    const relabel = (labels: Labels) => {
      met++;
      return withLabels(labels, { seen: labelValue(labels, 'cluster'), cluster: '' });
    };
    const encoder = encoderWith({ relabel, externalLabels: labelsOf({ cluster: 'c' }) });
    for (const count of [40, 39]) {
      const part = makeSet(set.series.slice(1, count));
      const series = decoded(encoder.encode([snapshotOf(part, Array(count - 1).fill(1), T)]).bodies);
      expect(series.every(({ labels }) => labels.includes('seen') && !labels.includes('cluster'))).to.equal(true);
    }
    expect(met).to.equal(39);
  });
});

function churned(next: () => number, series: readonly Series[], pool: readonly Series[]): Series[] {
  const kept = new Set(series.filter(() => next() > 0.01));
  for (let i = Math.floor(next() * 5); i > 0; i--) kept.add(pool[Math.floor(next() * pool.length)]!);
  return pool.filter((one) => kept.has(one));
}

function byLabels(series: readonly DecodedSeries[]): DecodedSeries[] {
  return [...series].sort((a, b) => (a.labels.join() < b.labels.join() ? -1 : 1));
}
