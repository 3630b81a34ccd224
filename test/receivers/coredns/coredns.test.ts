import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { parse } from '#config';
import { type Batch, formatLabels, isStale, labelMap } from '#metrics';
import coredns from '../../../receivers/coredns/coredns.ts';
import { checksFor, pagesAt } from '../../../receivers/coredns/endpoints.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { closeServers, httpServer, until } from '../../support/servers.ts';
import { advanceUntil } from '../prometheus/rig.ts';

const HOUR = 3_600_000;
const PAGE = '# TYPE coredns_panics_total counter\ncoredns_panics_total 3\ncoredns_cache_entries{type="denial"} 1\n';
const never = new AbortController().signal;

/** A CoreDNS with its metrics, /ready and /health on one port. */
async function server(paths: Record<string, { status?: number; body?: string; hangs?: boolean }> = {}) {
  const answers: typeof paths = { '/metrics': { body: PAGE }, ...paths };
  const asked: string[] = [];
  const made = await httpServer((req, res: ServerResponse) => {
    asked.push(req.url!);
    const { status = 200, body = 'OK', hangs } = answers[req.url!] ?? { status: 404 };
    if (!hangs) res.writeHead(status, { 'content-type': 'text/plain' }).end(body);
  });
  return { answers, asked, port: made.port, address: `127.0.0.1:${made.port}`, close: () => made.close() };
}

describe('the coredns receiver', () => {
  const stops: (() => Promise<void> | undefined)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await closeServers();
  });

  async function run(options: Record<string, unknown>) {
    if (coredns.kind !== 'receiver') throw new Error('not a receiver');
    const host = fakeHost('receiver', 'coredns');
    const out = sink();
    const usual = { initial_delay: '0s', collection_interval: '1h', timeout: '1h' };
    const receiver = coredns.create(parse(coredns.config, { ...usual, ...options }), host, out);
    stops.push(() => receiver.stop?.(never));
    await receiver.start?.(never);
    return {
      host,
      out,
      receiver,
      async collect(): Promise<Batch> {
        const before = out.batches.length;
        await host.clock.advance(HOUR);
        await until(() => out.batches.length > before);
        return out.batches.slice(before).flat();
      },
    };
  }
  const points = (batch: Batch): Record<string, number | string> =>
    Object.fromEntries(
      batch.flatMap(({ set, values }) =>
        set.series.map(({ labels }, i) => {
          const own = labelMap(labels);
          own.delete('job');
          own.delete('instance');
          return [formatLabels([...own].flat()), isStale(values, i) ? 'stale' : values[i]!];
        }),
      ),
    );
  const places = ({ port }: { port: number }) => ({
    ready_endpoint: `:${port}/ready`,
    health_endpoint: `http://127.0.0.1:${port}/health`,
  });

  receiverContract(coredns, async () => {
    const one = await server({ '/ready': {}, '/health': {} });
    return {
      config: {
        endpoints: [one.address],
        ...places(one),
        initial_delay: '0s',
        collection_interval: '1h',
        timeout: '1h',
      },
      interval: HOUR,
      vanish() {
        one.answers['/metrics'] = { body: 'coredns_panics_total 3\n' };
      },
      hang() {
        one.answers['/ready'] = { hangs: true };
      },
      close: () => one.close(),
    };
  });

  it('one batch has the page, its other names, how the scrape went, readiness and health', async () => {
    const one = await server({ '/ready': {}, '/health': {} });
    const { collect } = await run({ endpoints: [one.address], ...places(one) });
    const batch = await collect();
    expect(points(batch)).to.include({
      'coredns_panics_total{}': 3,
      'coredns_panic_count_total{}': 3,
      'coredns_cache_size{type="denial"}': 1,
      'up{}': 1,
      'coredns_ready{}': 1,
      'coredns_health_up{}': 1,
    });
    const ready = batch.flatMap(({ set }) => set.series).find(({ family }) => family.name === 'coredns_ready');
    expect(ready!.labels).to.include.members(['coredns', one.address]);
    expect(new Set(batch.map(({ time }) => time))).to.have.property('size', 1);
  });

  it('a plugin that is not ready is named, and no longer when it is', async () => {
    const one = await server({ '/ready': { status: 503, body: 'kubernetes,errors' }, '/health': {} });
    const { collect } = await run({ endpoints: [one.address], ...places(one) });
    expect(points(await collect())).to.include({
      'coredns_ready{}': 0,
      'coredns_plugin_not_ready{plugin="kubernetes"}': 1,
      'coredns_plugin_not_ready{plugin="errors"}': 1,
    });
    one.answers['/ready'] = {};
    expect(points(await collect())).to.include({
      'coredns_ready{}': 1,
      'coredns_plugin_not_ready{plugin="kubernetes"}': 'stale',
    });
  });

  it('a server that is gone is down, unhealthy and not ready, and its series end under every name', async () => {
    const one = await server({ '/ready': {}, '/health': {} });
    const { collect } = await run({ endpoints: [one.address], ...places(one) });
    await collect();
    await one.close();
    expect(points(await collect())).to.include({
      'up{}': 0,
      'coredns_ready{}': 0,
      'coredns_health_up{}': 0,
      'coredns_panics_total{}': 'stale',
      'coredns_panic_count_total{}': 'stale',
    });
  });

  it('health that hangs is 0 after the timeout, and does not make the scrape a failure', async () => {
    const one = await server({ '/ready': {}, '/health': { hangs: true } });
    const { host, out } = await run({
      endpoints: [one.address],
      ...places(one),
      ready_endpoint: 'none',
      timeout: '30m',
    });
    await advanceUntil(host.clock, 10_000, () => one.asked.includes('/health'));
    expect(out.batches).to.deep.equal([]);
    await host.clock.advance(HOUR / 2);
    await until(() => out.batches.length > 0);
    expect(points(out.batches[0]!)).to.include({ 'coredns_health_up{}': 0, 'up{}': 1 });
  });

  it('an endpoint taken by default gives nothing until it has answered; none asks nobody', async () => {
    const one = await server({ '/ready': {}, '/health': {} });
    const { collect } = await run({ endpoints: [one.address], ready_endpoint: 'none', health_endpoint: 'none' });
    expect(Object.keys(points(await collect())).filter((key) => /ready|health/.test(key))).to.deep.equal([]);
    expect(one.asked).to.deep.equal(['/metrics']);
  });

  it('every page has a job that says which server it is, unless job does', async () => {
    const one = await server({ '/metrics': { body: 'coredns_nodecache_setup_errors_total 0\n' } });
    const jobs = (batch: Batch) =>
      new Set(batch.flatMap(({ set }) => set.series.map((s) => labelMap(s.labels).get('job'))));
    const none = { ready_endpoint: 'none', health_endpoint: 'none' };
    const first = await run({ endpoints: one.address, kind: 'node-local-dns', ...none });
    expect([...jobs(await first.collect())]).to.deep.equal(['node-local-dns']);
    const second = await run({ endpoints: one.address, job: 'dns', ...none });
    expect([...jobs(await second.collect())]).to.deep.equal(['dns']);
  });

  describe('its endpoints', () => {
    const urls = (endpoint: string, kind: Parameters<typeof pagesAt>[1]) =>
      pagesAt(endpoint, kind).map(({ url }) => url.href);
    const means = (endpoint: string, kind: Parameters<typeof pagesAt>[1], want: string[]) =>
      it(`${endpoint} of kind ${kind}`, () => {
        expect(urls(endpoint, kind)).to.deep.equal(want);
      });
    means('127.0.0.1', 'coredns', ['http://127.0.0.1:9153/metrics']);
    means('10.0.0.5', 'node-local-dns', ['http://10.0.0.5:9253/metrics', 'http://10.0.0.5:9353/metrics']);
    means('::1', 'kube-dns', ['http://[::1]:10054/metrics', 'http://[::1]:10055/metrics']);
    means('node-a.example', 'coredns', ['http://node-a.example:9153/metrics']);
    means('node-a:9999', 'kube-dns', ['http://node-a:9999/metrics']);
    means('https://dns.example:1234/stats', 'coredns', ['https://dns.example:1234/stats']);

    it('auto looks on a host for every kind, and knows a kind by its port', () => {
      expect(pagesAt('127.0.0.1', 'auto').map(({ kind, guessed }) => [kind, guessed])).to.deep.equal([
        ['coredns', true],
        ['node-local-dns', true],
        ['node-local-dns', true],
        ['kube-dns', true],
        ['kube-dns', true],
      ]);
      expect(pagesAt('10.0.0.5:9353', 'auto')).to.have.nested.property('[0].kind', 'node-local-dns');
      expect(pagesAt('10.0.0.5:80', 'auto')).to.have.nested.property('[0].kind', 'coredns');
    });

    it('readiness and health are asked where each kind has them', () => {
      const asked = (endpoint: string, kind: 'coredns' | 'node-local-dns' | 'kube-dns') =>
        checksFor(pagesAt(endpoint, kind)[0]!, 'auto', 'auto').map(({ metric, url }) => `${metric} ${url.href}`);
      expect(asked('10.0.0.5', 'coredns')).to.deep.equal([
        'ready http://10.0.0.5:8181/ready',
        'health http://10.0.0.5:8080/health',
      ]);
      expect(asked('127.0.0.1', 'node-local-dns')).to.deep.equal(['health http://169.254.20.10:8080/health']);
      expect(asked('::1', 'kube-dns')).to.deep.equal([
        'ready http://[::1]:8081/readiness',
        'health http://[::1]:10054/healthcheck/kubedns',
        'health http://[::1]:10054/healthcheck/dnsmasq',
      ]);
    });

    const refuses = (option: object, issue: string) =>
      it(`${JSON.stringify(option)} is refused`, () => {
        expect(() => parse(coredns.config, option)).to.throw(issue);
      });
    refuses({ endpoints: ['ftp://a/b'] }, 'endpoints[0]: must begin with http:// or https://');
    refuses({ endpoints: ['http://a:b:c'] }, 'endpoints[0]: must be a URL, host:port or a host');
    refuses({ endpoints: ['http://me:secret@a/metrics'] }, 'endpoints[0]: must have no user');
    refuses({ ready_endpoint: '8181' }, 'ready_endpoint: must be auto, none, a URL or :port/path');
    refuses({ metric_names: 'new' }, 'metric_names');
  });
});
