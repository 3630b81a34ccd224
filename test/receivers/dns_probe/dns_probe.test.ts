import { expect } from 'chai';
import * as packet from 'dns-packet';
import { parse } from '#config';
import dnsProbe from '../../../receivers/dns_probe/dns_probe.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { a, closeDnsServers, dnsServer, healthy, NXDOMAIN, REFUSED, respond } from '../../support/dns-server.ts';
import { until } from '../../support/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';
import { samples, staleCount, start, stopRigs, value } from './rig.ts';

const at = (port: number) => `127.0.0.1:${port}`;

describe('the dns_probe receiver', () => {
  afterEach(async () => {
    await stopRigs();
    await closeDnsServers();
  });

  it('says what became of each question', async () => {
    const server = await dnsServer(healthy);
    const rig = await start({ dns_servers: [at(server.port)], hostnames: ['a.test'], protocol: 'both' });
    const batch = await rig.next();
    const labels = (protocol: string, more = '') => `{${more}protocol="${protocol}",type="A"}`;
    expect(samples(batch, /success|queries|responses|answers|rcode\{|authentic|servers/)).to.deep.equal({
      'dns_probe_servers{}': 1,
      ...Object.fromEntries(
        ['udp', 'tcp'].flatMap((protocol) => [
          [`dns_probe_success${labels(protocol)}`, 1],
          [`dns_probe_queries_total${labels(protocol)}`, 1],
          [`dns_probe_rcode${labels(protocol)}`, 0],
          [`dns_probe_answers${labels(protocol)}`, 1],
          [`dns_probe_authentic_data${labels(protocol)}`, 0],
          [`dns_probe_responses_total{protocol="${protocol}",rcode="NOERROR",type="A"}`, 1],
        ]),
      ),
    });
    expect(samples(batch, /timeouts|ignored|failures/)).to.satisfy((some: object) =>
      Object.values(some).every((n) => n === 0),
    );
    expect(rig.host.statuses.at(-1)).to.include({ status: 'ok' });
  });

  it('has buckets from 0.25 ms to 8 s', async () => {
    const server = await dnsServer(healthy);
    const batch = await (await start({ dns_servers: [at(server.port)], hostnames: ['a.test'] })).next();
    const bounds = batch[0]!.set.series
      .filter((s) => s.labels.includes('dns_probe_duration_seconds_bucket'))
      .map((s) => s.labels[s.labels.indexOf('le') + 1]);
    expect(bounds).to.have.length(17);
    expect([bounds[0], bounds[2], bounds[15], bounds[16]]).to.deep.equal(['0.00025', '0.001', '8.192', '+Inf']);
    expect(value(batch, /duration_seconds_count/)).to.equal(1);
    expect(value(batch, /duration_seconds_bucket.*Inf/)).to.equal(1);
  });

  it('finds the right answer behind 10,000 wrong ones, and counts those', async () => {
    const server = await dnsServer(async (asked, own) => {
      for (let i = 0; i < 10_000; i++) {
        await own.sendAgain(
          respond(asked, { id: (asked.query.id! + 1 + i) & 0xffff, answers: [a(asked.name, '6.6.6.6')] }),
        );
        if (i % 20 === 19) await new Promise(setImmediate);
      }
      return healthy(asked, own);
    });
    const hostnames = [{ name: 'a.test', expected_answers: ['10.0.0.1'] }];
    const batch = await (await start({ dns_servers: [at(server.port)], hostnames })).next();
    expect(value(batch, /dns_probe_success/)).to.equal(1);
    expect(value(batch, /ignored_total.*wrong_id/)).to.equal(10_000);
  });

  describe('judges', () => {
    const judges = (what: string, hostname: object, want: string, answer = healthy) =>
      it(what, async () => {
        const server = await dnsServer(answer);
        const batch = await (
          await start({
            dns_servers: [at(server.port)],
            hostnames: [{ name: 'a.test', ...hostname }],
            tcp_on_truncation: false,
          })
        ).next();
        expect(value(batch, /dns_probe_success/)).to.equal(want === 'success' ? 1 : 0);
        const failures = samples(batch, /failures_total/, ['server', 'name', 'type', 'protocol']);
        expect(failures).to.deep.equal(want === 'success' ? {} : { [`dns_probe_failures_total{reason="${want}"}`]: 1 });
      });
    judges('the expected answer a success', { expected_answers: ['10.0.0.1'], min_answers: 1 }, 'success');
    judges('another answer a failure', { expected_answers: ['10.0.0.2'] }, 'answers');
    judges('too few answers a failure', { min_answers: 2 }, 'answers');
    judges('no answers a success when none are demanded', { record_type: 'AAAA' }, 'success');
    judges('an unexpected rcode a failure', {}, 'rcode', (asked) => respond(asked, { rcode: REFUSED }));
    judges('an expected rcode a success', { expected_rcodes: ['nxdomain'] }, 'success', (asked) =>
      respond(asked, { rcode: NXDOMAIN }),
    );
    judges('a truncated answer a failure', {}, 'truncated', (asked) =>
      respond(asked, { flags: packet.TRUNCATED_RESPONSE }),
    );
    judges('aliases in a circle a failure', {}, 'alias_loop', (asked) =>
      respond(asked, {
        answers: [
          { type: 'CNAME', name: 'a.test', data: 'b.test' },
          { type: 'CNAME', name: 'b.test', data: 'a.test' },
        ],
      }),
    );
  });

  it('says in the same collection that a server is dead, and again that it lives', async () => {
    let alive = true;
    const server = await dnsServer((asked, own) => (alive ? healthy(asked, own) : undefined));
    const rig = await start({ dns_servers: [at(server.port)], hostnames: ['a.test'], timeout: '2s' });
    expect(value(await rig.next(), /dns_probe_success/)).to.equal(1);
    alive = false;
    await rig.begin();
    await until(() => server.asked.length === 2);
    await rig.host.clock.advance(2000);
    const dead = await rig.ended();
    expect(value(dead, /dns_probe_success/)).to.equal(0);
    expect(samples(dead, /timeouts.*answer|last_duration|failures/)).to.deep.equal({
      'dns_probe_last_duration_seconds{protocol="udp",type="A"}': 2,
      'dns_probe_timeouts_total{phase="answer",protocol="udp",type="A"}': 1,
      'dns_probe_failures_total{protocol="udp",reason="timeout",type="A"}': 1,
    });
    expect(value(dead, /dns_probe_rcode/), 'no rcode without an answer').to.equal(undefined);
    alive = true;
    expect(value(await rig.next(), /dns_probe_success/)).to.equal(1);
  });

  it('says that UDP is dead while TCP lives', async () => {
    const server = await dnsServer((asked, own) => (asked.protocol === 'tcp' ? healthy(asked, own) : undefined));
    const rig = await start({ dns_servers: [at(server.port)], hostnames: ['a.test'], protocol: 'both' });
    await rig.begin();
    await until(() => server.asked.length === 2);
    await rig.host.clock.advance(5000);
    expect(samples(await rig.ended(), /success/)).to.deep.equal({
      'dns_probe_success{protocol="udp",type="A"}': 0,
      'dns_probe_success{protocol="tcp",type="A"}': 1,
    });
  });

  it('says that nobody listens', async () => {
    const server = await dnsServer(healthy);
    await server.close();
    const rig = await start({ dns_servers: [at(server.port)], hostnames: ['a.test'], protocol: 'both' });
    expect(samples(await rig.next(), /failures/)).to.deep.equal({
      'dns_probe_failures_total{protocol="udp",reason="refused",type="A"}': 1,
      'dns_probe_failures_total{protocol="tcp",reason="refused",type="A"}': 1,
    });
  });

  it('counts what comes late, or twice, with the question that it belongs to', async () => {
    let reply: Buffer = Buffer.alloc(0);
    const server = await dnsServer((asked) => {
      reply = respond(asked);
      return asked.name === 'twice.test' ? [reply, reply] : undefined;
    });
    const rig = await start({ dns_servers: [at(server.port)], hostnames: ['twice.test', 'late.test'], timeout: '1s' });
    await rig.begin();
    await until(() => server.asked.length === 2);
    await rig.host.clock.advance(1000);
    await rig.ended();
    await server.sendAgain(reply);
    await rig.begin();
    await until(() => server.asked.length === 4);
    await rig.host.clock.advance(1000);
    const ignored = samples(await rig.ended(), /ignored/, ['server', 'protocol', 'type']);
    expect(ignored['dns_probe_ignored_total{name="twice.test",reason="duplicate"}']).to.be.at.least(1);
    expect(ignored['dns_probe_ignored_total{name="late.test",reason="late"}']).to.equal(1);
  });

  it('follows truncation by TCP, and leaves no connection behind', async () => {
    const server = await dnsServer((asked, own) =>
      asked.protocol === 'udp' ? respond(asked, { flags: packet.TRUNCATED_RESPONSE }) : healthy(asked, own),
    );
    const batch = await (await start({ dns_servers: [at(server.port)], hostnames: ['a.test'] })).next();
    expect(samples(batch, /success|truncated|queries/)).to.deep.equal({
      'dns_probe_success{protocol="udp",type="A"}': 1,
      'dns_probe_truncated_total{protocol="udp",type="A"}': 1,
      'dns_probe_queries_total{protocol="udp",type="A"}': 2,
    });
    await until(() => server.open === 0);
  });

  it('asks with the bits and the size that it is told to', async () => {
    const server = await dnsServer((asked) => respond(asked, { flags: packet.AUTHENTIC_DATA }));
    const rig = await start({
      dns_servers: [at(server.port)],
      hostnames: ['a.test'],
      udp_size: 4000,
      dnssec_ok: true,
      checking_disabled: true,
      recursion_desired: false,
    });
    expect(value(await rig.next(), /authentic/)).to.equal(1);
    const { query } = server.asked[0]!;
    expect(query).to.include({ flag_cd: true, flag_rd: false, flag_ad: true });
    expect(query.additionals![0]).to.include({ udpPayloadSize: 4000, flag_do: true });
  });

  describe('spares a sick server', () => {
    it('with one question at a time by each protocol', async () => {
      const server = await dnsServer(() => undefined);
      const hostnames = ['a.test', 'b.test', 'c.test'];
      const rig = await start({
        dns_servers: [at(server.port)],
        hostnames,
        protocol: 'both',
        timeout: '1s',
        comparisons: ['source_port', 'protocol'],
      });
      await rig.begin();
      await until(() => server.asked.length === 2);
      expect(server.asked.map(({ protocol }) => protocol)).to.have.members(['udp', 'tcp']);
      await rig.host.clock.advance(1000);
      await until(() => server.asked.length === 4);
      expect(server.open).to.be.at.most(1);
      await rig.stop();
      await until(() => server.open === 0);
    });

    it('with no more queries a second than configured', async () => {
      const server = await dnsServer(healthy);
      const hostnames = Array.from({ length: 9 }, (_, i) => `n${i}.test`);
      const rig = await start({
        dns_servers: [at(server.port)],
        hostnames,
        protocol: 'both',
        max_queries_per_second: 4,
      });
      await rig.begin();
      for (let second = 1; second <= 4; second++) {
        await rig.host.clock.advance(999);
        await until(() => server.asked.length >= 4 * second - 1);
        expect(server.asked.length).to.be.at.most(4 * second + 1);
        await rig.host.clock.advance(1);
      }
      await rig.stop();
    });

    it('with no more probes at once than configured', async () => {
      const servers = await Promise.all(Array.from({ length: 4 }, () => dnsServer(() => undefined)));
      const rig = await start({
        dns_servers: servers.map(({ port }) => at(port)),
        hostnames: ['a.test'],
        max_concurrent: 3,
        timeout: '1s',
      });
      const asked = () => servers.reduce((sum, one) => sum + one.asked.length, 0);
      await rig.begin();
      await until(() => asked() === 3);
      await rig.host.clock.advance(1000);
      await until(() => asked() === 4);
      await rig.host.clock.advance(1000);
      expect(Object.values(samples(await rig.ended(), /success/, []))).to.deep.equal([0, 0, 0, 0]);
    });

    it('by leaving out what finds no time in a collection, and counts that', async () => {
      const server = await dnsServer(() => undefined);
      const hostnames = Array.from({ length: 5 }, (_, i) => `n${i}.test`);
      const rig = await start({ dns_servers: [at(server.port)], hostnames, timeout: '20s' });
      await rig.begin();
      for (let i = 1; i <= 3; i++) {
        await until(() => server.asked.length === i);
        await rig.host.clock.advance(20_000);
      }
      const batch = await rig.ended();
      expect(samples(batch, /success|skipped.* /, ['server', 'protocol', 'type'])).to.deep.equal({
        'dns_probe_success{name="n0.test"}': 0,
        'dns_probe_success{name="n1.test"}': 0,
      });
      expect(Object.values(samples(batch, /skipped/, ['server']))).to.deep.equal([0, 0, 1, 1, 1]);
    });
  });

  describe('reads resolv.conf', () => {
    let tree: Tree;
    beforeEach(() => {
      tree = makeTree({ 'etc/resolv.conf': 'nameserver 127.77.0.1\nnameserver 127.77.0.2\n' });
    });
    afterEach(() => tree.remove());

    it('under root_path, and follows its changes', async () => {
      const rig = await start({ root_path: tree.path, hostnames: ['a.test'] });
      const servers = (some: object) => Object.keys(some).map((key) => /server="([^"]*)"/.exec(key)?.[1]);
      expect(servers(samples(await rig.next(), /success/, []))).to.deep.equal(['127.77.0.1:53', '127.77.0.2:53']);
      tree.write({ 'etc/resolv.conf': 'nameserver 127.77.0.2' });
      const batch = await rig.next();
      expect(servers(samples(batch, /success/, []))).to.deep.equal(['127.77.0.2:53']);
      expect(staleCount(batch)).to.be.above(20);
      expect(value(batch, /queries_total/)).to.be.a('number');
    });

    it('and says when there is none', async () => {
      tree.write({ 'etc/resolv.conf': undefined });
      const rig = await start({ root_path: tree.path, hostnames: ['a.test'] });
      expect(samples(await rig.next(), /./)).to.deep.equal({ 'dns_probe_servers{}': 0 });
      expect(rig.host.statuses.at(-1)).to.include({
        status: 'recoverable',
        why: `there is no /etc/resolv.conf under ${tree.path} to name the servers; write it there, or give dns_servers`,
      });
      // The agent logs the status.
      expect(rig.host.logs).to.deep.equal([]);
    });

    it('to look names up as a pod does, and counts what that costs', async () => {
      const server = await dnsServer((asked, own) =>
        asked.name === 'api.example.test' ? healthy(asked, own) : respond(asked, { rcode: NXDOMAIN }),
      );
      tree.write({
        'etc/resolv.conf': 'search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n',
      });
      const rig = await start({
        root_path: tree.path,
        dns_servers: [at(server.port)],
        hostnames: ['api.example.test', 'api.example.test.', 'no.test.'],
        resolve_as: 'pod',
      });
      expect(samples(await rig.next(), /lookup/, ['server'])).to.deep.include({
        'dns_probe_lookup_success{name="api.example.test"}': 1,
        'dns_probe_lookup_queries{name="api.example.test"}': 8,
        'dns_probe_lookup_names{name="api.example.test"}': 4,
        'dns_probe_lookup_queries{name="api.example.test."}': 2,
        'dns_probe_lookups_total{name="api.example.test.",status="found"}': 1,
        'dns_probe_lookup_success{name="no.test."}': 0,
        'dns_probe_lookups_total{name="no.test.",status="nxdomain"}': 1,
      });
      expect(server.asked.filter(({ type }) => type === 'AAAA')).to.have.length(6);
    });
  });

  describe('compares', () => {
    const compares = (
      comparison: string,
      want: Record<string, [number, number]>,
      answer: Parameters<typeof dnsServer>[0],
      waits = 0,
    ) =>
      it(`${comparison}: ${JSON.stringify(want)}`, async () => {
        const server = await dnsServer(answer);
        const rig = await start({
          dns_servers: [at(server.port)],
          hostnames: ['a.test'],
          comparisons: [comparison],
          comparison_attempts: 2,
          timeout: '1s',
          large_answer: { name: 'large.test' },
        });
        await rig.begin();
        for (let i = 0; i < waits; i++) {
          const had = server.asked.length;
          await rig.host.clock.advance(1000);
          await until(() => server.asked.length > had || rig.out.batches.length > 0);
        }
        await rig.host.clock.advance(1000);
        const got = samples(await rig.ended(), /comparison_(queries|lost)/, ['server', 'comparison']);
        const flat = Object.entries(want).flatMap(([side, [queries, lost]]) => [
          [`dns_probe_comparison_queries_total{side="${side}"}`, queries],
          [`dns_probe_comparison_lost_total{side="${side}"}`, lost],
        ]);
        expect(got).to.deep.equal(Object.fromEntries(flat));
      });
    compares('pair', { pair: [4, 0], single: [4, 0] }, healthy);
    compares('source_port', { fixed: [2, 0], fresh: [2, 0] }, healthy);
    compares('protocol', { udp: [2, 0], tcp: [2, 0] }, healthy);
    compares(
      'size',
      { small: [2, 0], large: [2, 2] },
      (asked, own) => (asked.name === 'large.test' ? undefined : healthy(asked, own)),
      2,
    );
    compares(
      'protocol',
      { udp: [2, 0], tcp: [2, 2] },
      (asked, own) => (asked.protocol === 'tcp' ? undefined : healthy(asked, own)),
      2,
    );

    it('from one port that is kept, and from new ones', async () => {
      const server = await dnsServer(healthy);
      const rig = await start({
        dns_servers: [at(server.port)],
        hostnames: ['a.test'],
        comparisons: ['source_port'],
        comparison_attempts: 5,
      });
      await rig.next();
      await rig.next();
      const uses = new Map<number, number>();
      for (const { port } of server.asked) uses.set(port, (uses.get(port) ?? 0) + 1);
      expect(Math.max(...uses.values())).to.equal(10);
      expect(uses.size).to.be.at.least(9);
    });

    it('A and AAAA from one port, and from two', async () => {
      const server = await dnsServer(healthy);
      await (
        await start({
          dns_servers: [at(server.port)],
          hostnames: ['a.test'],
          comparisons: ['pair'],
          comparison_attempts: 1,
        })
      ).next();
      const [pairA, pairAaaa] = server.asked.filter((one, i) =>
        server.asked.some((other, j) => i !== j && other.port === one.port),
      );
      expect([pairA?.type, pairAaaa?.type]).to.have.members(['A', 'AAAA']);
    });
  });

  describe('as dns_check', () => {
    const shape = (ports: number[]) => ({
      dns_servers: [at(ports[0]!), { endpoint: at(ports[1]!), network: 'tcp', timeout: '2s' }],
      hostnames: [{ name: 'example.test' }, { name: 'example.test', record_type: 'AAAA' }],
    });

    it('takes its configuration, and gives its metrics', async () => {
      const [one, two] = [await dnsServer(healthy), await dnsServer((asked) => respond(asked, { rcode: NXDOMAIN }))];
      const batch = await (await start(shape([one.port, two.port]), 'dns_check')).next();
      const status = samples(batch, /^dnscheck\.status/, ['dns.domain', 'dns.server']);
      expect(status).to.deep.equal({
        'dnscheck.status{dns.rcode="0",dns.record.type="A",dns.resolved.all.ips="10.0.0.1",dns.resolved.ip="10.0.0.1"}': 1,
        'dnscheck.status{dns.rcode="0",dns.record.type="AAAA"}': 1,
        'dnscheck.status{dns.rcode="3",dns.record.type="A"}': 0,
        'dnscheck.status{dns.rcode="3",dns.record.type="AAAA"}': 0,
      });
      expect(Object.values(samples(batch, /^dnscheck\.duration/, []))).to.deep.equal([0, 0, 0, 0]);
      expect(samples(batch, /dns_probe|dnscheck\.error/)).to.deep.equal({});
      expect([one, two].map(({ asked }) => asked[0]!.protocol)).to.deep.equal(['udp', 'tcp']);
    });

    it('tells errors when they are enabled', async () => {
      const server = await dnsServer(healthy);
      await server.close();
      const rig = await start({
        dns_servers: [at(server.port)],
        hostnames: [{ name: 'x.test' }],
        metric_names: 'both',
        metrics: { 'dnscheck.error': { enabled: true }, dns_probe_duration_seconds: { enabled: false } },
      });
      const batch = await rig.next();
      expect(samples(batch, /dnscheck/, ['dns.server', 'dns.domain', 'dns.record.type'])).to.have.keys(
        'dnscheck.status{}',
        'dnscheck.error{error.message="recvmsg ECONNREFUSED"}',
      );
      expect(value(batch, /dns_probe_success/)).to.equal(0);
      expect(samples(batch, /dns_probe_duration/)).to.deep.equal({});
    });
  });

  it('gives the legacy names too', async () => {
    const server = await dnsServer(healthy);
    const rig = await start({ dns_servers: [at(server.port)], hostnames: ['a.test', 'b.test'], legacy_names: true });
    await rig.next();
    const batch = await rig.next();
    expect(samples(batch, /^dns_query/)).to.include({
      'dns_query_count{}': 4,
      'dns_query_response_time_bucket{le="0.005"}': 4,
      'dns_query_response_time_bucket{le="+Inf"}': 4,
      'dns_query_response_time_count{}': 4,
    });
    expect(batch.flatMap(({ set }) => set.series).find((s) => s.labels.includes('dns_query_count'))?.family).to.include(
      { type: 'counter', help: 'Counts the number of DNS queries made' },
    );
  });

  describe('refuses', () => {
    const refuses = (what: string, config: unknown, why: RegExp) =>
      it(what, () => expect(() => parse(dnsProbe.config, config)).to.throw(why));
    const hostnames = ['a.test'];
    refuses('no hostnames', {}, /hostnames: is missing/);
    refuses('an empty list of hostnames', { hostnames: [] }, /hostnames: must not be empty/);
    refuses(
      'a server with a name',
      { hostnames, dns_servers: ['dns.example'] },
      /dns_servers\[0\]: must be an IP address/,
    );
    refuses('a port that is none', { hostnames, dns_servers: ['10.0.0.1:99999'] }, /must be an IP address/);
    refuses('a name that is none', { hostnames: ['a..b'] }, /hostnames\[0\]: is no domain name: has an empty label/);
    refuses(
      'an unknown type',
      { hostnames: [{ name: 'a', record_type: 'AAA' }] },
      /record_type: is no record type; did you mean/,
    );
    refuses(
      'answers for several types',
      { hostnames: [{ name: 'a', record_types: ['A', 'MX'], expected_answers: ['10.0.0.1'] }] },
      /one record type/,
    );
    refuses('a timeout beyond the interval', { hostnames, collection_interval: '1s' }, /timeout: must not be longer/);
    refuses(
      'the comparison size without a large answer',
      { hostnames, comparisons: ['size'] },
      /size needs large_answer/,
    );
    refuses(
      'a metric that it does not have',
      { hostnames, metrics: { dns_probe_sucess: {} } },
      /did you mean dns_probe_success/,
    );
  });

  receiverContract(dnsProbe, async () => {
    const one = await dnsServer(healthy);
    const two = await dnsServer(healthy);
    let silent = false;
    const three = await dnsServer((asked, own) => (silent ? undefined : healthy(asked, own)));
    const tree = makeTree({ 'etc/resolv.conf': 'search a.test\noptions ndots:2\n' });
    return {
      config: {
        root_path: tree.path,
        initial_delay: '60s',
        max_queries_per_second: 1e6,
        dns_servers: [at(one.port), at(two.port), at(three.port)],
        hostnames: ['a.test'],
        resolve_as: 'pod',
        legacy_names: true,
        comparisons: ['source_port'],
      },
      interval: 60_000,
      vanish: () => tree.write({ 'etc/resolv.conf': undefined }),
      hang: () => {
        silent = true;
      },
      async close() {
        await closeDnsServers();
        tree.remove();
      },
    };
  });
});
