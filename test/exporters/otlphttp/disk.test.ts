import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { expect } from 'chai';
import type { Exporter, ExporterFactory } from '#component';
import { parse } from '#config';
import otlphttp from '../../../exporters/otlphttp/otlphttp.ts';
import { batchOf, snapshotOf } from '../../support/batch.ts';
import { settle } from '../../support/clock.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { decodeRequest, flatPoints, pageOf } from '../../support/otlp.ts';
import { closeServers, httpServer, readAll, until } from '../../support/servers.ts';

const never = new AbortController().signal;
const factory = otlphttp as ExporterFactory;
const gauge = (n: number) => batchOf(snapshotOf(pageOf([['gauge', 'g', ['g', { n: String(n) }]]]), [n]));

function unpacked(body: Buffer, encoding: string | string[] | undefined): Buffer {
  if (encoding === 'gzip') return gunzipSync(body);
  return encoding === 'zstd' ? zstdDecompressSync(body) : body;
}

describe('exporters/otlphttp with a queue on disk', () => {
  let folder: string;
  let status = 200;
  let limit = Number.POSITIVE_INFINITY;
  let bodies: { body: Buffer; type: string; encoding: string | undefined }[] = [];
  let endpoint: string;
  const running: Exporter[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-queue-'));
    bodies = [];
    status = 200;
    limit = Number.POSITIVE_INFINITY;
    const { port } = await httpServer(async (request, response) => {
      const body = await readAll(request);
      const { 'content-type': type = '', 'content-encoding': encoding } = request.headers;
      if (unpacked(body, encoding).length > limit) return void response.writeHead(413).end();
      if (status === 200) bodies.push({ body, type, encoding });
      response.writeHead(status).end();
    });
    endpoint = `http://127.0.0.1:${port}`;
  });
  afterEach(async () => {
    for (const exporter of running.splice(0)) await exporter.stop?.(AbortSignal.abort(new Error('test over')));
    await closeServers();
    rmSync(folder, { recursive: true });
  });

  async function start(config: Record<string, unknown> = {}): Promise<{ exporter: Exporter; host: FakeHost }> {
    const host = fakeHost('exporter', 'otlphttp');
    const lend = () => ({ folder, maxBytes: 1 << 20, fsync: false });
    host.extensions.set('file_storage', { storage: { lend } });
    const written = { endpoint, sending_queue: { storage: 'file_storage' }, ...config };
    const exporter = factory.create(parse(factory.config, written), host);
    running.push(exporter);
    await exporter.start?.(never);
    return { exporter, host };
  }
  const values = () =>
    bodies
      .flatMap(({ body, encoding }) => flatPoints(decodeRequest(unpacked(body, encoding))))
      .map(({ point }) => point.asDouble);
  /** Lets the exporter's clock run until something holds; files and sockets have their own time. */
  async function passing(host: FakeHost, holds: () => boolean): Promise<void> {
    for (let i = 0; !holds(); i++) {
      if (i > 5000) throw new Error(`still not so: ${holds}`);
      await host.clock.advance(100);
      await settle();
    }
  }

  it('sends after a restart what could not be sent, as it was encoded, whatever the settings are now', async () => {
    status = 503;
    const first = await start();
    for (const n of [1, 2, 3]) await first.exporter.consume(gauge(n), never);
    await first.exporter.stop?.(never);
    expect(readdirSync(folder)).to.have.length(1);
    expect(first.host.metric('otelcol_exporter_send_failed_metric_points') ?? 0).to.equal(0);
    status = 200;
    const second = await start({ encoding: 'json', compression: 'none' });
    await until(() => bodies.length === 3);
    expect(values()).to.deep.equal([1, 2, 3]);
    for (const { type, encoding } of bodies) {
      expect([type, encoding]).to.deep.equal(['application/x-protobuf', 'gzip']);
    }
    await until(() => second.host.metric('otelcol_exporter_sent_metric_points') === 3);
    await until(() => readdirSync(folder).length === 0);
  });

  it('joins nothing with what was read back, and everything else as sending_queue.batch says', async () => {
    status = 503;
    const first = await start();
    for (const n of [1, 2]) await first.exporter.consume(gauge(n), never);
    await first.exporter.stop?.(never);
    status = 200;
    const batch = { flush_timeout: '1s', min_size: 2, max_size: 10 };
    const { exporter, host } = await start({
      sending_queue: { storage: 'file_storage', num_consumers: 1, batch },
    });
    for (const n of [3, 4]) await exporter.consume(gauge(n), never);
    await passing(host, () => bodies.length === 3);
    expect(values()).to.deep.equal([1, 2, 3, 4]);
  });

  for (const compression of ['gzip', 'zstd', 'none']) {
    it(`splits by sources what was read back and is too large (${compression})`, async () => {
      status = 503;
      const first = await start({ compression });
      await first.exporter.consume(
        [1, 2, 3, 4, 5].flatMap((n) => gauge(n)),
        never,
      );
      await first.exporter.stop?.(never);
      status = 200;
      limit = 400;
      const { host } = await start();
      await until(() => host.metric('otelcol_exporter_sent_metric_points') === 5);
      expect(bodies.length).to.be.within(2, 5);
      expect(values()).to.deep.equal([1, 2, 3, 4, 5]);
    });
  }

  it('says that an extension cannot store anything', () => {
    const host = fakeHost('exporter', 'otlphttp');
    host.extensions.set('health_check', {});
    const written = { endpoint, sending_queue: { storage: 'health_check' } };
    expect(() => factory.create(parse(factory.config, written), host)).to.throw(
      'the extension health_check cannot store anything',
    );
  });
});
