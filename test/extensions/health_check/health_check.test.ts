import { expect } from 'chai';
import type { Extension, ExtensionFactory, Kind, Status } from '#component';
import { parse } from '#config';
import { createHttpClient } from '#http';
import factory from '../../../extensions/health_check/health_check.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { closeServers, httpServer } from '../../support/servers.ts';

const never = new AbortController().signal;

describe('extension health_check', () => {
  const client = createHttpClient({ keepAlive: false });
  const running: Extension[] = [];
  let host: FakeHost;

  beforeEach(() => {
    host = fakeHost('extension', 'health_check');
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop?.(AbortSignal.abort());
    await closeServers();
  });

  function make(config: Record<string, unknown> = {}): Extension {
    const { create, config: schema } = factory as ExtensionFactory;
    const made = create(parse(schema, { endpoint: '127.0.0.1:0', ...config }), host);
    running.push(made);
    return made;
  }

  async function start(config: Record<string, unknown> = {}) {
    const extension = make(config);
    await extension.start?.(never);
    const says = (status: Status, id = 'otlphttp', kind: Kind = 'exporter') =>
      extension.onStatus?.({ kind, id, status });
    const ask = async (path = '') => {
      const url = new URL(path, extension.address!()!);
      const { status, body, headers } = await client.request({ method: 'GET', url, signal: never });
      return { status, type: headers['content-type'], body: body.toString() };
    };
    return { extension, says, ask };
  }

  it('listens on localhost:13133 when not told otherwise', () => {
    const { config } = factory as ExtensionFactory;
    expect(parse(config, {})).to.include({ endpoint: 'localhost:13133', path: '/' });
  });

  it('answers 503 until all pipelines run, then 200 with the time since', async () => {
    const { extension, ask } = await start();
    expect(await ask()).to.deep.equal({
      status: 503,
      type: 'application/json',
      body: '{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}',
    });
    extension.onReady?.();
    await host.clock.advance(3_723_000);
    expect(await ask()).to.deep.equal({
      status: 200,
      type: 'application/json',
      body: '{"status":"Server available","upSince":"2023-11-14T22:13:20.000Z","uptime":"1h2m3s"}',
    });
  });

  it('answers 503 while the agent drains', async () => {
    const { extension, ask } = await start();
    extension.onReady?.();
    extension.onDraining?.();
    expect((await ask()).status).to.equal(503);
  });

  it('answers 503 and the names while components have failed', async () => {
    const { extension, says, ask } = await start();
    extension.onReady?.();
    says('permanent');
    says('permanent', 'cgroup', 'receiver');
    const failed = await ask();
    expect(failed.status).to.equal(503);
    expect(JSON.parse(failed.body).failed).to.deep.equal(['exporter/otlphttp', 'receiver/cgroup']);
    says('ok');
    says('stopped', 'cgroup', 'receiver');
    expect((await ask()).status).to.equal(200);
  });

  it('answers 200 while a component is in trouble that may pass', async () => {
    const { extension, says, ask } = await start();
    extension.onReady?.();
    says('recoverable');
    expect((await ask()).status).to.equal(200);
  });

  it('keeps its age over a reload', async () => {
    const { extension, ask } = await start();
    extension.onReady?.();
    await host.clock.advance(60_000);
    extension.onReady?.();
    expect(JSON.parse((await ask()).body).uptime).to.equal('1m');
  });

  it('answers what it was told to', async () => {
    const { extension, ask } = await start({ response_body: { healthy: 'good', unhealthy: 'bad' } });
    expect(await ask()).to.deep.equal({ status: 503, type: 'text/plain; charset=utf-8', body: 'bad' });
    extension.onReady?.();
    expect((await ask()).body).to.equal('good');
  });

  it('answers at its path alone, and with / everywhere', async () => {
    const everywhere = await start();
    everywhere.extension.onReady?.();
    expect((await everywhere.ask('/health/status')).status).to.equal(200);
    const { ask } = await start({ path: '/healthz' });
    expect((await ask('/')).status).to.equal(404);
    expect((await ask('/healthz')).status).to.equal(503);
  });

  it('says that its port is in use', async () => {
    const { port } = await httpServer(() => {});
    const error = await make({ endpoint: `127.0.0.1:${port}` })
      .start?.(never)
      ?.catch((e) => e);
    expect(error).to.have.property('message', `cannot listen on 127.0.0.1:${port}: the port is in use`);
  });

  it('leaves nothing behind when it stops', async () => {
    const { extension } = await start();
    const address = new URL(extension.address!()!);
    await extension.stop?.(never);
    expect(host.clock.pending).to.equal(0);
    const gone = await client.request({ method: 'GET', url: address, signal: never }).catch((e) => e.message);
    expect(gone).to.contain('ECONNREFUSED');
  });
});
