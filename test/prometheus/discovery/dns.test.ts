import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TargetGroup } from '#prometheus';
import type { DnsSdConfig } from '../../../src/prometheus/config/discoveries.ts';
import { dnsDiscovery } from '../../../src/prometheus/discovery/dns.ts';
import { discoveryMetrics } from '../../../src/prometheus/discovery/metrics.ts';
import {
  type Answerer,
  type Asked,
  a,
  closeDnsServers,
  type DnsServer,
  dnsServer,
  NXDOMAIN,
  respond,
  SERVFAIL,
} from '../../support/dns-server.ts';
import { fakeHost } from '../../support/host.ts';
import { until } from '../../support/servers.ts';

describe('prometheus/discovery dns', () => {
  let folder: string;
  const stops: (() => Promise<void>)[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-dns-sd-'));
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await closeDnsServers();
    rmSync(folder, { recursive: true });
  });

  const srv = (name: string, port: number, target: string) =>
    ({ type: 'SRV', name, data: { priority: 0, weight: 0, port, target } }) as const;

  async function discover(server: DnsServer, config: Partial<DnsSdConfig>, conf = '') {
    const resolvConf = join(folder, 'resolv.conf');
    writeFileSync(resolvConf, `nameserver 127.0.0.1\n${conf}`);
    const host = fakeHost();
    const seen: (readonly TargetGroup[])[] = [];
    const discovery = dnsDiscovery(
      { names: ['x.example'], type: 'SRV', port: undefined, refresh_interval: 30_000, ...config },
      { clock: host.clock, log: host.log, metrics: discoveryMetrics(host.meter), resolvConf, port: server.port },
    );
    stops.push(() => discovery.stop());
    await discovery.start((groups) => seen.push(groups));
    const lookups = () => host.metric('prometheus_sd_dns_lookups_total') ?? 0;
    /** Lets one round of lookups begin and end. */
    const round = async (ms = 30_000) => {
      const asked = server.asked.length;
      const before = lookups();
      await host.clock.advance(ms);
      await until(() => lookups() > before && server.asked.length > asked);
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    await round(0);
    return { host, seen, round, discovery };
  }

  const labels = (groups: readonly TargetGroup[]) =>
    groups.flatMap(({ targets }) => targets.map((target) => Object.fromEntries(target)));
  const addresses = (groups: readonly TargetGroup[]) => labels(groups).map((one) => one.__address__);

  it('makes targets of SRV records, with the labels of Prometheus', async () => {
    const server = await dnsServer((asked) =>
      respond(asked, { answers: [srv(asked.name, 9153, 'one.example'), srv(asked.name, 9253, 'two.example')] }),
    );
    const { seen } = await discover(server, {});
    await until(() => seen.length === 1);
    expect(labels(seen[0]!)).to.deep.equal([
      {
        __address__: 'one.example:9153',
        __meta_dns_name: 'x.example',
        __meta_dns_srv_record_target: 'one.example.',
        __meta_dns_srv_record_port: '9153',
      },
      {
        __address__: 'two.example:9253',
        __meta_dns_name: 'x.example',
        __meta_dns_srv_record_target: 'two.example.',
        __meta_dns_srv_record_port: '9253',
      },
    ]);
  });

  const makes = (type: DnsSdConfig['type'], answer: (asked: Asked) => Buffer, want: object) =>
    it(`makes targets of ${type} records`, async () => {
      const { seen } = await discover(await dnsServer(answer), { type, port: 80 });
      await until(() => seen.length === 1);
      expect(labels(seen[0]!)).to.deep.equal([{ __meta_dns_name: 'x.example', ...want }]);
    });
  makes(
    'A',
    (asked) =>
      respond(asked, {
        answers: [{ type: 'CNAME', name: asked.name, data: 'alias.example' }, a('alias.example', '10.1.2.3')],
      }),
    { __address__: '10.1.2.3:80' },
  );
  makes('AAAA', (asked) => respond(asked, { answers: [{ type: 'AAAA', name: asked.name, data: 'fd00::1' }] }), {
    __address__: '[fd00::1]:80',
  });
  makes(
    'MX',
    (asked) =>
      respond(asked, { answers: [{ type: 'MX', name: asked.name, data: { preference: 10, exchange: 'mx.example' } }] }),
    { __address__: 'mx.example:80', __meta_dns_mx_record_target: 'mx.example.' },
  );
  makes('NS', (asked) => respond(asked, { answers: [{ type: 'NS', name: asked.name, data: 'ns.example' }] }), {
    __address__: 'ns.example:80',
    __meta_dns_ns_record_target: 'ns.example.',
  });

  const searched = (title: string, conf: string, name: string, want: string[]) =>
    it(title, async () => {
      const server = await dnsServer((asked) => respond(asked, { rcode: NXDOMAIN }));
      await discover(server, { names: [name], type: 'A', port: 1 }, conf);
      await until(() => server.asked.length === want.length);
      expect(server.asked.map((one) => one.name)).to.deep.equal(want);
    });
  const SEARCH = 'search a.test b.test\noptions ndots:2\n';
  searched('tries the search list first for a name with few dots', SEARCH, 'x.y', ['x.y.a.test', 'x.y.b.test', 'x.y']);
  searched('tries a name with many dots as it is first', SEARCH, 'x.y.z', ['x.y.z', 'x.y.z.a.test', 'x.y.z.b.test']);
  searched('leaves a name with a last dot alone', SEARCH, 'x.', ['x']);

  it('takes the first name of the list that exists, be it without such records', async () => {
    const server = await dnsServer((asked) => respond(asked, asked.name === 'x.b.test' ? {} : { rcode: NXDOMAIN }));
    const { seen, round } = await discover(server, { names: ['x'], type: 'A', port: 1 }, SEARCH);
    await until(() => server.asked.length === 2);
    expect(server.asked.map((one) => one.name)).to.deep.equal(['x.a.test', 'x.b.test']);
    await until(() => seen.length === 1);
    await round();
    expect(seen.map(addresses)).to.deep.equal([[]]);
  });

  it('asks the next server when one cannot tell', async () => {
    const server = await dnsServer((asked, { asked: all }) =>
      all.length === 1 ? respond(asked, { rcode: SERVFAIL }) : respond(asked, { answers: [a(asked.name)] }),
    );
    const { seen } = await discover(server, { type: 'A', port: 1 }, 'nameserver 127.0.0.1\n');
    await until(() => seen.length === 1);
    expect(addresses(seen[0]!)).to.deep.equal(['10.0.0.1:1']);
  });

  it('asks again by TCP when the answer is truncated', async () => {
    const answer: Answerer = (asked) =>
      asked.protocol === 'udp' ? respond(asked, { flags: 0x8200 }) : respond(asked, { answers: [a(asked.name)] });
    const { seen } = await discover(await dnsServer(answer), { type: 'A', port: 1 });
    await until(() => seen.length === 1);
    expect(addresses(seen[0]!)).to.deep.equal(['10.0.0.1:1']);
  });

  it('keeps the last targets of a name while DNS fails, says so once, and lets go of them when the name is gone', async () => {
    let rcode = 0;
    const server = await dnsServer((asked) =>
      respond(asked, { rcode, answers: rcode ? [] : [a(asked.name, '10.0.0.9')] }),
    );
    const { seen, host, round, discovery } = await discover(server, { type: 'A', port: 1 });
    await until(() => seen.length === 1);
    rcode = SERVFAIL;
    await round();
    await round();
    await round();
    await until(() => host.metric('prometheus_sd_dns_lookup_failures_total') === 3);
    expect(seen).to.have.length(1);
    expect(host.logs.map(({ message }) => message)).to.deep.equal(['DNS did not tell targets; the last ones stay']);
    expect(String(host.logs[0]!.fields.error)).to.match(/cannot look up A of x\.example: .*SERVFAIL/);
    expect(discovery.stale?.()).to.be.greaterThan(30_000);
    rcode = NXDOMAIN;
    await round();
    await until(() => seen.length === 2);
    expect(addresses(seen[1]!)).to.deep.equal([]);
    expect(discovery.stale?.()).to.equal(0);
  });

  it('says once which names DNS takes too long for, and again after it was quick', async () => {
    let isSilent = true;
    const server = await dnsServer((asked) => {
      if (asked.name === 'x.example') return respond(asked, { rcode: SERVFAIL });
      return isSilent ? undefined : respond(asked, { answers: [a(asked.name, '10.0.0.1')] });
    });
    const names = ['x.example', 'y.example'];
    const config = { names, type: 'A', port: 1, refresh_interval: 2000 } as const;
    const { host, seen } = await discover(server, config, 'options timeout:30\n');
    const failures = () => host.metric('prometheus_sd_dns_lookup_failures_total') ?? 0;
    const late = () =>
      host.logs.filter(({ message }) => message.startsWith('DNS took longer')).map((l) => l.fields.names);
    /** Goes on, and lets a look begin that is due, until so. */
    const reach = async (ms: number, holds: () => boolean) => {
      for (await host.clock.advance(ms); !holds(); ) await host.clock.advance(0);
    };
    // Of each look x fails at once, and y when the look is over.
    const asked = () => server.asked.filter(({ name }) => name === 'y.example').length;
    for (const ended of [0, 1, 2]) {
      await reach(ended && 2000, () => failures() === 2 * ended + 1 && asked() === ended + 1);
    }
    expect(late()).to.deep.equal([['y.example']]);
    isSilent = false;
    await reach(2000, () => seen.length === 1 && failures() === 7);
    isSilent = true;
    await reach(2000, () => failures() === 8);
    await reach(2000, () => late().length === 2);
    expect(late()[1]).to.deep.equal(['y.example']);
  });

  it('hands out the same group while the answer is the same, in whatever order', async () => {
    let [turn, other] = [0, 0];
    const server = await dnsServer((asked) => {
      if (asked.name === 'y.example') return respond(asked, { answers: [a(asked.name, `10.0.1.${other++}`)] });
      const pair = [a(asked.name, '10.0.0.1'), a(asked.name, '10.0.0.2')];
      return respond(asked, { answers: turn++ % 2 ? pair.reverse() : pair });
    });
    const { seen, round } = await discover(server, { names: ['x.example', 'y.example'], type: 'A', port: 1 });
    await round();
    await until(() => seen.length === 2);
    const x = seen.map((groups) => groups.find(({ source }) => source === 'x.example'));
    expect(x[0]).to.equal(x[1]);
  });
});
