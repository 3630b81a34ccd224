import { expect } from 'chai';
import { parse } from '#config';
import { type PrometheusConfig, prometheusConfig, type TargetGroup } from '#prometheus';
import { httpDiscovery } from '../../../src/prometheus/discovery/http.ts';
import { discoveryMetrics } from '../../../src/prometheus/discovery/metrics.ts';
import { type TestTarget, target } from '../../receivers/prometheus/rig.ts';
import { fakeHost } from '../../support/host.ts';
import { closeServers, until } from '../../support/servers.ts';

describe('prometheus/discovery http', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await closeServers();
  });

  async function discover(server: TestTarget, config: object = {}) {
    const host = fakeHost();
    const seen: (readonly TargetGroup[])[] = [];
    const url = `http://${server.address}/sd?x=1`;
    const { scrapes }: PrometheusConfig = parse(prometheusConfig, {
      scrape_configs: [{ job_name: 'x', http_sd_configs: [{ url, ...config }] }],
    });
    const { clock, log, version } = host;
    const discovery = httpDiscovery(scrapes[0]!.httpSd[0]!, {
      clock,
      log,
      version,
      metrics: discoveryMetrics(host.meter),
    });
    stops.push(() => discovery.stop());
    await discovery.start((groups) => seen.push(groups));
    const round = async (ms = 60_000) => {
      const before = server.requests.length;
      await clock.advance(ms);
      await until(() => server.requests.length > before && server.requests.at(-1)!.complete);
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    await round(0);
    return { host, seen, round, discovery, url };
  }

  async function listing(body: string, type = 'application/json') {
    const server = await target(body);
    server.headers = { 'content-type': type };
    return server;
  }
  const addresses = (groups: readonly TargetGroup[]) =>
    groups.flatMap(({ targets }) => targets.map((labels) => labels.get('__address__')));

  it('fetches target groups as Prometheus does', async () => {
    const server = await listing('[{"targets": ["a:1", "b:2"], "labels": {"x": "y"}}, {"targets": ["c:3"]}]');
    const { seen, url } = await discover(server);
    await until(() => seen.length === 1);
    expect(addresses(seen[0]!)).to.deep.equal(['a:1', 'b:2', 'c:3']);
    expect(seen[0]!.map(({ source, labels }) => [source, Object.fromEntries(labels)])).to.deep.equal([
      [`${url}:0`, { x: 'y', __meta_url: url }],
      [`${url}:1`, { __meta_url: url }],
    ]);
    const { headers } = server.requests[0]!;
    expect([headers['user-agent'], headers.accept, headers['x-prometheus-refresh-interval-seconds']]).to.deep.equal([
      'dnscol/0.0.0-test',
      'application/json',
      '60',
    ]);
  });

  it('asks with the credentials of its own section, and says its own interval', async () => {
    const server = await listing('[]');
    await discover(server, { refresh_interval: '1500ms', basic_auth: { username: 'u', password: 'p' } });
    const { headers } = server.requests[0]!;
    expect(headers.authorization).to.equal(`Basic ${Buffer.from('u:p').toString('base64')}`);
    expect(headers['x-prometheus-refresh-interval-seconds']).to.equal('1.5');
  });

  it('says nothing while the list is the same', async () => {
    const server = await listing('[{"targets": ["a:1"]}]');
    const { seen, round } = await discover(server);
    await round();
    server.body = '[{"targets": ["b:1"]}]';
    await round();
    await until(() => seen.length === 2);
    expect(seen.map(addresses)).to.deep.equal([['a:1'], ['b:1']]);
  });

  const keeps = (title: string, change: (server: TestTarget) => void, why: RegExp) =>
    it(`keeps the last list when ${title}`, async () => {
      const server = await listing('[{"targets": ["a:1"]}]');
      const { seen, host, round, discovery } = await discover(server);
      await until(() => seen.length === 1);
      change(server);
      await round();
      await round();
      await until(() => host.metric('prometheus_sd_http_failures_total') === 2);
      expect(host.logs).to.have.length(1);
      expect(String(host.logs[0]!.fields.error)).to.match(why);
      expect(String(host.logs[0]!.fields.url)).to.match(/x=\[REDACTED\]$/);
      expect(discovery.stale?.()).to.be.greaterThan(0);
      server.status = 200;
      server.answer = undefined;
      server.headers = { 'content-type': 'application/json; charset=utf-8' };
      server.body = '[{"targets": ["b:1"]}]';
      await round();
      await until(() => seen.length === 2);
      expect(seen.map(addresses)).to.deep.equal([['a:1'], ['b:1']]);
      expect(discovery.stale?.()).to.equal(0);
    });
  keeps(
    'the server fails',
    (server) => {
      server.status = 503;
    },
    /the server answered 503/,
  );
  keeps(
    'it is no JSON by its Content-Type',
    (server) => {
      server.headers = { 'content-type': 'text/html' };
    },
    /the Content-Type is "text\/html", not JSON/,
  );
  keeps(
    'it is cut off',
    (server) => {
      server.body = '[{"targets": ["a';
    },
    /JSON/,
  );
  keeps(
    'a group is null',
    (server) => {
      server.body = '[null]';
    },
    /\[0\]: is an empty target group/,
  );
  keeps(
    'a group has what no group has',
    (server) => {
      server.body = '[{"targets": [], "nonsense": 1}]';
    },
    /\[0\]\.nonsense: is not an option/,
  );
  keeps(
    'it has no end',
    (server) => {
      server.answer = (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const more = () => {
          while (response.write(' '.repeat(1 << 20)));
        };
        response.on('drain', more);
        more();
      };
    },
    /larger than 33554432 bytes/,
  );

  it('gives up on a server that does not answer within the interval', async () => {
    const server = await target();
    server.answer = () => {};
    const { host } = await discover(server);
    await host.clock.advance(60_000);
    await until(() => host.metric('prometheus_sd_http_failures_total') === 1);
    expect(String(host.logs[0]!.fields.error)).to.match(/took longer than 60000 ms/);
  });
});
