/** What each case of the Remote Write 1.0 sender suite demands, of whoever scrapes and sends. */
import { expect } from 'chai';
import { labelMap } from '#metrics';
import { random } from './random.ts';
import type { Answer, Received, Receiver } from './receiver.ts';

/** One sample as it came: where it stands in the order of arrival is its place in the list. */
export interface Sample {
  labels: Map<string, string>;
  value: number;
  bits: string;
  time: number;
  /** What the request was answered. */
  status: number;
}

export interface Run {
  to: Receiver;
  /** host:port of what was scraped. */
  target: string;
  /** All that arrived, refused or not. */
  samples: Sample[];
  named(name: string): Sample[];
  /** Between which moments it was scraped. */
  from: number;
  until: number;
}

export type Answerer = (request: Omit<Received, 'status'>, n: number) => Answer | Promise<Answer>;

/** Scrapes a target, job `test`, once a second and at least so many times, into a receiver; then stops as one should. */
export type Runner = (
  page: (scrape: number, now: number) => string,
  scrapes?: number,
  answer?: Answerer,
) => Promise<Run>;

export function runOf(to: Receiver, target: string, from: number, until: number): Run {
  const samples = to.requests.flatMap(({ series, status }) =>
    series.flatMap(({ labels, samples: own }) => own.map((s) => ({ labels: labelMap(labels), ...s, status }))),
  );
  return {
    to,
    target,
    samples,
    named: (name) => samples.filter((s) => s.labels.get('__name__') === name),
    from,
    until,
  };
}

const values = (samples: readonly Sample[]): number[] => samples.map((s) => s.value);
const withLabel = (samples: readonly Sample[], name: string, value: string) =>
  samples.filter((s) => s.labels.get(name) === value);

/** Each scrape gave this value, and there were at least three. */
function always(samples: readonly Sample[], value: number): void {
  expect(samples.length).to.be.at.least(3);
  expect([...new Set(values(samples))]).to.deep.equal([value]);
}

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

/** By the case's name; `page` is the case's own exposition text. `slow`: how long the receiver of `Ordering` takes at most. */
export const rw1Checks: Record<string, (run: Runner, page: string, slow: number) => Promise<void>> = {
  async Headers(run) {
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
  async SortedLabels(run, page) {
    const { samples, named } = await run(() => page);
    for (const { labels } of samples) {
      const names = [...labels.keys()];
      expect(names).to.deep.equal(names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }
    expect(named('test')[0]!.value).to.equal(1);
    expect(Object.fromEntries(named('test')[0]!.labels)).to.include({ a: '1', b: '2' });
  },
  async RepeatedLabels(run, page) {
    const { to, named } = await run(() => page);
    expect(named('test')).to.be.empty;
    always(named('up'), 0);
    for (const { series } of to.requests) {
      for (const { labels } of series) expect(labelMap(labels).size).to.equal(labels.length / 2);
    }
  },
  async EmptyLabels(run, page) {
    const { to, named } = await run(() => page);
    expect(named('test')).not.to.be.empty;
    expect(named('test').every((s) => !s.labels.has('a'))).to.equal(true);
    for (const { series } of to.requests) for (const { labels } of series) expect(labels).not.to.include('');
  },
  async NameLabel(run, page) {
    const { samples, named } = await run(() => page);
    expect(samples.every((s) => s.labels.has('__name__'))).to.equal(true);
    always(named('up'), 0);
  },
  async HonorLabels(run) {
    const { named, target } = await run(() => 'test{job="other",instance="there"} 1\n');
    expect(Object.fromEntries(named('test')[0]!.labels)).to.deep.equal({
      __name__: 'test',
      job: 'test',
      instance: target,
      exported_job: 'other',
      exported_instance: 'there',
    });
  },
  async Ordering(run, _, slow) {
    const next = random(11);
    const page = Array.from({ length: 1000 }, (_, i) => `test{i="${i}"} 1\n`).join('');
    const { named, samples } = await run(
      () => page,
      6,
      async () => {
        await new Promise((resolve) => setTimeout(resolve, next() * slow));
        return 204;
      },
    );
    expect(named('test').length).to.be.at.least(6000);
    expectRising(samples);
  },
  async Retries500(run) {
    const { to, named } = await run(now, 3, (_, n) => (n === 0 ? 500 : 204));
    const [first] = to.requests;
    expect(first!.status).to.equal(500);
    const time = first!.series[0]!.samples[0]!.time;
    expect(named('now').filter((s) => s.status === 204 && s.time === time)).to.have.length(1);
  },
  async Retries400(run) {
    const { to, samples } = await run(now, 3, (_, n) => (n === 0 ? 400 : 204));
    const time = to.requests[0]!.series[0]!.samples[0]!.time;
    expect(samples.some((s) => s.status === 204)).to.equal(true);
    expect(samples.filter((s) => s.time === time).every((s) => s.status === 400)).to.equal(true);
  },
  async Staleness(run) {
    const { named } = await run((n) => (n === 0 ? 'stale 1\n' : 'other 1\n'));
    expect(named('stale').map((s) => s.bits)).to.deep.equal(['3ff0000000000000', '7ff0000000000002']);
  },
  async Summary(run) {
    const parts = ['{quantile="0.5"} 2', '{quantile="0.9"} 3', '{quantile="0.99"} 3', '_sum 6', '_count 3'];
    const { named } = await run(() => `# TYPE s summary\n${parts.map((part) => `s${part}\n`).join('')}`);
    for (const [quantile, value] of [
      ['0.5', 2],
      ['0.9', 3],
      ['0.99', 3],
    ] as const) {
      always(withLabel(named('s'), 'quantile', quantile), value);
      expect(withLabel(named('s'), 'quantile', quantile)).to.have.length(named('s_count').length);
    }
    always(named('s_sum'), 6);
    always(named('s_count'), 3);
  },
  async Histogram(run) {
    const parts = ['_bucket{le="1"} 1', '_bucket{le="2"} 2', '_bucket{le="+Inf"} 3', '_sum 6', '_count 3'];
    const { named } = await run(() => `# TYPE h histogram\n${parts.map((part) => `h${part}\n`).join('')}`);
    // Prometheus 3 writes le="1.0" for le="1", as OpenMetrics does; the suite is older.
    const bucket = (le: number) =>
      named('h_bucket').filter((s) => Number(s.labels.get('le')?.replace('+Inf', 'Infinity')) === le);
    [1, 2, Number.POSITIVE_INFINITY].forEach((le, i) => {
      always(bucket(le), i + 1);
      expect(bucket(le)).to.have.length(named('h_count').length);
    });
    always(named('h_sum'), 6);
    always(named('h_count'), 3);
  },
  async Timestamp(run) {
    const { samples, from, until } = await run(gauge, 5);
    const times = samples.map((s) => s.time);
    expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
    expect(times[0]).to.be.at.least(from);
    expect(times.at(-1)).to.be.at.most(until);
  },
  async Up(run) {
    const { named, target } = await run(gauge);
    always(named('up'), 1);
    expect(Object.fromEntries(named('up')[0]!.labels)).to.deep.equal({
      __name__: 'up',
      job: 'test',
      instance: target,
    });
  },
  async Invalid(run, page) {
    const { named } = await run(() => page);
    always(named('up'), 0);
  },
  async Counter(run) {
    const { named } = await run((n) => `# TYPE count_total counter\ncount_total ${n}\n`, 6);
    expect(named('count_total').length).to.be.at.least(6);
    expect(values(named('count_total'))).to.deep.equal(named('count_total').map((_, i) => i));
  },
  async Gauge(run) {
    const { named } = await run(now, 5);
    expect(named('now').length).to.be.at.least(5);
    for (const { value, time } of named('now')) expect(Math.abs(value - time)).to.be.below(1000);
  },
  async 'JobLabel / InstanceLabel'(run) {
    const { samples, target } = await run(gauge);
    expect(samples).not.to.be.empty;
    for (const { labels } of samples)
      expect([labels.get('job'), labels.get('instance')]).to.deep.equal(['test', target]);
  },
};
