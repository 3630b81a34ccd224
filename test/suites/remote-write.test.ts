import { expect } from 'chai';
import type { Exporter, ExporterFactory, ReceiverFactory, Receiver as Scraper } from '#component';
import { parse } from '#config';
import { labelMap } from '#metrics';
import prometheusremotewrite from '../../exporters/prometheusremotewrite/prometheusremotewrite.ts';
import prometheus from '../../receivers/prometheus/prometheus.ts';
import { FakeClock } from '../support/clock.ts';
import { fakeHost } from '../support/host.ts';
import { random } from '../support/random.ts';
import { type Answer, type Received, type Receiver, receiver } from '../support/receiver.ts';
import { closeServers, httpServer, until } from '../support/servers.ts';
import { suite } from '../support/suites.ts';

interface Case {
  name: string;
  exposition_or_setup: string;
  expected: string;
}

const remoteWrite = suite('remote-write');
const { cases } = remoteWrite.json<{ cases: Case[] }>('rw1-suite-cases.json');
const never = new AbortController().signal;

/** One sample as it came: where it stands in the order of arrival is its place in the list. */
interface Sample {
  labels: Map<string, string>;
  value: number;
  bits: string;
  time: number;
  status: number;
}

interface Run {
  to: Receiver;
  target: string;
  /** All that arrived, refused or not. */
  samples: Sample[];
  named(name: string): Sample[];
}

const ended: (Scraper | Exporter)[] = [];

type Answerer = (request: Omit<Received, 'status'>, n: number) => Answer | Promise<Answer>;

/** A target that is scraped once a second, by the clock, into a remote-write receiver: as the suite sets it up. */
async function run(page: (scrape: number, now: number) => string, scrapes = 3, answer?: Answerer): Promise<Run> {
  const clock = new FakeClock();
  let scraped = 0;
  const page$ = await httpServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(page(scraped++, clock.now()));
  });
  const to = await receiver(answer);
  const target = `127.0.0.1:${page$.port}`;
  const outHost = fakeHost('exporter', 'prometheusremotewrite', clock);
  const sending = prometheusremotewrite as ExporterFactory;
  // The receiver's delays are real and the clock is not: a timeout would strike where none is meant.
  const options = { endpoint: to.url, timeout: '0s', retry_on_failure: { max_elapsed_time: '0s' } };
  const exporter = sending.create(parse(sending.config, options), outHost);
  const scraping = prometheus as ReceiverFactory;
  const scrape_configs = [{ job_name: 'test', scrape_interval: '1s', static_configs: [{ targets: [target] }] }];
  const config = parse(scraping.config, { config: { scrape_configs } });
  const scraper = scraping.create(config, fakeHost('receiver', 'prometheus', clock), exporter);
  await exporter.start?.(never);
  await scraper.start?.(never);
  ended.push(scraper, exporter);
  const metric = (name: string) => outHost.metric(`otelcol_exporter_${name}`) ?? 0;
  for (let n = 0; n < scrapes; n++) {
    const before = metric('prometheusremotewrite_translated_time_series');
    await clock.advance(1000);
    await until(() => metric('prometheusremotewrite_translated_time_series') > before);
  }
  await scraper.stop?.(never);
  while (metric('queue_size') > 0) {
    await clock.advance(100);
    await until(() => true);
  }
  const samples = to.requests.flatMap(({ series, status }) =>
    series.flatMap(({ labels, samples: own }) => own.map((s) => ({ labels: labelMap(labels), ...s, status }))),
  );
  return { to, target, samples, named: (name) => samples.filter((s) => s.labels.get('__name__') === name) };
}

const timesOf = (samples: readonly Sample[]): number[] => samples.map((s) => s.time);
const values = (samples: readonly Sample[]): number[] => samples.map((s) => s.value);
const withLabel = (samples: readonly Sample[], name: string, value: string) =>
  samples.filter((s) => s.labels.get(name) === value);

function expectRising(samples: readonly Sample[]): void {
  const last = new Map<string, number>();
  for (const { labels, time } of samples) {
    const key = JSON.stringify([...labels]);
    expect(time, key).to.be.above(last.get(key) ?? 0);
    last.set(key, time);
  }
}

const gauge = () => '# TYPE test gauge\ntest 42\n';
const now = (_: number, at: number) => `# TYPE now gauge\nnow ${at}\n`;

/** What each case of the suite demands. `page` is the case's own exposition text. */
const checks: Record<string, (page: string) => Promise<void>> = {
  async Headers() {
    const { to } = await run(now);
    expect(to.requests).not.to.be.empty;
    for (const { headers, method } of to.requests) {
      expect(method).to.equal('POST');
      expect(headers).to.include({
        'content-encoding': 'snappy',
        'content-type': 'application/x-protobuf',
        'x-prometheus-remote-write-version': '0.1.0',
      });
      expect(headers['user-agent']).to.match(/^dnscol\//);
    }
  },
  async SortedLabels(page) {
    const { samples, named } = await run(() => page);
    for (const { labels } of samples) {
      const names = [...labels.keys()];
      expect(names).to.deep.equal(names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }
    expect(named('test')[0]!.value).to.equal(1);
    expect(Object.fromEntries(named('test')[0]!.labels)).to.include({ a: '1', b: '2' });
  },
  async RepeatedLabels(page) {
    const { to, named } = await run(() => page);
    expect(named('test')).to.be.empty;
    expect(values(named('up'))).to.deep.equal([0, 0, 0]);
    for (const { series } of to.requests) {
      for (const { labels } of series) expect(labelMap(labels).size).to.equal(labels.length / 2);
    }
  },
  async EmptyLabels(page) {
    const { to, named } = await run(() => page);
    expect(named('test')).not.to.be.empty;
    expect(named('test').every((s) => !s.labels.has('a'))).to.equal(true);
    for (const { series } of to.requests) for (const { labels } of series) expect(labels).not.to.include('');
  },
  async NameLabel(page) {
    const { samples, named } = await run(() => page);
    expect(samples.every((s) => s.labels.has('__name__'))).to.equal(true);
    expect(values(named('up'))).to.deep.equal([0, 0, 0]);
  },
  async HonorLabels() {
    const { named, target } = await run(() => 'test{job="other",instance="there"} 1\n');
    expect(Object.fromEntries(named('test')[0]!.labels)).to.deep.equal({
      __name__: 'test',
      job: 'test',
      instance: target,
      exported_job: 'other',
      exported_instance: 'there',
    });
  },
  async Ordering() {
    const next = random(11);
    const page = Array.from({ length: 1000 }, (_, i) => `test{i="${i}"} 1\n`).join('');
    const { named } = await run(
      () => page,
      10,
      async () => {
        await new Promise((resolve) => setTimeout(resolve, next() * 30));
        return 204;
      },
    );
    expect(named('test')).to.have.length(10_000);
    expectRising(named('test'));
  },
  async Retries500() {
    const { to, named } = await run(now, 3, (_, n) => (n === 0 ? 500 : 204));
    const [first] = to.requests;
    expect(first!.status).to.equal(500);
    const time = first!.series[0]!.samples[0]!.time;
    expect(named('now').filter((s) => s.status === 204 && s.time === time)).to.have.length(1);
  },
  async Retries400() {
    const { to, samples } = await run(now, 3, (_, n) => (n === 0 ? 400 : 204));
    const time = to.requests[0]!.series[0]!.samples[0]!.time;
    expect(samples.some((s) => s.status === 204)).to.equal(true);
    expect(samples.filter((s) => s.time === time).every((s) => s.status === 400)).to.equal(true);
  },
  async Staleness() {
    const { named } = await run((n) => (n === 0 ? 'stale 1\n' : 'other 1\n'));
    expect(named('stale').map((s) => s.bits)).to.deep.equal(['3ff0000000000000', '7ff0000000000002']);
  },
  async Summary() {
    const parts = ['{quantile="0.5"} 2', '{quantile="0.9"} 3', '{quantile="0.99"} 3', '_sum 6', '_count 3'];
    const { named } = await run(() => `# TYPE s summary\n${parts.map((part) => `s${part}\n`).join('')}`);
    for (const [quantile, value] of [
      ['0.5', 2],
      ['0.9', 3],
      ['0.99', 3],
    ] as const) {
      expect(values(withLabel(named('s'), 'quantile', quantile))).to.deep.equal([value, value, value]);
    }
    expect(values(named('s_sum'))).to.deep.equal([6, 6, 6]);
    expect(values(named('s_count'))).to.deep.equal([3, 3, 3]);
  },
  async Histogram() {
    const parts = ['_bucket{le="1"} 1', '_bucket{le="2"} 2', '_bucket{le="+Inf"} 3', '_sum 6', '_count 3'];
    const { named } = await run(() => `# TYPE h histogram\n${parts.map((part) => `h${part}\n`).join('')}`);
    // Prometheus 3 writes le="1.0" for le="1", as OpenMetrics does; the suite is older.
    const bucket = (le: number) =>
      named('h_bucket').filter((s) => Number(s.labels.get('le')?.replace('+Inf', 'Infinity')) === le);
    expect([1, 2, Number.POSITIVE_INFINITY].map((le) => values(bucket(le)))).to.deep.equal([
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 3],
    ]);
    expect(named('h_bucket')).to.have.length(9);
    expect(values(named('h_sum'))).to.deep.equal([6, 6, 6]);
    expect(values(named('h_count'))).to.deep.equal([3, 3, 3]);
  },
  async Timestamp() {
    const from = new FakeClock().now();
    const { samples } = await run(gauge, 5);
    const times = timesOf(samples);
    expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
    expect(times[0]).to.be.at.least(from);
    expect(times.at(-1)).to.be.at.most(from + 5000);
  },
  async Up() {
    const { named, target } = await run(gauge);
    expect(values(named('up'))).to.deep.equal([1, 1, 1]);
    expect(Object.fromEntries(named('up')[0]!.labels)).to.deep.equal({
      __name__: 'up',
      job: 'test',
      instance: target,
    });
  },
  async Invalid(page) {
    const { named } = await run(() => page);
    expect(values(named('up'))).to.deep.equal([0, 0, 0]);
  },
  async Counter() {
    const { named } = await run((n) => `# TYPE count_total counter\ncount_total ${n}\n`, 6);
    expect(values(named('count_total'))).to.deep.equal([0, 1, 2, 3, 4, 5]);
  },
  async Gauge() {
    const { named } = await run(now, 5);
    for (const { value, time } of named('now')) expect(Math.abs(value - time)).to.be.below(1000);
  },
  async 'JobLabel / InstanceLabel'() {
    const { samples, target } = await run(gauge);
    expect(samples).not.to.be.empty;
    for (const { labels } of samples)
      expect([labels.get('job'), labels.get('instance')]).to.deep.equal(['test', target]);
  },
};

describe('remote-write: the cases of the 1.0 sender suite', () => {
  afterEach(async () => {
    for (const component of ended.splice(0)) await component.stop?.(AbortSignal.abort());
    await closeServers();
  });

  it('every case has its check', () => {
    expect(cases.map((c) => c.name)).to.have.members(Object.keys(checks));
  });

  for (const { name, exposition_or_setup } of cases) {
    remoteWrite.holds(name, () => checks[name]!(exposition_or_setup));
  }
  remoteWrite.listIsCurrent();
});
