import { expect } from 'chai';
import type { Exporter } from '#component';
import { parse } from '#config';
import { type Batch, labelsOf, makeFamily, makeSeries, makeSet, type SeriesSet } from '#metrics';
import prometheusremotewrite from '../../../exporters/prometheusremotewrite/prometheusremotewrite.ts';
import { exporterContract } from '../../contract/exporter.ts';
import { batchOf, setOf, snapshotOf } from '../../support/batch.ts';
import { settle } from '../../support/clock.ts';
import { encodedHistogram, HISTOGRAM } from '../../support/histogram.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { type Answer, type Received, type Receiver, receiver, wroteAll } from '../../support/receiver.ts';
import { closeServers, until } from '../../support/servers.ts';

const T = 1_700_000_000_000;
const never = new AbortController().signal;
const VERSION_2 = { protobuf_message: 'io.prometheus.write.v2.Request' };

const sourceSet = (instance: string, count = 3): SeriesSet =>
  makeSet(
    Array.from({ length: count }, (_, i) =>
      makeSeries(makeFamily('m', 'counter', 'M.'), labelsOf({ __name__: 'm', i: String(i), instance, job: 'test' })),
    ),
  );
const batch = (set: SeriesSet, value: number, time = T): Batch =>
  batchOf(snapshotOf(set, Array(set.series.length).fill(value), time));

const running: Exporter[] = [];

async function rig(
  answer?: (request: Omit<Received, 'status'>, n: number) => Answer | Promise<Answer>,
  options: Record<string, unknown> = {},
) {
  const to = await receiver(answer);
  const host = fakeHost('exporter', 'prometheusremotewrite');
  const config = parse(prometheusremotewrite.config, { endpoint: to.url, ...VERSION_2, ...options });
  const exporter = prometheusremotewrite.create(config, host) as Exporter;
  running.push(exporter);
  await exporter.start?.(never);
  const count = (name: string) => host.metric(`otelcol_exporter_${name}`) ?? 0;
  const failed = (reason: string) => host.metric('otelcol_exporter_send_failed_metric_points', { reason }) ?? 0;
  return { exporter, host, to, count, failed };
}

/** A receiver that knows 1.0 only and says so. */
const only1 = ({ version }: Omit<Received, 'status'>): Answer =>
  version === 2 ? { status: 415, body: 'what is this' } : 204;

const idle = async (host: FakeHost): Promise<void> => {
  while ((host.metric('otelcol_exporter_queue_size') ?? 0) > 0) {
    await host.clock.advance(100);
    await settle();
    await until(() => true);
  }
};
const versions = (to: Receiver): string => to.requests.map(({ version, status }) => `${version}:${status}`).join(' ');

describe('prometheusremotewrite 2.0, by the contract', () => {
  let taking: Receiver;
  let hanging: Receiver;
  beforeEach(async () => {
    taking = await receiver();
    hanging = await receiver(() => new Promise(() => {}));
  });
  afterEach(closeServers);

  exporterContract(prometheusremotewrite, {
    config: () => ({ endpoint: taking.url, ...VERSION_2 }),
    stuck: { config: () => ({ endpoint: hanging.url, ...VERSION_2 }), begun: () => hanging.arrived(1) },
  });
});

describe('prometheusremotewrite 2.0', () => {
  afterEach(async () => {
    await Promise.all(running.splice(0).map((exporter) => exporter.stop?.(AbortSignal.abort())));
    await closeServers();
  });

  it('a batch arrives as a request that keeps to the protocol', async () => {
    const { exporter, host, to, count } = await rig();
    const native = makeSeries(makeFamily('h', 'histogram', 'H.', 'seconds'), labelsOf({ __name__: 'h' }), true);
    const set = makeSet([native, ...sourceSet('a:1', 1).series]);
    const snapshot = {
      ...snapshotOf(set, [12.5, 1], T),
      histograms: new Map([[0, HISTOGRAM]]),
      exemplars: [{ index: 1, labels: labelsOf({ trace_id: 'x' }), value: 2 }],
      starts: Float64Array.of(T - 5, T - 6),
    };
    await exporter.consume([snapshot], never);
    await until(() => count('sent_metric_points') === 2);
    const { headers, method, version } = to.requests[0]!;
    expect({ method, version }).to.deep.equal({ method: 'POST', version: 2 });
    expect(headers).to.include({
      'content-encoding': 'snappy',
      'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
      'x-prometheus-remote-write-version': '2.0.0',
      'user-agent': 'dnscol/0.0.0-test',
    });
    const series = to.requests.flatMap((request) => request.series);
    expect(series).to.have.deep.members([
      {
        labels: ['__name__', 'h'],
        samples: [],
        histograms: [{ ...encodedHistogram(T), start: T - 5 }],
        metadata: { type: 3, help: 'H.', unit: 'seconds' },
      },
      {
        labels: ['__name__', 'm', 'i', '0', 'instance', 'a:1', 'job', 'test'],
        samples: [{ value: 1, bits: '3ff0000000000000', time: T, start: T - 6 }],
        exemplars: [{ labels: ['trace_id', 'x'], value: 2, time: T }],
        metadata: { type: 1, help: 'M.', unit: '' },
      },
    ]);
    expect(count('prometheusremotewrite_written_samples')).to.equal(1);
    expect(count('prometheusremotewrite_written_histograms')).to.equal(1);
    expect(count('prometheusremotewrite_written_exemplars')).to.equal(1);
    expect(host.logs.every(({ level }) => level === 'info')).to.equal(true);
  });

  describe('a receiver that does not know it', () => {
    it('gets the same samples as 1.0, and 1.0 from then on; the log says so once', async () => {
      const { exporter, host, to, count, failed } = await rig(only1);
      for (let n = 0; n < 4; n++) {
        await exporter.consume(batch(sourceSet('a:1'), n, T + n), never);
        await until(() => count('sent_metric_points') === 3 * (n + 1));
      }
      expect(versions(to)).to.equal('2:415 1:204 1:204 1:204 1:204');
      expect(to.taken().map((s) => s.samples[0]!.value)).to.deep.equal([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
      expect(to.requests[1]!.headers).to.include({
        'content-type': 'application/x-protobuf',
        'x-prometheus-remote-write-version': '0.1.0',
      });
      expect(failed('permanent')).to.equal(0);
      const warned = host.logs.filter(({ level }) => level === 'warn');
      expect(warned.map(({ message }) => message)).to.deep.equal([
        'the receiver does not take Remote Write 2.0; it gets 1.0',
      ]);
      expect(String(warned[0]!.fields.why)).to.match(/answered 415: what is this$/);
    });

    it('and takes it for an empty 1.0 request, 2xx without a word, is found out', async () => {
      const { exporter, to, count } = await rig(({ version }) => (version === 2 ? { status: 200 } : 204));
      await exporter.consume(batch(sourceSet('a:1'), 7), never);
      await until(() => count('sent_metric_points') === 3);
      expect(versions(to)).to.equal('2:200 1:204');
    });

    it('gets what was under way as 1.0 too, in order', async () => {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { exporter, host, to, count } = await rig(
        async (request) => {
          await held;
          return only1(request);
        },
        { max_batch_size_bytes: 200, remote_write_queue: { num_consumers: 1 } },
      );
      const set = sourceSet('a:1');
      for (let n = 0; n < 6; n++) await exporter.consume(batch(set, n, T + n), never);
      await to.arrived(1);
      release();
      await until(() => count('sent_metric_points') === 18);
      await idle(host);
      expect(to.requests.map(({ version }) => version).join('')).to.match(/^21+$/);
      const times = to.taken().filter((s) => s.labels.includes('0'));
      expect(times.map((s) => s.samples[0]!.time)).to.deep.equal([0, 1, 2, 3, 4, 5].map((n) => T + n));
    });

    it('and does not take 1.0 either loses the samples, without a loop', async () => {
      const { exporter, to, failed } = await rig(() => 415);
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => failed('permanent') === 3);
      expect(versions(to)).to.equal('2:415 1:415');
      await exporter.consume(batch(sourceSet('a:1'), 2, T + 1), never);
      await until(() => failed('permanent') === 6);
      expect(versions(to)).to.equal('2:415 1:415 1:415');
    });

    it('is tried again after an hour, and every hour; once it knows 2.0, that is spoken again', async () => {
      let knows = false;
      const { exporter, host, to, count } = await rig((request) => (knows ? 204 : only1(request)));
      let sent = 0;
      const one = async () => {
        await exporter.consume(batch(sourceSet('a:1'), 1, T + sent), never);
        sent += 3;
        await until(() => count('sent_metric_points') === sent);
        await idle(host);
      };
      await one();
      await host.clock.advance(3_599_000);
      await one();
      await host.clock.advance(1000);
      await one();
      await one();
      expect(versions(to)).to.equal('2:415 1:204 1:204 2:415 1:204 1:204');
      knows = true;
      await one();
      await host.clock.advance(3_600_000);
      await one();
      await one();
      expect(versions(to)).to.match(/ 1:204 2:204 2:204$/);
      const messages = host.logs.map(({ message }) => message).filter((m) => m.includes('2.0'));
      expect(messages).to.deep.equal([
        'the receiver does not take Remote Write 2.0; it gets 1.0',
        'the receiver takes Remote Write 2.0 now',
      ]);
    });

    it('gets names in the classic character set, and histograms of custom bounds', async () => {
      const { exporter, count, to } = await rig(only1, { translation_strategy: 'NoTranslation' });
      const set = setOf([['http.requests', { 'host.name': 'a' }]]);
      for (let n = 0; n < 2; n++) {
        await exporter.consume(batch(set, 1, T + n), never);
        await until(() => count('sent_metric_points') === n + 1);
      }
      expect(to.requests[0]!.series[0]!.labels).to.deep.equal(['__name__', 'http.requests', 'host.name', 'a']);
      for (const { labels } of to.taken())
        expect(labels).to.deep.equal(['__name__', 'http_requests', 'host_name', 'a']);
      const native = makeSet([makeSeries(makeFamily('h', 'histogram'), labelsOf({ __name__: 'h' }), true)]);
      const custom = new Map([[0, { ...HISTOGRAM, schema: -53, customBounds: Float64Array.of(1) }]]);
      await exporter.consume([{ ...snapshotOf(native, [1], T), histograms: custom }], never);
      await until(() => count('sent_metric_points') === 3);
      expect(to.taken().at(-1)!.histograms![0]).to.deep.include({ schema: -53, customValues: [1] });
    });
  });

  describe('what the receiver says that it wrote', () => {
    const wrote = (samples: number) => ({ 'X-Prometheus-Remote-Write-Samples-Written': String(samples) });

    it('a 400 for a part of a request is not sent again; what was written counts as sent', async () => {
      const { exporter, host, to, count, failed } = await rig(() => ({
        status: 400,
        headers: wrote(2),
        body: 'one is out of order',
      }));
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => failed('permanent') > 0);
      await idle(host);
      expect({ failed: failed('permanent'), sent: count('sent_metric_points') }).to.deep.equal({ failed: 1, sent: 2 });
      expect(count('prometheusremotewrite_written_samples')).to.equal(2);
      expect(versions(to)).to.equal('2:400');
      await exporter.stop?.(AbortSignal.abort());
      const said = host.logs.find(({ level }) => level === 'error')!;
      expect(`${said.message} ${said.fields.error}`).to.include('dropped 1 ').and.include('one is out of order');
    });

    it('2xx with less than was sent is a loss, counted and said, and not sent again', async () => {
      const { exporter, host, to, count, failed } = await rig(() => ({ status: 204, headers: wrote(1) }));
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => failed('permanent') > 0);
      expect({ failed: failed('permanent'), sent: count('sent_metric_points') }).to.deep.equal({ failed: 2, sent: 1 });
      expect(versions(to)).to.equal('2:204');
      const said = host.logs.find(({ level }) => level === 'error')!;
      expect(String(said.fields.error)).to.include('wrote not all: 2 samples are missing');
    });

    it('counts although the body breaks off', async () => {
      const { host, exporter, count, failed } = await rig(() => ({
        status: 200,
        headers: { ...wrote(1), 'Content-Length': '100', Connection: 'close' },
        body: 'five!',
      }));
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => failed('permanent') > 0);
      await host.clock.advance(3_600_000);
      expect({ failed: failed('permanent'), sent: count('sent_metric_points') }).to.deep.equal({ failed: 2, sent: 1 });
    });

    it('5xx and 429 are tried again as a whole, whatever was written', async () => {
      const { exporter, host, to, count } = await rig(({ series }, n) =>
        n < 2 ? { status: n ? 429 : 500, headers: wrote(2) } : { status: 200, headers: wroteAll(series) },
      );
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await idle(host);
      expect(versions(to)).to.equal('2:500 2:429 2:200');
      expect(count('sent_metric_points')).to.equal(3);
    });

    it('means nothing to 1.0, which has no such words', async () => {
      const { exporter, count } = await rig(() => ({ status: 204, headers: wrote(0) }), {
        protobuf_message: 'prometheus.WriteRequest',
      });
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => count('sent_metric_points') === 3);
    });
  });

  it('a request that is too large is sent in halves, each with its own table', async () => {
    const { exporter, to, count } = await rig(({ series }) => (series.length > 2 ? 413 : 204));
    await exporter.consume(batch(sourceSet('a:1', 7), 1), never);
    await until(() => count('sent_metric_points') === 7);
    expect(to.taken().map((s) => s.labels[3])).to.deep.equal(['0', '1', '2', '3', '4', '5', '6']);
  });

  it('what waits behind a slow receiver is joined into one request with one table', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { exporter, to, count } = await rig(async () => {
      await held;
      return 204;
    });
    const set = sourceSet('a:1');
    for (let n = 0; n < 5; n++) await exporter.consume(batch(set, n, T + n), never);
    await to.arrived(1);
    release();
    await until(() => count('sent_metric_points') === 15);
    expect(to.requests.map(({ series }) => series.length)).to.deep.equal([3, 12]);
  });

  for (const [receiverIs, takes, sizes] of [
    ['quick', 100, [600, 600, 600, 600]],
    ['slow', 4000, [600, 1800]],
  ] as const) {
    it(`large requests that wait for a ${receiverIs} receiver are ${sizes.length > 2 ? 'sent one by one' : 'joined'}`, async () => {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { exporter, host, to, count } = await rig(async () => {
        await held;
        return 204;
      });
      const set = sourceSet('a:1', 600);
      for (let n = 0; n < 4; n++) await exporter.consume(batch(set, n, T + n), never);
      await to.arrived(1);
      await host.clock.advance(takes);
      release();
      await until(() => count('sent_metric_points') === 2400);
      expect(to.requests.map(({ series }) => series.length)).to.deep.equal(sizes);
    });
  }

  it('names stay as they are when nothing is to be escaped, with suffixes or without', async () => {
    for (const [strategy, name] of [
      ['NoTranslation', 'http.requests'],
      ['NoUTF8EscapingWithSuffixes', 'http.requests_total'],
      ['UnderscoreEscapingWithSuffixes', 'http_requests_total'],
      ['UnderscoreEscapingWithoutSuffixes', 'http_requests'],
    ]) {
      const { exporter, to } = await rig(undefined, { translation_strategy: strategy });
      await exporter.consume(batch(setOf([['http.requests', { 'ü.x': '1' }, 'counter']]), 1), never);
      await to.arrived(1);
      expect(to.requests[0]!.series[0]!.labels[1]).to.equal(name);
    }
  });

  it('rules choose what is sent, in both versions; what they drop is counted', async () => {
    for (const protobuf_message of ['prometheus.WriteRequest', VERSION_2.protobuf_message]) {
      const { exporter, host, to } = await rig(undefined, {
        protobuf_message,
        external_labels: { cluster: 'west' },
        write_relabel_configs: [
          { source_labels: ['i'], regex: '1', action: 'drop' },
          { source_labels: ['cluster'], target_label: 'where' },
          { regex: 'cluster', action: 'labeldrop' },
        ],
      });
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await to.arrived(1);
      expect(to.requests[0]!.series.map((s) => s.labels.join())).to.deep.equal(
        ['0', '2'].map((i) => `__name__,m,i,${i},instance,a:1,job,test,where,west`),
      );
      expect(host.metric('dnscol_exporter_prometheusremotewrite_relabel_dropped_metric_points_total')).to.equal(1);
      expect(host.metric('otelcol_exporter_prometheusremotewrite_translated_time_series')).to.equal(2);
    }
  });

  it('strategies and rules that 1.0 cannot express are configuration errors', () => {
    const wrong = (options: Record<string, unknown>) => () =>
      parse(prometheusremotewrite.config, { endpoint: 'http://localhost', ...options });
    expect(wrong({ translation_strategy: 'NoTranslation' })).to.throw(/needs protobuf_message/);
    const rules = [{ source_labels: ['a'], target_label: 'ü.x' }];
    expect(wrong({ write_relabel_configs: rules })).to.throw(/target_label/);
    expect(wrong({ write_relabel_configs: rules, translation_strategy: 'NoTranslation', ...VERSION_2 })).not.to.throw();
  });
});
