import { expect } from 'chai';
import type { Exporter, ExporterFactory } from '#component';
import { parse } from '#config';
import { createHttpClient, type HttpRequest, type HttpResponse } from '#http';
import { labelsOf, type MetricType, makeFamily, makeSeries, makeSet, type Snapshot, staleValues } from '#metrics';
import { parsePage } from '#prometheus';
import factory from '../../../exporters/prometheus/prometheus.ts';
import { exporterContract } from '../../contract/exporter.ts';
import { setOf, snapshotOf } from '../../support/batch.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { closeServers, httpServer, until } from '../../support/servers.ts';

const never = new AbortController().signal;

describe('exporter prometheus', () => {
  const client = createHttpClient({ keepAlive: false });
  const running: Exporter[] = [];

  afterEach(async () => {
    for (const exporter of running.splice(0)) await exporter.stop?.(AbortSignal.abort());
    await closeServers();
  });

  interface Running {
    exporter: Exporter;
    host: FakeHost;
    ask(path?: string, request?: Partial<HttpRequest>): Promise<HttpResponse>;
    page(): Promise<string>;
  }

  async function start(config: Record<string, unknown> = {}): Promise<Running> {
    const host = fakeHost('exporter', 'prometheus');
    const { create, config: schema } = factory as ExporterFactory;
    const exporter = create(parse(schema, { endpoint: '127.0.0.1:0', ...config }), host);
    await exporter.start?.(never);
    running.push(exporter);
    const address = exporter.address!()!;
    const ask = (path = '', request: Partial<HttpRequest> = {}) =>
      client.request({ method: 'GET', url: new URL(path, address), signal: never, maxBody: 1 << 24, ...request });
    return { exporter, host, ask, page: async () => (await ask(address)).body.toString() };
  }

  const samples = (name: string, type: MetricType, ...labels: Record<string, string>[]): Snapshot => {
    const family = makeFamily(name, type, 'Help.', 'seconds');
    const set = makeSet(labels.map((some) => makeSeries(family, labelsOf({ __name__: name, ...some }))));
    return snapshotOf(set, [...labels.keys()]);
  };

  it('shows what it was given', async () => {
    const { exporter, page } = await start();
    expect(await page()).to.equal('');
    await exporter.consume([samples('a_total', 'counter', { job: 'x' }), samples('b', 'gauge', {})], never);
    expect(await page()).to.equal(
      '# HELP a_total Help.\n# TYPE a_total counter\na_total{job="x"} 0\n# HELP b Help.\n# TYPE b gauge\nb 0\n',
    );
  });

  it('says where the page is, there and elsewhere', async () => {
    const { ask, exporter } = await start({ path: '/m' });
    expect(exporter.address?.()).to.match(/^http:\/\/127\.0\.0\.1:\d+\/m$/);
    const lost = await ask('/metrics');
    expect([lost.status, lost.body.toString()]).to.deep.equal([404, '404 Not Found - Metrics available at /m\n']);
  });

  it('answers other methods with 405', async () => {
    const { ask } = await start();
    expect((await ask('/metrics', { method: 'POST', body: Buffer.from('x') })).status).to.equal(405);
  });

  it('answers more methods, and no path with a query, when told to', async () => {
    const { ask } = await start({ exact_path: true, methods: ['GET', 'DELETE'] });
    const statuses = ['/metrics', '/metrics?x=1', '/metrics?'].map(async (path) => (await ask(path)).status);
    expect(await Promise.all(statuses)).to.deep.equal([200, 404, 200]);
    expect((await ask('/metrics', { method: 'DELETE' })).status).to.equal(200);
    expect((await ask('/metrics', { method: 'PUT' })).status).to.equal(405);
  });

  describe('before the first metrics', () => {
    const a = () => samples('a', 'gauge', {});

    it('shows an empty page', async () => {
      const { page } = await start();
      expect(await page()).to.equal('');
    });

    it('lets requests wait for them when told to', async () => {
      const { exporter, host, page } = await start({ wait_for_metrics: '5s' });
      const asked = Promise.all([page(), page()]);
      await until(() => host.clock.pending >= 2);
      await exporter.consume([a()], never);
      const want = '# HELP a Help.\n# TYPE a gauge\na 0\n';
      expect(await asked).to.deep.equal([want, want]);
      expect(await page()).to.equal(want);
    });

    it('shows an empty page after the longest wait', async () => {
      const { host, page } = await start({ wait_for_metrics: '5s' });
      const asked = page();
      await until(() => host.clock.pending > 0);
      await host.clock.advance(5000);
      expect(await asked).to.equal('');
    });

    it('forgets a request whose client goes away', async () => {
      const { host, ask } = await start({ wait_for_metrics: '5s' });
      const leaving = new AbortController();
      const asked = ask('/metrics', { signal: leaving.signal }).catch(() => 'left');
      await until(() => host.clock.pending > 0);
      leaving.abort(new Error('enough'));
      expect(await asked).to.equal('left');
      await until(() => host.clock.pending === 0);
    });

    it('lets nobody wait when it stops', async () => {
      const { exporter, host, page } = await start({ wait_for_metrics: '5s' });
      const asked = page();
      await until(() => host.clock.pending > 0);
      await exporter.stop?.(never);
      expect(await asked).to.equal('');
      expect(host.clock.pending).to.equal(0);
    });
  });

  describe('idle_exit', () => {
    it('ends the agent when nobody has asked for the page that long', async () => {
      const { host, page } = await start({ idle_exit: '5m' });
      await host.clock.advance(299_999);
      await page();
      await host.clock.advance(299_999);
      expect(host.shutdowns).to.deep.equal([]);
      await host.clock.advance(1);
      expect(host.shutdowns).to.deep.equal(['nobody has asked for the page for 300 s']);
    });

    it('is off unless it is set', async () => {
      const { host } = await start();
      expect(host.clock.pending).to.equal(0);
    });

    it('ends with the exporter', async () => {
      const { exporter, host } = await start({ idle_exit: '5m' });
      await exporter.stop?.(never);
      expect(host.clock.pending).to.equal(0);
    });
  });

  it('drops a series at once when it ends', async () => {
    const { exporter, page } = await start();
    const set = setOf([['a'], ['b']]);
    await exporter.consume([snapshotOf(set, [1, 2])], never);
    await page();
    await exporter.consume([{ set: makeSet([set.series[0]!]), values: staleValues(1), time: 0 }], never);
    expect(await page()).to.equal('# TYPE b gauge\nb 2\n');
  });

  it('drops a series that is not reported again, though nothing else happens', async () => {
    const { exporter, host, page } = await start({ metric_expiration: '1m' });
    await exporter.consume([samples('a', 'gauge', {})], never);
    expect(await page()).to.contain('a 0');
    await host.clock.advance(60_000);
    expect(await page()).to.equal('');
    expect(host.metric('dnscol_exporter_prometheus_series')).to.equal(0);
  });

  it('writes OpenMetrics only when allowed', async () => {
    const headers = { accept: 'application/openmetrics-text;version=1.0.0,*/*;q=0.1' };
    const closed = await start();
    expect((await closed.ask('/metrics', { headers })).headers['content-type']).to.match(
      /^text\/plain; version=0\.0\.4/,
    );
    const { exporter, ask } = await start({ enable_open_metrics: true });
    await exporter.consume([samples('a_total', 'counter', { job: 'x' })], never);
    const got = await ask('/metrics', { headers });
    expect(got.headers['content-type']).to.match(/^application\/openmetrics-text; version=1\.0\.0; charset=utf-8/);
    expect(got.body.toString()).to.equal('# HELP a Help.\n# TYPE a counter\na_total{job="x"} 0\n# EOF\n');
  });

  it('packs the page, and answers HEAD alike', async () => {
    const { exporter, ask } = await start();
    const many = Array.from({ length: 200 }, (_, i) => ({ i: String(i) }));
    await exporter.consume([samples('a', 'gauge', ...many)], never);
    const plain = await ask('/metrics');
    const packed = await ask('/metrics', { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers['content-encoding']).to.equal('gzip');
    expect(packed.headers.vary).to.equal('Accept, Accept-Encoding');
    expect(packed.body.equals(plain.body)).to.equal(true);
    const head = await ask('/metrics', { method: 'HEAD' });
    expect([head.headers['content-length'], head.body.length]).to.deep.equal([String(plain.body.length), 0]);
  });

  it('writes times when told to', async () => {
    const { exporter, page } = await start({ send_timestamps: true });
    await exporter.consume([samples('a', 'gauge', {})], never);
    expect(await page()).to.contain('a 0 1700000000000\n');
  });

  it('counts and reports two sources of one series, and shows one', async () => {
    const { exporter, host, page } = await start();
    const [one, other] = [setOf([['a', { job: 'x' }]]), setOf([['a', { job: 'x' }]])];
    for (let round = 0; round < 3; round++) {
      await exporter.consume([snapshotOf(one, [1])], never);
      await exporter.consume([snapshotOf(other, [2])], never);
    }
    expect(await page()).to.equal('# TYPE a gauge\na{job="x"} 1\n');
    expect(host.metric('dnscol_exporter_prometheus_collisions_total')).to.be.at.least(3);
    const warnings = host.logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
    expect(warnings).to.deep.equal(['two sources report a{job="x"}; the one that came first is shown']);
  });

  it('counts and reports sources that give one family different types', async () => {
    const { exporter, host, page } = await start();
    await exporter.consume([samples('a', 'gauge', { i: '1' }), samples('a', 'counter', { i: '2' })], never);
    expect((await page()).match(/# TYPE .*/g)).to.deep.equal(['# TYPE a gauge']);
    expect(host.metric('dnscol_exporter_prometheus_conflicts_total', { what: 'type' })).to.equal(1);
    expect(host.logs.at(-1)!.message).to.equal('sources give a different types; the first is shown');
  });

  describe('changes names and labels', () => {
    const changes = (what: string, config: Record<string, unknown>, snapshot: Snapshot, want: string) =>
      it(what, async () => {
        const { exporter, page } = await start(config);
        await exporter.consume([snapshot], never);
        expect((await page()).split('\n').filter((line) => line && !line.startsWith('# HELP'))).to.deep.equal(
          want.split('\n'),
        );
      });
    const resource = { attributes: labelsOf({ 'k8s.node': 'n', 'service.name': 's', '1st': 'x' }) };
    const ofResource = snapshotOf(setOf([['a', { job: 'j' }]], resource), [1]);

    changes(
      'by const_labels, unless the series has them',
      { const_labels: { job: 'c', zone: 'z' } },
      ofResource,
      '# TYPE a gauge\na{job="j",zone="z"} 1',
    );
    changes('by namespace', { namespace: 'dns' }, ofResource, '# TYPE dns_a gauge\ndns_a{job="j"} 1');
    changes(
      'by the attributes of the resource',
      { resource_to_telemetry_conversion: { enabled: true } },
      ofResource,
      '# TYPE a gauge\na{job="j",k8s_node="n",key_1st="x",service_name="s"} 1',
    );
    changes(
      'by the attributes of the resource but the service',
      { resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true } },
      ofResource,
      '# TYPE a gauge\na{job="j",k8s_node="n",key_1st="x"} 1',
    );
    changes(
      'by what job and instance say of the resource',
      { resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true } },
      snapshotOf(
        setOf([['a', { job: 'j', instance: 'h:1' }]], { attributes: labelsOf({ 'url.scheme': 'http' }) }),
        [1],
      ),
      '# TYPE a gauge\na{instance="h:1",job="j",server_address="h",server_port="1",url_scheme="http"} 1',
    );
    changes('not by itself', {}, samples('uptime', 'counter', {}), '# TYPE uptime counter\nuptime 0');
    changes(
      'by suffixes',
      { add_metric_suffixes: true },
      samples('uptime', 'counter', {}),
      '# TYPE uptime_seconds_total counter\nuptime_seconds_total 0',
    );
    changes(
      'by no suffix that is there',
      { add_metric_suffixes: true },
      samples('up_seconds_total', 'counter', {}),
      '# TYPE up_seconds_total counter\nup_seconds_total 0',
    );
    changes(
      'by translation_strategy',
      { translation_strategy: 'UnderscoreEscapingWithSuffixes' },
      samples('a.b', 'gauge', { 'c.d': '1' }),
      '# TYPE a_b_seconds gauge\na_b_seconds{c_d="1"} 0',
    );
  });

  it('keeps a page of 200,000 series in time and whole', async () => {
    const { exporter, ask } = await start();
    const sets = Array.from({ length: 100 }, (_, n) =>
      samples(
        `metric_${n}`,
        'gauge',
        ...Array.from({ length: 2000 }, (_, i) => ({ i: String(i), instance: 'host:1' })),
      ),
    );
    await exporter.consume(sets, never);
    const { body } = await ask('/metrics', { maxBody: 1 << 28 });
    expect(parsePage(body, { format: 'text' }).layout.samples).to.have.length(200_000);
  });

  it('refuses what it does not know or support', () => {
    const { config } = factory as ExporterFactory;
    const wrong = (more: object) => () => parse(config, { endpoint: 'localhost:9464', ...more });
    expect(() => parse(config, {})).to.throw('endpoint: is missing');
    expect(wrong({ path: 'metrics' })).to.throw('path: must begin with /');
    expect(wrong({ namespace: 'a-b' })).to.throw('namespace: is not a metric name');
    expect(wrong({ const_labels: { 'a-b': 'c' } })).to.throw('const_labels.a-b: is not a label name');
    expect(wrong({ metric_expiraton: '1m' })).to.throw('did you mean metric_expiration');
    expect(wrong({ auth: { authenticatr: 'x' } })).to.throw('auth.authenticatr: is not an option');
  });

  exporterContract(factory, {
    config: () => ({ endpoint: '127.0.0.1:0' }),
    cannotStart: {
      config: async () => ({ endpoint: `127.0.0.1:${(await httpServer(() => {})).port}` }),
      says: /^cannot listen on 127\.0\.0\.1:\d+: the port is in use$/,
    },
  });
});
