import { expect } from 'chai';
import { parse } from '#config';
import { ownSockets } from '#dns';
import type { Batch } from '#metrics';
import { config } from '../../../receivers/dns_probe/config.ts';
import { Prober } from '../../../receivers/dns_probe/prober.ts';
import type { ProbeSpace, ProbeSpaces } from '../../../receivers/dns_probe/spaces.ts';
import { closeDnsServers, dnsServer, healthy } from '../../support/dns-server.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { samples, staleCount } from './rig.ts';

const never = new AbortController().signal;

/** A pod's namespace that shares our sockets. */
const pod = (netns: string, file?: string): ProbeSpace & { lost: boolean } => ({
  key: netns,
  labels: { netns, pod_uid: `uid-${netns}` },
  sockets: ownSockets,
  resolvConf: () => file,
  lost: false,
});

describe('the dns_probe receiver in network namespaces', () => {
  let host: FakeHost;
  let spaces: ProbeSpaces & { now: ProbeSpace[]; trouble: string };
  let prober: Prober;

  beforeEach(() => {
    host = fakeHost('receiver', 'dns_probe');
    spaces = { now: [], trouble: '', list: async () => spaces.now, close: async () => {} };
  });
  afterEach(async () => {
    prober.close();
    expect(host.clock.pending).to.equal(0);
    await closeDnsServers();
  });

  async function probing(options: Record<string, unknown> = {}): Promise<() => Promise<Batch>> {
    const server = await dnsServer(healthy);
    const all = {
      hostnames: ['a.test'],
      dns_servers: [`127.0.0.1:${server.port}`],
      max_queries_per_second: 1e6,
      ...options,
    };
    prober = new Prober(host, parse(config, all), spaces);
    return () => prober.collect(never);
  }
  const successes = (batch: Batch) => Object.keys(samples(batch, /success/, ['server', 'name', 'protocol', 'type']));
  const series = (netns: string) => `dns_probe_success{netns="${netns}",pod_uid="uid-${netns}"}`;

  it('asks from each, takes in new ones within a collection, and ends those that went', async () => {
    const collect = await probing();
    const [one, two, three] = [pod('1'), pod('2'), pod('3')];
    spaces.now = [one, two];
    expect(successes(await collect())).to.deep.equal([series('1'), series('2')]);
    spaces.now = [two, three];
    const batch = await collect();
    expect(successes(batch)).to.deep.equal([series('2'), series('3')]);
    expect(staleCount(batch)).to.be.above(20);
    expect(samples(batch, /queries_total/, ['server', 'name', 'protocol', 'type', 'pod_uid'])).to.deep.equal({
      'dns_probe_queries_total{netns="2"}': 2,
      'dns_probe_queries_total{netns="3"}': 1,
    });
  });

  it('keeps the set of a namespace while another one goes', async () => {
    const collect = await probing();
    const [one, two] = [pod('1'), pod('2')];
    spaces.now = [one, two];
    const before = (await collect()).at(-1)!.set;
    spaces.now = [two];
    expect((await collect()).map(({ set }) => set)).to.include(before);
  });

  it('begins at zero in a namespace that has the key of one that went', async () => {
    const collect = await probing();
    spaces.now = [pod('1')];
    await collect();
    spaces.now = [pod('1')];
    expect(Object.values(samples(await collect(), /queries_total/))).to.deep.equal([1]);
  });

  it('says nothing of one that vanished meanwhile, and goes on with the others', async () => {
    const collect = await probing();
    const gone = {
      ...pod('1'),
      sockets: { udp: () => Promise.reject(new Error('gone')), tcp: () => Promise.reject(new Error('gone')) },
    };
    spaces.now = [gone, pod('2')];
    gone.lost = true;
    expect(successes(await collect())).to.deep.equal([series('2')]);
  });

  it("asks the servers of each one's own resolv.conf", async () => {
    const collect = await probing({ dns_servers: [] });
    spaces.now = [pod('1', 'nameserver 127.77.0.1'), pod('2', 'nameserver 127.77.0.2'), pod('3')];
    const batch = await collect();
    const asked = Object.keys(samples(batch, /success/, ['name', 'protocol', 'type', 'pod_uid']));
    expect(asked).to.deep.equal([
      'dns_probe_success{netns="1",server="127.77.0.1:53"}',
      'dns_probe_success{netns="2",server="127.77.0.2:53"}',
    ]);
    expect(host.statuses.at(-1), 'a pod without the file is no trouble').to.include({ status: 'ok' });
  });

  it('tells once when a file may not be read', async () => {
    const collect = await probing({ dns_servers: [] });
    const denied = pod('1');
    denied.resolvConf = () => {
      throw Object.assign(new Error('no'), { code: 'EACCES' });
    };
    spaces.now = [denied];
    await collect();
    await collect();
    expect(host.logs.map(({ message, fields }) => [message, fields.netns])).to.deep.equal([
      ['cannot read the resolv.conf of a place', '1'],
    ]);
  });

  it('goes on from its own without the privilege, and says so', async () => {
    const collect = await probing({ network_namespaces: 'pods' });
    spaces.now = [{ ...pod('own'), key: 'own' }];
    spaces.trouble = 'entering network namespaces needs CAP_SYS_ADMIN (setns: EPERM)';
    await collect();
    const batch = await collect();
    expect(successes(batch)).to.deep.equal([series('own')]);
    const why = `probes from its own network namespace only: ${spaces.trouble}`;
    expect(host.statuses.at(-1)).to.include({ status: 'recoverable', why });
    // The agent logs the status.
    expect(host.logs).to.deep.equal([]);
  });
});
