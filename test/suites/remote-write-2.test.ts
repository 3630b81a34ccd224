import { expect } from 'chai';
import type { Exporter, ExporterFactory, ReceiverFactory, Receiver as Scraper } from '#component';
import { parse } from '#config';
import { labelMap } from '#metrics';
import prometheusremotewrite from '../../exporters/prometheusremotewrite/prometheusremotewrite.ts';
import prometheus from '../../receivers/prometheus/prometheus.ts';
import { FakeClock, settle } from '../support/clock.ts';
import { type FakeHost, fakeHost } from '../support/host.ts';
import { type PlainSample, readPlain } from '../support/plain-page.ts';
import { type Answer, type Received, type Receiver, receiver, wroteAll } from '../support/receiver.ts';
import { closeServers, httpServer, until } from '../support/servers.ts';
import { suite } from '../support/suites.ts';
import type { DecodedSeries } from '../support/write_request.ts';

interface Case {
  suite: string;
  name: string;
  scrape_body?: string;
}

const remoteWrite = suite('remote-write');
const cases = remoteWrite.json<Case[]>('compliance-sender-cases.json');
const never = new AbortController().signal;
const ended: (Scraper | Exporter)[] = [];

/** Bodies that the suite makes in Go, as they were meant: its `string(rune(n))` gives no digits. */
const bodies: Record<string, () => string> = {
  batch_size_reasonable: () => Array.from({ length: 12_000 }, (_, i) => `metric{label="${i}"} 1\n`).join(''),
  huge_label_values: () => `test_metric{large_label="${'x'.repeat(10_000)}"} 42\n`,
  many_timeseries: () => Array.from({ length: 100 }, (_, i) => `metric_${String(i).padStart(3, '0')} ${i}\n`).join(''),
  high_cardinality: () =>
    Array.from({ length: 50 }, (_, i) => `http_requests{path="/api/v1/endpoint_${i}",method="GET"} ${i}\n`).join(''),
  very_long_metric_name: () => `metric_${'very_long_name_'.repeat(50)} 42\n`,
  future_timestamp: () => `test_metric 42 ${new FakeClock().now() + 86_400_000}\n`,
};
const bodyOf = ({ name, scrape_body }: Case): string => scrape_body ?? bodies[name]!();

interface Outcome {
  to: Receiver;
  /** When each request arrived, in milliseconds of the clock. */
  arrivals: number[];
  host: FakeHost;
  target: string;
  /** Of the one scrape. */
  time: number;
  count(name: string): number;
  failed: number;
}

interface Setup {
  version?: 1 | 2;
  answer?: (request: Omit<Received, 'status'>, n: number) => Answer | Promise<Answer>;
  options?: Record<string, unknown>;
  /** How long to go on after the scrape, by the clock. */
  seconds?: number;
  /** The receiver leaves requests without an answer. */
  hangs?: boolean;
}

const MESSAGE = { 1: 'prometheus.WriteRequest', 2: 'io.prometheus.write.v2.Request' };

/** One scrape of this body, sent. */
async function scrapeOnce(
  body: string,
  { version = 2, answer, options, seconds = 1, hangs = false }: Setup = {},
): Promise<Outcome> {
  const clock = new FakeClock();
  let asked = 0;
  const page = await httpServer((_, response) => {
    asked++;
    const isOpen = body.includes(' # {');
    response.setHeader(
      'content-type',
      isOpen ? 'application/openmetrics-text; version=1.0.0' : 'text/plain; version=0.0.4',
    );
    response.end(isOpen ? `${body}# EOF\n` : body);
  });
  const arrivals: number[] = [];
  const to = await receiver((request, n) => {
    arrivals.push(clock.monotonic());
    return answer?.(request, n) ?? 204;
  });
  const target = `127.0.0.1:${page.port}`;
  const host = fakeHost('exporter', 'prometheusremotewrite', clock);
  const sending = prometheusremotewrite as ExporterFactory;
  const exporter = sending.create(
    parse(sending.config, { endpoint: to.url, protobuf_message: MESSAGE[version], ...options }),
    host,
  );
  const scraping = prometheus as ReceiverFactory;
  const scrape_configs = [{ job_name: 'test', scrape_interval: '1m', static_configs: [{ targets: [target] }] }];
  const scraper = scraping.create(
    parse(scraping.config, { config: { scrape_configs } }),
    fakeHost('receiver', 'prometheus', clock),
    exporter,
  );
  await exporter.start?.(never);
  await scraper.start?.(never);
  ended.push(scraper, exporter);
  const count = (name: string) => host.metric(`otelcol_exporter_${name}`) ?? 0;
  // The scrape comes somewhere in the first minute, and takes its own time: the clock waits for it.
  while (asked === 0) {
    await clock.advance(100);
    await settle();
  }
  await until(() => count('prometheusremotewrite_translated_time_series') > 0);
  await scraper.stop?.(never);
  for (let passed = 0; passed < seconds * 1000; passed += 250) {
    await until(() => hangs || count('in_flight_requests') === 0);
    await clock.advance(250);
    await settle();
  }
  const time = to.requests[0]?.series.at(-1)?.samples[0]?.time ?? 0;
  return { to, arrivals, host, target, time, count, failed: count('send_failed_metric_points') };
}

const REPORT = /^(up|scrape_.*|target_info)$/;
const nameOf = ({ labels }: DecodedSeries): string => labelMap(labels).get('__name__')!;
const TYPES = ['unknown', 'counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset'];

/** A sample as one line, for comparing lists that say where they differ. */
function line(labels: Record<string, string>, rest: Record<string, unknown>): string {
  const sorted = Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({ labels: sorted, ...rest }, (_, value) =>
    Object.is(value, -0) ? '-0' : typeof value === 'number' ? String(value) : value,
  );
}

/** A series that is there twice keeps its first sample, as in Prometheus. */
function firstOfEach(samples: readonly PlainSample[]): PlainSample[] {
  const seen = new Set<string>();
  return samples.filter(({ labels }) => {
    const key = line(labels, {});
    return !seen.has(key) && seen.add(key);
  });
}

/** Everything that is on the page, and nothing else, arrived: labels, value, time, metadata and exemplar of each series. */
function expectPage(body: string, { to, target, time }: Outcome): DecodedSeries[] {
  const isOpen = body.includes(' # {');
  const own = { instance: target, job: 'test' };
  const page = readPlain(body, isOpen);
  const onPage = new Set(page.map((sample) => sample.labels.__name__!));
  const want = firstOfEach(page).map((sample) =>
    line(
      { ...own, ...sample.labels },
      {
        value: sample.value,
        time: sample.time ?? time,
        type: sample.type === 'untyped' ? 'unknown' : sample.type,
        help: sample.help,
        exemplar:
          sample.exemplar &&
          line(sample.exemplar.labels, { value: sample.exemplar.value, time: sample.exemplar.time ?? time }),
      },
    ),
  );
  const seen = new Set<string>();
  const series = to.taken().filter((one) => {
    const key = one.labels.join('\0');
    // A page may have an `up` of its own, which the scrape's own then follows.
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew && (!REPORT.test(nameOf(one)) || onPage.has(nameOf(one)));
  });
  const got = series.map(({ labels, samples, metadata, exemplars }) => {
    expect(samples).to.have.length(1);
    const [exemplar] = exemplars ?? [];
    return line(Object.fromEntries(labelMap(labels)), {
      value: samples[0]!.value,
      time: samples[0]!.time,
      type: TYPES[metadata!.type],
      help: metadata!.help,
      exemplar:
        exemplar && line(Object.fromEntries(labelMap(exemplar.labels)), { value: exemplar.value, time: exemplar.time }),
    });
  });
  expect(got.sort()).to.deep.equal(want.sort());
  expect(to.taken().map(nameOf)).to.include('up');
  return series;
}

/** What is on the page arrives; the decoder holds what the specification says of symbols, references, labels and metadata. */
const arrives = async (body: string): Promise<DecodedSeries[]> => {
  const outcome = await scrapeOnce(body);
  for (const { headers, method, version } of outcome.to.requests) {
    expect({ method, version }).to.deep.equal({ method: 'POST', version: 2 });
    expect(headers['content-encoding']).to.equal('snappy');
    expect(headers['content-type']).to.equal('application/x-protobuf;proto=io.prometheus.write.v2.Request');
    expect(headers['x-prometheus-remote-write-version']).to.equal('2.0.0');
    expect(headers['user-agent']).to.match(/^dnscol\/\S+$/);
  }
  return expectPage(body, outcome);
};

const answers =
  (status: number, body = '', headers?: Record<string, string>) =>
  (): Answer => ({
    status,
    body,
    ...(headers && { headers }),
  });
const wrote = (samples: number) => ({ 'X-Prometheus-Remote-Write-Samples-Written': String(samples) });
const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, i) => time - times[i]!);

/** Tried again until it is taken, ever more slowly, and everything arrives in the end. */
async function retried(body: string, status: number, headers = {}): Promise<void> {
  const outcome = await scrapeOnce(body, {
    answer: ({ series }, n) => (n < 6 ? { status, headers } : { status: 204, headers: wroteAll(series) }),
    options: { retry_on_failure: { randomization_factor: 0 } },
    seconds: 30,
  });
  expect(outcome.to.requests.map((r) => r.status)).to.deep.equal([...Array(6).fill(status), 204]);
  expectPage(body, outcome);
}

/** Asked once, given up, counted and told. */
async function givenUp(body: string, status: number, said = 'No.'): Promise<Outcome> {
  const outcome = await scrapeOnce(body, { answer: answers(status, said), seconds: 120 });
  expect(outcome.to.requests).to.have.length(1);
  expect(outcome.failed).to.equal(outcome.to.requests[0]!.series.length);
  await ended.at(-1)!.stop?.(AbortSignal.abort());
  const told = outcome.host.logs.map(({ fields }) => String(fields.error)).join('\n');
  expect(told).to.include(`answered ${status}: ${said.slice(0, 900)}`);
  return outcome;
}

/** A receiver of 1.0 alone. */
const only1 = ({ version }: Omit<Received, 'status'>): Answer => (version === 2 ? 415 : 204);
async function fallsBack(body: string): Promise<Outcome> {
  const outcome = await scrapeOnce(body, { answer: only1 });
  expect(outcome.to.requests.map(({ version, status }) => `${version} ${status}`)).to.deep.equal(['2 415', '1 204']);
  expect(outcome.to.requests[1]!.headers).to.include({
    'content-type': 'application/x-protobuf',
    'x-prometheus-remote-write-version': '0.1.0',
  });
  const values = (n: number) => outcome.to.requests[n]!.series.map(({ labels, samples }) => [labels, samples[0]!.bits]);
  expect(values(1)).to.deep.equal(values(0));
  expect(outcome.failed).to.equal(0);
  return outcome;
}

/** As 1.0, whose decoder knows no field of 2.0. */
async function asVersion1(body: string): Promise<void> {
  const outcome = await scrapeOnce(body, { version: 1 });
  expect(outcome.to.requests.every(({ version }) => version === 1)).to.equal(true);
  expect(outcome.to.requests[0]!.headers).to.include({
    'content-type': 'application/x-protobuf',
    'x-prometheus-remote-write-version': '0.1.0',
  });
  const got = outcome.to
    .taken()
    .filter((one) => !REPORT.test(nameOf(one)))
    .map(({ labels, samples }) => line(Object.fromEntries(labelMap(labels)), { value: samples[0]!.value }));
  const own = { instance: outcome.target, job: 'test' };
  const want = readPlain(body, false).map(({ labels, value }) => line({ ...own, ...labels }, { value }));
  expect(got.sort()).to.deep.equal(want.sort());
}

/** Samples of these names arrive in the first request. */
async function inOneRequest(body: string): Promise<Received> {
  const outcome = await scrapeOnce(body);
  expectPage(body, outcome);
  expect(outcome.to.requests).to.have.length(1);
  return outcome.to.requests[0]!;
}

type Check = (body: string) => Promise<unknown>;

/** Of suites whose cases all are about how a receiver answers. */
const behaviours: Record<string, Check> = {
  'backoff/exponential_backoff_on_retries': (body) => retried(body, 503),
  'backoff/backoff_required': (body) => retried(body, 503),
  async 'backoff/backoff_max_delay'(body) {
    const { arrivals } = await scrapeOnce(body, {
      answer: answers(502),
      options: { retry_on_failure: { max_elapsed_time: '0s' } },
      seconds: 600,
    });
    const all = gaps(arrivals);
    expect(all.length).to.be.above(10);
    expect(Math.max(...all)).to.be.at.most(60_000);
    expect(all.at(-1)).to.be.above(10_000);
  },
  async 'backoff/backoff_with_jitter'(body) {
    const { arrivals } = await scrapeOnce(body, { answer: answers(503), seconds: 60 });
    const all = gaps(arrivals).slice(8);
    expect(new Set(all.map((gap, i) => (gap / (all[i + 1] ?? 1)).toFixed(3))).size).to.be.above(2);
  },
  async 'error_handling/handle_connection_refused'(body) {
    const outcome = await scrapeOnce(body, { options: { endpoint: 'http://127.0.0.1:1/' }, seconds: 5 });
    expect(outcome.host.statuses.at(-1)).to.include({ status: 'recoverable' });
    expect(outcome.count('queue_size')).to.equal(1);
  },
  async 'error_handling/handle_timeout'(body) {
    const outcome = await scrapeOnce(body, {
      answer: (_, n) => (n === 0 ? new Promise<Answer>(() => {}) : 204),
      hangs: true,
      seconds: 45,
    });
    expect(outcome.to.requests.map((r) => r.status)).to.deep.equal([0, 204]);
    expect(gaps(outcome.arrivals)[0]).to.be.within(29_700, 31_000);
  },
  async 'error_handling/handle_partial_write'(body) {
    const { to } = await scrapeOnce(body, {
      answer: ({ series }) => ({ status: 200, body: 'partial', headers: wroteAll(series) }),
    });
    expect(to.requests).to.have.length(1);
  },
  async 'error_handling/handle_malformed_response'(body) {
    const { to, failed } = await scrapeOnce(body, {
      answer: ({ series }) => ({ status: 200, body: 'Not valid response headers\r\n', headers: wroteAll(series) }),
    });
    expect({ requests: to.requests.length, failed }).to.deep.equal({ requests: 1, failed: 0 });
  },
  'error_handling/sender_continues_after_errors': (body) => retried(body, 500),
  async 'error_handling/handle_invalid_status_code'(body) {
    const { to, count } = await scrapeOnce(body, { answer: (_, n) => (n < 2 ? 999 : 204), seconds: 10 });
    expect(to.requests.at(-1)!.status).to.equal(204);
    expect(count('queue_size')).to.equal(0);
  },
  async 'error_handling/handle_empty_response'(body) {
    // Without a word of what was written, that is a receiver of 1.0.
    const { to, failed } = await scrapeOnce(body, { answer: ({ version }) => (version === 2 ? { status: 200 } : 200) });
    expect(to.requests.map(({ version }) => version)).to.deep.equal([2, 1]);
    expect(failed).to.equal(0);
  },
  'error_handling/handle_large_error_response': (body) => givenUp(body, 400, 'x'.repeat(1 << 20)),
  async 'error_handling/dns_resolution_failure'(body) {
    const { host, count } = await scrapeOnce(body, { options: { endpoint: 'http://receiver.invalid/' }, seconds: 5 });
    await until(() => host.statuses.some(({ status }) => status === 'recoverable'));
    expect(count('queue_size')).to.equal(1);
  },
  async 'error_handling/invalid_url_scheme'() {
    expect(() => parse((prometheusremotewrite as ExporterFactory).config, { endpoint: 'ftp://localhost/' })).to.throw(
      /endpoint/,
    );
  },
  async 'response/ignore_response_body_on_success'(body) {
    const { to, host, failed } = await scrapeOnce(body, {
      answer: ({ series }) => ({ status: 200, body: 'This body should be ignored', headers: wroteAll(series) }),
    });
    expect({ requests: to.requests.length, failed }).to.deep.equal({ requests: 1, failed: 0 });
    expect(JSON.stringify(host.logs)).not.to.include('ignored');
  },
  async 'response/process_written_count_headers'(body) {
    const { count, to } = await scrapeOnce(body, { answer: answers(204, '', wrote(3)) });
    expect(count('prometheusremotewrite_written_samples')).to.equal(3);
    expect(count('sent_metric_points')).to.equal(3);
    expect(count('send_failed_metric_points')).to.equal(to.requests[0]!.series.length - 3);
  },
  async 'response/handle_partial_write_response'(body) {
    const { to, count } = await scrapeOnce(body, { answer: answers(400, 'Rejected 1 sample', wrote(2)), seconds: 60 });
    expect(to.requests).to.have.length(1);
    expect(count('sent_metric_points')).to.equal(2);
  },
  'response/handle_missing_written_headers': (body) => givenUp(body, 400),
  'response/log_error_messages_verbatim': (body) => givenUp(body, 400, "Error: Invalid label name '__invalid__'"),
  'response/handle_large_error_body': (body) => givenUp(body, 400, 'detailed error information; '.repeat(1000)),
  async 'response/handle_204_no_content'(body) {
    const outcome = await scrapeOnce(body, { answer: ({ series }) => ({ status: 204, headers: wroteAll(series) }) });
    expectPage(body, outcome);
    expect(outcome.failed).to.equal(0);
  },
  async 'response/handle_200_ok'(body) {
    const answer = ({ series }: Omit<Received, 'status'>) => ({ status: 200, body: 'OK', headers: wroteAll(series) });
    const outcome = await scrapeOnce(body, { answer });
    expectPage(body, outcome);
    expect(outcome.failed).to.equal(0);
  },
  'retry/no_retry_on_400': (body) => givenUp(body, 400),
  'retry/no_retry_on_401': (body) => givenUp(body, 401),
  'retry/no_retry_on_404': (body) => givenUp(body, 404),
  async 'retry/may_retry_on_429'(body) {
    const outcome = await scrapeOnce(body, {
      answer: ({ series }, n) =>
        n ? { status: 204, headers: wroteAll(series) } : { status: 429, headers: { 'Retry-After': '7' } },
      seconds: 20,
    });
    expectPage(body, outcome);
    expect(gaps(outcome.arrivals)[0]).to.be.within(7000, 8000);
  },
  'retry/retry_on_500': (body) => retried(body, 500),
  'retry/retry_on_502': (body) => retried(body, 502),
  'retry/retry_on_503': (body) => retried(body, 503),
  'retry/retry_on_504': (body) => retried(body, 504),
  async 'retry/no_retry_on_413'(body) {
    // Never the same again: halves, down to single series.
    const { to, failed } = await scrapeOnce(body, { answer: answers(413), seconds: 60 });
    const sent = to.requests.map(({ series }) => series.map((one) => one.labels.join()).join());
    expect(new Set(sent).size).to.equal(sent.length);
    expect(failed).to.equal(to.requests[0]!.series.length);
  },
  'fallback/fallback_on_415_unsupported_media_type': fallsBack,
  'fallback/retry_with_different_version': fallsBack,
  'fallback/fallback_header_changes': fallsBack,
  'fallback/accept_success_after_fallback': fallsBack,
  'fallback/persistent_fallback_choice': fallsBack,
};

/** Of cases that ask for more than that everything arrives. */
const particulars: Record<string, Check> = {
  async 'batching/multiple_series_per_request'(body) {
    expect((await inOneRequest(body)).series.length).to.be.above(readPlain(body, false).length);
  },
  async 'batching/batch_size_reasonable'(body) {
    const outcome = await scrapeOnce(body);
    expectPage(body, outcome);
    for (const { series } of outcome.to.requests) expect(series.length).to.be.at.most(5000);
  },
  'batching/metadata_batching': inOneRequest,
  'combined/complete_metric_family': inOneRequest,
  'combined/multiple_metric_types': inOneRequest,
  async 'edge_cases/empty_scrape'(body) {
    const { to } = await scrapeOnce(body);
    expect(to.taken().map(nameOf)).to.include.members(['up', 'scrape_samples_scraped']);
  },
  async 'edge_cases/future_timestamp'(body) {
    // Prometheus takes no sample that is more than ten minutes ahead; the scrape is good all the same.
    const { to } = await scrapeOnce(body);
    expect(to.taken().map((one) => `${nameOf(one)} ${one.samples[0]!.value}`)).to.include('up 1');
    expect(to.taken().map(nameOf)).not.to.include('test_metric');
  },
  async 'edge_cases/stale_marker'(body) {
    // No number: the scrape fails. A text cannot make a staleness marker.
    const { to } = await scrapeOnce(body);
    expect(to.taken().map((one) => `${nameOf(one)} ${one.samples[0]!.value}`)).to.include('up 0');
    expect(to.taken().map(nameOf)).not.to.include('test_metric');
    expect(to.taken().every((one) => one.samples[0]!.bits !== '7ff0000000000002')).to.equal(true);
  },
  async 'metadata/metadata_help_with_newlines'(body) {
    // Two HELP lines for one family: the last one counts, and neither is lost in the other.
    const { to } = await scrapeOnce(body);
    const [series] = to.taken().filter((one) => nameOf(one) === 'multiline_metric');
    expect(series!.metadata!.help).to.match(/^[^\n]+$/);
  },
  async 'samples/nan_encoding'(body) {
    const [series] = await arrives(body);
    expect(series!.samples[0]!.bits).to.equal('7ff8000000000001');
  },
  async 'timestamps/timestamp_ordering_within_series'(body) {
    const series = await arrives(body);
    expect(new Set(series.map((one) => one.samples[0]!.time)).size).to.equal(1);
  },
};

describe('remote-write: the cases of the 2.0 sender suite', () => {
  afterEach(async () => {
    for (const component of ended.splice(0)) await component.stop?.(AbortSignal.abort());
    await closeServers();
  });

  it('behaviours and particulars are those of cases', () => {
    const ids = cases.map((one) => `${one.suite}/${one.name}`);
    expect(ids).to.include.members([...Object.keys(behaviours), ...Object.keys(particulars)]);
    const suites = new Set(Object.keys(behaviours).map((id) => id.split('/')[0]));
    expect(ids.filter((id) => suites.has(id.split('/')[0]!))).to.have.members(Object.keys(behaviours));
  });

  for (const one of cases) {
    const id = `${one.suite}/${one.name}`;
    const check = behaviours[id] ?? particulars[id] ?? (one.suite === 'rw1_compat' ? asVersion1 : arrives);
    remoteWrite.holds(id, async () => void (await check(bodyOf(one))));
  }
});
