import { createSocket } from 'node:dgram';
import { linkSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '#config';
import { type Batch, formatLabels, isStale } from '#metrics';
import dnsSockets from '../../../receivers/dns_sockets/dns_sockets.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { until } from '../../support/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const POD = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';
const ANY = '00000000:0000';
const DNS = '0A00000A:0035';

interface Row {
  local?: string;
  remote?: string;
  state?: string;
  receive?: number;
  inode?: number;
  uid?: number;
  drops?: number;
}
const table = (...rows: Row[]) =>
  HEAD +
  rows
    .map(({ local = '0200000A:C000', remote = ANY, state = '07', receive = 0, inode = 0, uid = 0, drops = 0 }, i) => {
      const queues = `00000000:${receive.toString(16).toUpperCase().padStart(8, '0')}`;
      return `${i}: ${local} ${remote} ${state} ${queues} 00:00000000 00000000 ${uid} 0 ${inode} 2 0000000000000000 ${drops}\n`;
    })
    .join('');
const snmp = (received: number, sent: number, errors = 0) =>
  `Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors InCsumErrors\nUdp: ${received} 3 ${errors} ${sent} ${errors} 0\n`;

describe('the dns_sockets receiver', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree();
    process(tree, 1);
  });
  afterEach(() => tree.remove());

  /** A process in a network namespace of its own. */
  function process(on: Tree, pid: number, { pod = '', comm = 'app', net = pid, uid = 0 } = {}): void {
    on.write({
      [`proc/${pid}/stat`]: `${pid} (${comm}) S 1 ${'0 '.repeat(17)}${pid} 0\n`,
      [`proc/${pid}/cgroup`]: `0::${pod ? `/kubepods/pod${pod}/x` : '/'}\n`,
      [`proc/${pid}/status`]: `Name:\t${comm}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`,
    });
    if (net === pid) on.write({ [`net/${net}/udp`]: HEAD, [`net/${net}/snmp`]: snmp(0, 0) });
    const folder = join(on.path, `proc/${pid}`);
    mkdirSync(join(folder, 'net'));
    mkdirSync(join(folder, 'ns'));
    on.write({
      [`proc/${pid}/net/sockstat`]: 'sockets: used 9\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 0\nUDP: inuse 1 mem 0\n',
    });
    for (const name of ['udp', 'snmp']) linkSync(join(on.path, `net/${net}/${name}`), join(folder, 'net', name));
    symlinkSync(`net:[${net + 1000}]`, join(folder, 'ns/net'));
  }
  const holds = (pid: number, ...inodes: number[]) => {
    mkdirSync(join(tree.path, `proc/${pid}/fd`));
    for (const inode of inodes) symlinkSync(`socket:[${inode}]`, join(tree.path, `proc/${pid}/fd/${inode}`));
  };

  async function run(options: Record<string, unknown> = {}) {
    const host = fakeHost('receiver', 'dns_sockets');
    const out = sink();
    const config = parse(dnsSockets.config, {
      root_path: tree.path,
      collection_interval: '10s',
      initial_delay: '10s',
      ...options,
    });
    const receiver = dnsSockets.create(config, host, out);
    await receiver.start?.(new AbortController().signal);
    let due = 0;
    return {
      host,
      stop: () => receiver.stop?.(new AbortController().signal),
      /** One collection; `between` runs after its first look when it takes a second. */
      async next(between?: () => void): Promise<Batch> {
        const had = out.batches.length;
        due += 10_000;
        await host.clock.advance(due - host.clock.monotonic());
        if (between) {
          await until(() => host.clock.pending > 0);
          expect(out.batches, 'a second look is to come').to.have.length(had);
          between();
          await host.clock.advance(1000);
        }
        await out.received(had + 1);
        return out.batches[had]!;
      },
    };
  }
  const points = (batch: Batch, only = /./) =>
    Object.fromEntries(
      batch
        .flatMap(({ set, values }) =>
          set.series.map((one, i) => [formatLabels(one.labels), isStale(values, i) ? 'stale' : values[i]] as const),
        )
        .filter(([name]) => only.test(name)),
    );

  receiverContract(dnsSockets, () => {
    const source = makeTree();
    process(source, 1);
    source.write({ 'net/1/udp': table({ local: '00000000:0035' }) });
    return {
      config: { root_path: source.path, collection_interval: '10s', initial_delay: '10s' },
      interval: 10_000,
      vanish: () => source.write({ 'net/1/udp': HEAD }),
      close: () => source.remove(),
    };
  });

  it('reports drops and queues of every socket that DNS servers have, and what the namespace counts', async () => {
    tree.write({
      'net/1/udp': table(
        { local: '0100007F:0035', receive: 768, drops: 7, inode: 1 },
        // Two that share an address.
        { local: '0200000A:0035', drops: 1, inode: 2 },
        { local: '0200000A:0035', drops: 2, inode: 3 },
        { local: '00000000:14E9', drops: 99, inode: 4 },
      ),
      'net/1/snmp': snmp(40, 50, 10),
      'proc/1/net/tcp': table({ local: '0100007F:0035', state: '0A', receive: 3 }),
      'proc/1/net/snmp6': 'Udp6InDatagrams 5\nUdp6RcvbufErrors 1\nIcmp6InMsgs 9\n',
    });
    const { next, stop } = await run();
    const at = (address: string) => `{address="${address}",netns="host",port="53"}`;
    const of = (family: string) => `{family="${family}",netns="host"}`;
    expect(points(await next())).to.deep.equal({
      [`dns_sockets_drops_total${at('127.0.0.1')}`]: 7,
      [`dns_sockets_receive_queue_bytes${at('127.0.0.1')}`]: 768,
      [`dns_sockets_drops_total${at('10.0.0.2')}`]: 3,
      [`dns_sockets_receive_queue_bytes${at('10.0.0.2')}`]: 0,
      [`dns_sockets_accept_queue${at('127.0.0.1')}`]: 3,
      [`dns_sockets_udp_in_datagrams_total${of('ipv4')}`]: 40,
      [`dns_sockets_udp_out_datagrams_total${of('ipv4')}`]: 50,
      [`dns_sockets_udp_in_errors_total${of('ipv4')}`]: 10,
      [`dns_sockets_udp_no_ports_total${of('ipv4')}`]: 3,
      [`dns_sockets_udp_receive_buffer_errors_total${of('ipv4')}`]: 10,
      [`dns_sockets_udp_checksum_errors_total${of('ipv4')}`]: 0,
      [`dns_sockets_udp_in_datagrams_total${of('ipv6')}`]: 5,
      [`dns_sockets_udp_receive_buffer_errors_total${of('ipv6')}`]: 1,
      'dns_sockets_hanging_lookups{netns="host"}': 0,
      'dns_sockets_longest_hang_seconds{netns="host"}': 0,
    });
    await stop();
  });

  it('names the pod whose lookup hangs, and no other', async () => {
    process(tree, 7, { pod: POD });
    process(tree, 8, { pod: POD.replace('0', '1') });
    const { next, stop } = await run();
    await next();
    tree.write({ 'net/7/udp': table({ remote: DNS, inode: 70 }), 'net/7/snmp': snmp(0, 2) });
    tree.write({ 'net/8/udp': table({ remote: DNS, inode: 80 }), 'net/8/snmp': snmp(0, 2) });
    const got = await next(() => tree.write({ 'net/8/udp': HEAD, 'net/8/snmp': snmp(2, 2) }));
    expect(points(got, /hanging/)).to.deep.equal({
      'dns_sockets_hanging_lookups{netns="host"}': 0,
      [`dns_sockets_hanging_lookups{netns="1007",pod_uid="${POD}"}`]: 1,
      [`dns_sockets_hanging_lookups{netns="1008",pod_uid="${POD.replace('0', '1')}"}`]: 0,
    });
    expect(points(got, /longest.*1007/)).to.deep.equal({
      [`dns_sockets_longest_hang_seconds{netns="1007",pod_uid="${POD}"}`]: 1,
    });
    expect(points(got, /client_sockets.*1007/)).to.deep.equal({
      [`dns_sockets_client_sockets{netns="1007",pod_uid="${POD}",protocol="udp",server="10.0.0.10"}`]: 1,
    });
    await stop();
  });

  it("leaves out what a DNS server's own sockets wait for", async () => {
    process(tree, 7, { comm: 'coredns' });
    process(tree, 8, { net: 7 });
    holds(7, 70);
    const { next, stop } = await run();
    await next();
    tree.write({
      'net/7/udp': table({ remote: DNS, inode: 70 }, { remote: DNS, inode: 80 }),
      'net/7/snmp': snmp(0, 4),
    });
    const got = points(await next(() => {}), /(hanging|client_sockets).*1007/);
    expect(Object.values(got)).to.deep.equal([1, 1]);
    await stop();
  });

  it("leaves out the agent's own questions", async () => {
    const own = createSocket('udp4');
    await new Promise<void>((resolve) => own.bind(0, '127.0.0.1', resolve));
    const inodes = readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
    const { next, stop } = await run();
    await next();
    tree.write({
      'net/1/udp': table(...inodes.map((inode) => ({ remote: DNS, inode: Number(inode) }))),
      'net/1/snmp': snmp(0, 4),
    });
    expect(points(await next(), /hanging|client/)).to.deep.equal({ 'dns_sockets_hanging_lookups{netns="host"}': 0 });
    own.close();
    await stop();
  });

  it('counts TCP connections towards DNS by state, and goes on with 0', async () => {
    tree.write({
      'proc/1/net/tcp': table(
        { remote: DNS, state: '02', inode: 5 },
        { remote: DNS, state: '02', inode: 6 },
        { remote: DNS, state: '06' },
        { local: '0200000A:0035', remote: '0300000A:C001', state: '01', inode: 7 },
        { local: '0200000A:1F90', remote: '0300000A:C001', state: '01', inode: 8 },
      ),
    });
    const { next, stop } = await run();
    const state = (side: string, of: string) =>
      `dns_sockets_tcp_connections{netns="host",side="${side}",state="${of}"}`;
    expect(points(await next(), /connections/)).to.deep.equal({
      [state('client', 'syn_sent')]: 2,
      [state('client', 'time_wait')]: 1,
      [state('server', 'established')]: 1,
    });
    tree.write({ 'proc/1/net/tcp': HEAD });
    expect(Object.values(points(await next(), /connections/))).to.deep.equal([0, 0, 0]);
    await stop();
  });

  it('does not read tables that are empty: each costs the kernel milliseconds', async () => {
    tree.write({
      'proc/1/net/sockstat': 'sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 9 mem 9\nUDP: inuse 0 mem 9\n',
      'proc/1/net/sockstat6': 'TCP6: inuse 0\nUDP6: inuse 1\n',
      'proc/1/net/tcp': table({ remote: DNS, state: '01', inode: 1 }),
      'net/1/udp': table({ local: '0100007F:0035', inode: 2 }),
      'proc/1/net/udp6': table({ local: `${'0'.repeat(32)}:0035`, remote: `${'0'.repeat(32)}:0000`, inode: 3 }),
    });
    const { next, stop } = await run();
    expect(Object.keys(points(await next(), /drops|connections/))).to.deep.equal([
      'dns_sockets_drops_total{address="::",netns="host",port="53"}',
    ]);
    tree.write({ 'proc/1/net/sockstat': 'TCP: inuse 0 orphan 0 tw 1 alloc 0 mem 0\n' });
    expect(Object.keys(points(await next(), /connections/))).to.have.length(1);
    await stop();
  });

  it('names at most 32 servers of a namespace', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => ({
      remote: `${(i + 1).toString(16).toUpperCase().padStart(2, '0')}00000A:0035`,
      state: '02',
      inode: i + 1,
    }));
    tree.write({ 'proc/1/net/tcp': table(...rows) });
    const { next, stop } = await run();
    expect(Object.keys(points(await next(), /client_sockets/))).to.have.length(32);
    await stop();
  });

  it('sees between collections what is over when one comes', async () => {
    const { next, stop, host } = await run({ sampling_interval: '1s' });
    await next();
    await host.clock.advance(1000);
    tree.write({
      'net/1/udp': table({ remote: DNS, inode: 9 }, { local: '00000000:0035', drops: 500 }),
      'net/1/snmp': snmp(0, 1),
    });
    await host.clock.advance(2000);
    tree.write({ 'net/1/udp': table({ local: '00000000:0035', drops: 500 }), 'net/1/snmp': snmp(1, 1) });
    expect(points(await next(), /hanging|peak/)).to.deep.equal({
      'dns_sockets_hanging_lookups{netns="host"}': 0,
      'dns_sockets_hanging_lookups_peak{netns="host"}': 1,
      'dns_sockets_drops_peak_per_second{netns="host"}': 500,
    });
    expect(points(await next(), /peak/)).to.deep.equal({
      'dns_sockets_hanging_lookups_peak{netns="host"}': 0,
      'dns_sockets_drops_peak_per_second{netns="host"}': 0,
    });
    await stop();
  });

  it('follows pods that come and go', async () => {
    const { next, stop } = await run({ namespaces: 'pods' });
    await next();
    process(tree, 7, { pod: POD });
    process(tree, 9);
    const came = points(await next(), /10\d\d/);
    expect(Object.keys(came).every((name) => name.includes(POD))).to.equal(true);
    rmSync(join(tree.path, 'proc/7'), { recursive: true });
    const gone = points(await next(), /10\d\d/);
    expect(Object.keys(gone)).to.deep.equal(Object.keys(came));
    expect(new Set(Object.values(gone))).to.deep.equal(new Set(['stale']));
    await stop();
  });

  it('reads this machine', async () => {
    const { next, stop, host } = await run({ root_path: '/', hanging_after: '1ms' });
    expect(points(await next(), /hanging_lookups{netns="host"/)).to.have.property(
      'dns_sockets_hanging_lookups{netns="host"}',
    );
    expect(host.logs).to.deep.equal([]);
    await stop();
  });
});
