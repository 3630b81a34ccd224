import type http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Exporter, ExporterFactory } from '#component';
import { parse } from '#config';
import { type Batch, staleValues } from '#metrics';
import otlphttp from '../../../exporters/otlphttp/otlphttp.ts';
import { exporterContract } from '../../contract/exporter.ts';
import { batchOf, snapshotOf } from '../../support/batch.ts';
import { settle } from '../../support/clock.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import {
  decodeRequest,
  EVERY_VALUE,
  everyType,
  flatPoints,
  OTLP,
  pageOf,
  withoutDefaults,
} from '../../support/otlp.ts';
import { encodeMessage, type Message } from '../../support/protobuf.ts';
import { closeServers, httpServer, readAll, until } from '../../support/servers.ts';

const never = new AbortController().signal;
const factory = otlphttp as ExporterFactory;

interface Got {
  url: string;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}
type Answer = [status: number, headers?: http.OutgoingHttpHeaders, body?: string | Buffer];

/** A server that answers with these, the last one again and again. */
async function server(...answers: Answer[]) {
  const got: Got[] = [];
  const { port } = await httpServer(async (request, response) => {
    const body = await readAll(request);
    got.push({ url: request.url!, headers: request.headers, body });
    const [status, headers = {}, text = ''] = answers[Math.min(got.length, answers.length) - 1] ?? [200];
    response.writeHead(status, headers).end(text);
  });
  return { got, endpoint: `http://127.0.0.1:${port}` };
}

function make(config: Record<string, unknown>): { exporter: Exporter; host: FakeHost } {
  const host = fakeHost('exporter', 'otlphttp');
  return { exporter: factory.create(parse(factory.config, config), host), host };
}

/** Without a queue: consuming resolves when it is sent. */
const direct = { sending_queue: { enabled: false } };
const everything = (): Batch => batchOf(snapshotOf(everyType(), EVERY_VALUE));
const gauge = (n = 1): Batch => batchOf(snapshotOf(pageOf([['gauge', 'g', ['g', { n: String(n) }]]]), [n]));
const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error('did not fail');
    },
    (error) => error,
  );

describe('exporters/otlphttp', () => {
  let running: Exporter[] = [];
  const start = async (config: Record<string, unknown>) => {
    const made = make(config);
    await made.exporter.start?.(never);
    running.push(made.exporter);
    return made;
  };
  afterEach(async () => {
    for (const exporter of running) await exporter.stop?.(AbortSignal.abort(new Error('test over')));
    running = [];
    await closeServers();
  });

  let asked = () => {};
  const begun = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let contractEndpoint = '';
  beforeEach(async () => {
    contractEndpoint = (await server()).endpoint;
  });
  exporterContract(otlphttp, {
    config: () => ({ endpoint: contractEndpoint }),
    stuck: {
      config: async () => ({ endpoint: `http://127.0.0.1:${(await httpServer(() => asked())).port}` }),
      begun: () => begun,
    },
  });

  it('posts gzipped protobuf to endpoint/v1/metrics', async () => {
    const { got, endpoint } = await server();
    const { exporter, host } = await start({ endpoint, ...direct });
    await exporter.consume(everything(), never);
    const { url, headers, body } = got[0]!;
    expect(url).to.equal('/v1/metrics');
    expect(headers).to.include({
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
      'user-agent': `dnscol/0.0.0-test (linux/${process.arch === 'x64' ? 'amd64' : process.arch})`,
    });
    const points = flatPoints(decodeRequest(gunzipSync(body)));
    expect(points.map((p) => p.metric)).to.include.members(['dns_requests_total', 'took_seconds', 'gc_seconds']);
    expect(points[0]!.scope).to.equal('dnscol@0.0.0-test');
    expect(host.metric('otelcol_exporter_sent_metric_points')).to.equal(EVERY_VALUE.length);
  });

  it('posts the same in JSON', async () => {
    const { got, endpoint } = await server();
    const batch = everything();
    const protobuf = await start({ endpoint, ...direct, compression: 'none' });
    const json = await start({ endpoint: `${endpoint}/`, ...direct, compression: 'none', encoding: 'json' });
    await protobuf.exporter.consume(batch, never);
    await json.exporter.consume(batch, never);
    expect(got[1]!.headers).to.include({ 'content-type': 'application/json' });
    expect(got[1]!.headers).not.to.have.property('content-encoding');
    expect(got[1]!.url).to.equal('/v1/metrics');
    expect(withoutDefaults(JSON.parse(got[1]!.body.toString()))).to.deep.equal(
      withoutDefaults(decodeRequest(got[0]!.body)),
    );
  });

  it('takes metrics_endpoint as it is, and sends the headers it is told', async () => {
    const { got, endpoint } = await server();
    const { exporter } = await start({
      endpoint: 'http://127.0.0.1:1',
      metrics_endpoint: `${endpoint}/custom?tenant=a`,
      headers: { 'X-Token': 'abc', 'User-Agent': 'mine' },
      ...direct,
    });
    await exporter.consume(gauge(), never);
    expect(got[0]!.url).to.equal('/custom?tenant=a');
    expect(got[0]!.headers).to.include({ 'x-token': 'abc', 'user-agent': 'mine' });
  });

  it('carries staleness as points without a value', async () => {
    const { got, endpoint } = await server();
    const { exporter } = await start({ endpoint, ...direct });
    const set = everyType();
    await exporter.consume([{ set, values: staleValues(set.series.length), time: 1_700_000_000_000 }], never);
    const points = flatPoints(decodeRequest(gunzipSync(got[0]!.body)));
    expect(points.map((p) => p.point.flags)).to.deep.equal(Array(8).fill(1));
  });

  it('gives a counter its start across batches', async () => {
    const { got, endpoint } = await server();
    const { exporter } = await start({ endpoint, ...direct });
    const set = pageOf([['counter', 'x', ['x_total']]]);
    for (const [i, value] of [5, 7, 1].entries())
      await exporter.consume([snapshotOf(set, [value], 60_000 * (i + 1))], never);
    const starts = got.map(({ body }) => flatPoints(decodeRequest(gunzipSync(body)))[0]!.point.startTimeUnixNano);
    expect(starts).to.deep.equal(['60000000000', '60000000000', '120000000000']);
  });

  describe('partial success', () => {
    const partial = (message: Message): Buffer =>
      encodeMessage(OTLP, 'ExportMetricsServiceResponse', { partialSuccess: message });

    it('is a warning, and the rejected points are counted and not sent again', async () => {
      const body = partial({ rejectedDataPoints: '3', errorMessage: 'too old' });
      const { got, endpoint } = await server([200, { 'content-type': 'application/x-protobuf' }, body]);
      const { exporter, host } = await start({ endpoint, ...direct });
      await exporter.consume(everything(), never);
      expect(got).to.have.length(1);
      expect(host.metric('otelcol_exporter_send_failed_metric_points', { reason: 'rejected' })).to.equal(3);
      const said = { level: 'warn', fields: { message: 'too old' }, manner: { always: true } };
      expect(host.logs).to.deep.equal([{ ...said, message: 'the server rejected 3 data points' }]);
      await exporter.consume(everything(), never);
      await exporter.consume(everything(), never);
      await exporter.stop?.(never);
      expect(host.logs.slice(1)).to.deep.equal([{ ...said, message: 'the server rejected 6 data points' }]);
    });

    it('may be a warning alone, in JSON', async () => {
      const body = '{"partialSuccess":{"errorMessage":"slow down"}}';
      const { endpoint } = await server([200, { 'content-type': 'application/json' }, body]);
      const { exporter, host } = await start({ endpoint, ...direct, encoding: 'json' });
      await exporter.consume(gauge(), never);
      expect(host.metric('otelcol_exporter_send_failed_metric_points')).to.equal(undefined);
      expect(host.logs[0]!.fields).to.deep.equal({ message: 'slow down' });
    });

    it('that breaks off is no reason to send again', async () => {
      const body = partial({ rejectedDataPoints: '3', errorMessage: 'too old' }).subarray(0, 3);
      const { got, endpoint } = await server([200, { 'content-length': '100', connection: 'close' }, body]);
      const { exporter, host } = await start({ endpoint, ...direct });
      await exporter.consume(everything(), never);
      expect(got).to.have.length(1);
      expect(host.metric('otelcol_exporter_sent_metric_points')).to.equal(EVERY_VALUE.length);
    });

    it('is read no further than 64 KiB', async () => {
      const { endpoint } = await server([200, { 'content-type': 'application/json' }, 'x'.repeat(1 << 20)]);
      const { exporter, host } = await start({ endpoint, ...direct });
      await exporter.consume(gauge(), never);
      expect(host.logs).to.deep.equal([]);
      expect(host.metric('otelcol_exporter_sent_metric_points')).to.equal(1);
    });
  });

  describe('refusals', () => {
    const STATUS = { Status: { 1: { name: 'code', type: 'int32' }, 2: { name: 'message', type: 'string' } } };

    const permanent = (status: number, type: string, body: string | Buffer, words: string) =>
      it(`with ${status} are for good, in the server's words: ${words}`, async () => {
        const { got, endpoint } = await server([status, { 'content-type': type }, body]);
        const { exporter, host } = await start({ endpoint, ...direct });
        const error = await failure(exporter.consume(gauge(), never));
        expect(error.message).to.equal(`${endpoint}/v1/metrics answered ${status}: ${words}`);
        expect(got).to.have.length(1);
        expect(host.metric('otelcol_exporter_send_failed_metric_points', { reason: 'permanent' })).to.equal(1);
      });
    permanent(400, 'application/x-protobuf', encodeMessage(STATUS, 'Status', { code: 3, message: 'bad' }), 'bad');
    permanent(401, 'application/json', '{"code":16,"message":"no token"}', 'no token');
    permanent(404, 'text/plain', 'not\nhere', 'not here');
    permanent(500, 'text/plain', 'oops', 'oops');

    for (const status of [429, 502, 503, 504]) {
      it(`with ${status} are tried again after the back-off`, async () => {
        const { got, endpoint } = await server([status, {}, 'busy'], [200]);
        const { exporter, host } = await start({ endpoint, ...direct });
        const sent = exporter.consume(gauge(), never);
        await until(() => got.length === 1 && host.clock.pending === 1);
        await host.clock.advance(10_000);
        await sent;
        expect(got).to.have.length(2);
        expect(got[1]!.body.equals(got[0]!.body)).to.equal(true);
      });
    }

    const waits = (title: string, header: (now: number) => string, wait: number) =>
      it(`wait as long as Retry-After asks: ${title}`, async () => {
        const answers: Answer[] = [[503, {}], [200]];
        const { got, endpoint } = await server(...answers);
        const { exporter, host } = await start({ endpoint, ...direct });
        answers[0]![1] = { 'retry-after': header(host.clock.now()) };
        const sent = exporter.consume(gauge(), never);
        await until(() => got.length === 1 && host.clock.pending === 1);
        await host.clock.advance(wait - 1);
        expect(got).to.have.length(1);
        await host.clock.advance(1);
        await sent;
      });
    waits('seconds', () => '60', 60_000);
    waits('an HTTP date', (now) => new Date(now + 90_000).toUTCString(), 90_000);

    it('of the size split the request, down to single sources', async () => {
      const answers: Answer[] = [[413, {}, 'too large'], [200]];
      const { got, endpoint } = await server(...answers);
      const { exporter, host } = await start({ endpoint, ...direct });
      await exporter.consume([...gauge(1), ...gauge(2), ...gauge(3)], never);
      const sizes = got.map(({ body }) => flatPoints(decodeRequest(gunzipSync(body))).length);
      expect(sizes).to.deep.equal([3, 1, 2]);
      expect(host.metric('otelcol_exporter_sent_metric_points')).to.equal(3);
    });

    it('of the size of a single source are for good', async () => {
      const { endpoint } = await server([413]);
      const { exporter, host } = await start({ endpoint, ...direct });
      await failure(exporter.consume(gauge(), never));
      expect(host.metric('otelcol_exporter_send_failed_metric_points', { reason: 'permanent' })).to.equal(1);
    });

    it('by nobody listening are tried again', async () => {
      const { exporter, host } = await start({ endpoint: 'http://127.0.0.1:1', ...direct });
      const giveUp = new AbortController();
      const sent = failure(exporter.consume(gauge(), giveUp.signal));
      await until(() => host.statuses.at(-1)?.status === 'recoverable');
      giveUp.abort(new Error('enough'));
      expect((await sent).message).to.match(/ECONNREFUSED|enough/);
    });
  });

  it('holds batches in its queue and sends them before it stops', async () => {
    const { got, endpoint } = await server();
    const { exporter, host } = await start({ endpoint });
    for (let n = 0; n < 20; n++) await exporter.consume(gauge(n), never);
    await exporter.stop?.(never);
    expect(got).to.have.length(20);
    expect(host.metric('otelcol_exporter_sent_metric_points')).to.equal(20);
  });

  it('joins what waits when sending_queue.batch says so, and splits by whole snapshots', async () => {
    const { got, endpoint } = await server();
    const batch = { min_size: 5, max_size: 5, flush_timeout: '1s' };
    const { exporter } = await start({ endpoint, sending_queue: { num_consumers: 1, batch } });
    const two = (n: number): Batch =>
      batchOf(snapshotOf(pageOf([['gauge', 'g', ['g', { n: `${n}a` }], ['g', { n: `${n}b` }]]]), [n, n]));
    for (let n = 0; n < 4; n++) await exporter.consume(two(n), never);
    await exporter.stop?.(never);
    const sizes = got.map(({ body }) => flatPoints(decodeRequest(gunzipSync(body))).length);
    expect(sizes.reduce((a, b) => a + b)).to.equal(8);
    expect(Math.max(...sizes)).to.equal(4);
  });

  it('counts series that could not form a histogram, and sends them as numbers', async () => {
    const { got, endpoint } = await server();
    const { exporter, host } = await start({ endpoint, ...direct });
    const set = pageOf([['histogram', 'h', ['h_bucket', { le: '1' }], ['h_sum']]]);
    await exporter.consume([snapshotOf(set, [1, 2])], never);
    await exporter.consume([snapshotOf(set, [1, 2])], never);
    expect(flatPoints(decodeRequest(gunzipSync(got[0]!.body)))).to.have.length(2);
    expect(host.metric('dnscol_exporter_flattened_points_total')).to.equal(4);
  });

  it('sends nothing for an empty batch', async () => {
    const { got, endpoint } = await server();
    const { exporter } = await start({ endpoint, ...direct });
    await exporter.consume([], never);
    await settle();
    expect(got).to.deep.equal([]);
  });

  describe('configuration', () => {
    const refuses = (title: string, config: unknown, message: string) =>
      it(`refuses ${title}`, () => expect(() => parse(factory.config, config)).to.throw(message));
    refuses('to be without an endpoint', {}, 'needs endpoint or metrics_endpoint');
    refuses('an endpoint without scheme', { endpoint: 'collector:4318' }, 'http://');
    refuses('another encoding', { endpoint: 'http://c', encoding: 'yaml' }, 'must be one of proto, json');
    it("has the Collector's defaults", () => {
      const config = parse(factory.config, { endpoint: 'http://c' });
      expect(config).to.deep.include({ encoding: 'proto', compression: 'gzip', timeout: 30_000 });
      expect(config).to.have.nested.property('sending_queue.queue_size', 1000);
      expect(config).to.have.nested.property('retry_on_failure.max_elapsed_time', undefined);
    });

    it('takes the endpoints of signals that dnscol does not have', () => {
      const config = { metrics_endpoint: 'http://c/m', traces_endpoint: 'http://c/t', logs_endpoint: 'http://c/l' };
      expect(parse(factory.config, config)).to.include(config);
    });
  });
});
