import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '#config';
import { formatLabels, isStale } from '#metrics';
import dnsmasq from '../../../receivers/dnsmasq/dnsmasq.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { until } from '../../support/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';
import { stat } from './stat.ts';
import { tcpLine, udpLine } from './tables.ts';

const never = new AbortController().signal;
const CONTAINER = 'c'.repeat(64);
const POD = '3f7a7c5e-1b2c-4d5e-8f90-a1b2c3d4e5f6';

describe('the dnsmasq receiver', () => {
  let tree: Tree;
  const stops: (() => unknown)[] = [];
  beforeEach(() => {
    tree = makeTree({ 'proc/stat': 'cpu 1\nbtime 1700000000\n' });
    write(7, 1);
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    tree.remove();
  });

  /** A dnsmasq, its children by PID and its namespace. */
  function write(pid: number, parent: number, more: { children?: number[]; start?: number; ticks?: number } = {}) {
    const { children = [], start = 1000, ticks = 0 } = more;
    tree.write({
      [`proc/${pid}/stat`]: stat(pid, 'dnsmasq', parent, 'S', start, ticks),
      [`proc/${pid}/cmdline`]: 'dnsmasq\0-k\0',
      [`proc/${pid}/status`]: 'Name:\tdnsmasq\nVmRSS:\t    2048 kB\n',
      [`proc/${pid}/cgroup`]: `0::/kubepods/pod${POD}/${CONTAINER}\n`,
      [`proc/${pid}/task/${pid}/children`]: children.map((child) => `${child} `).join(''),
    });
    for (const child of children) tree.write({ [`proc/${child}/stat`]: stat(child, 'dnsmasq', pid) });
  }
  function inNamespace(pid: number, link: string) {
    mkdirSync(join(tree.path, `proc/${pid}/ns`), { recursive: true });
    symlinkSync(link, join(tree.path, `proc/${pid}/ns/net`));
  }
  const children = (count: number) => Array.from({ length: count }, (_, i) => 100 + i);

  async function run(options: Record<string, unknown> = {}) {
    const host = fakeHost('receiver', 'dnsmasq');
    const out = sink();
    const config = parse(dnsmasq.config, {
      root_path: tree.path,
      initial_delay: '0s',
      collection_interval: '15s',
      ...options,
    });
    const receiver = dnsmasq.create(config, host, out);
    await receiver.start?.(never);
    stops.push(() => receiver.stop?.(never));
    let rounds = 0;
    return {
      host,
      /** What the next collection says, by series; without the labels that every series has. */
      async next(ms = rounds === 0 ? 0 : 15_000): Promise<Record<string, number | 'stale'>> {
        const had = out.batches.length;
        rounds++;
        await host.clock.advance(ms);
        await until(() => out.batches.length > had);
        const points = (out.batches[had] ?? []).flatMap(({ set, values }) =>
          set.series.map((one, i): [string, number | 'stale'] => [
            formatLabels(one.labels)
              .replace(/(netns|pod_uid|container_id)="[^"]*",?/g, '')
              .replace(/,?}$/, '}')
              .replace('{}', ''),
            isStale(values, i) ? 'stale' : values[i]!,
          ]),
        );
        return Object.fromEntries(points);
      },
      labels: () => formatLabels(out.batches[0]![0]!.set.series[0]!.labels),
    };
  }

  receiverContract(dnsmasq, () => {
    write(7, 1);
    write(8, 1);
    tree.write({ 'proc/8/cgroup': '0::/system.slice/dnsmasq.service\n' });
    const { path } = tree;
    return {
      config: { root_path: path, initial_delay: '10s', collection_interval: '10s', sampling_interval: '100ms' },
      interval: 10_000,
      vanish: () => tree.write({ 'proc/8': undefined }),
      close: () => {},
    };
  });

  it('counts the parent and its children', async () => {
    write(7, 1, { children: children(3) });
    expect(await (await run()).next()).to.include({ dnsmasq_processes: 4, dnsmasq_processes_limit: 21 });
  });

  it('says whose dnsmasq it is', async () => {
    inNamespace(7, 'net:[4026532000]');
    const { next, labels } = await run();
    await next();
    expect(labels()).to.equal(`dnsmasq_processes{container_id="${CONTAINER}",netns="4026532000",pod_uid="${POD}"}`);
  });

  it('makes nothing of sampling when it is off', async () => {
    const first = await (await run()).next();
    expect(first).not.to.have.any.keys('dnsmasq_processes_peak', 'dnsmasq_processes_at_limit_seconds_total');
  });

  it('looks at nothing while there is no dnsmasq', async () => {
    const { next, host } = await run({ sampling_interval: '100ms' });
    await next();
    expect(host.clock.pending).to.equal(2);
    tree.write({ 'proc/7': undefined });
    await next();
    expect(host.clock.pending).to.equal(1);
  });

  it('sees a burst between two collections, its height and how long it was at the limit', async () => {
    const { next, host } = await run({ sampling_interval: '100ms' });
    expect(await next()).to.include({ dnsmasq_processes_peak: 1, dnsmasq_processes_at_limit_seconds_total: 0 });
    await host.clock.advance(5000);
    write(7, 1, { children: children(20) });
    await host.clock.advance(2000);
    write(7, 1);
    for (const pid of children(20)) tree.write({ [`proc/${pid}`]: undefined });
    const after = await next(8000);
    expect(after).to.include({ dnsmasq_processes: 1, dnsmasq_processes_peak: 21 });
    expect(after.dnsmasq_processes_at_limit_seconds_total).to.be.closeTo(2, 0.11);
    expect(await next()).to.include({ dnsmasq_processes_peak: 1 });
  });

  it('is at the limit when one of two is', async () => {
    write(8, 1, { children: children(5) });
    tree.write({ 'proc/8/cmdline': 'dnsmasq\0--max-tcp-connections=5\0' });
    const { next } = await run({ sampling_interval: '100ms' });
    expect(await next()).to.include({ dnsmasq_processes: 7, dnsmasq_processes_limit: 27 });
    const second = await next();
    expect(second.dnsmasq_processes_at_limit_seconds_total).to.be.closeTo(15, 0.11);
  });

  it('reads the limit from the configuration in its own file system', async () => {
    tree.write({
      'proc/7/root/etc/dnsmasq.conf': 'max-tcp-connections=99\n',
      'etc/dnsmasq.conf': 'max-tcp-connections=1',
    });
    expect(await (await run()).next()).to.include({ dnsmasq_processes_limit: 100 });
  });

  it("reads the host's file for one that is in no container", async () => {
    tree.write({
      'etc/dnsmasq.conf': 'max-tcp-connections=98\n',
      'proc/7/cgroup': '0::/system.slice/dnsmasq.service\n',
    });
    expect(await (await run()).next()).to.include({ 'dnsmasq_processes_limit{unit="dnsmasq.service"}': 99 });
  });

  it('counts a new dnsmasq in the place of another as a restart, also after a time without one', async () => {
    const { next } = await run();
    expect(await next()).to.include({ dnsmasq_restarts_total: 0, dnsmasq_start_time_seconds: 1700000010 });
    tree.write({ 'proc/7': undefined });
    write(9, 1, { start: 5000 });
    expect(await next()).to.include({ dnsmasq_restarts_total: 1, dnsmasq_start_time_seconds: 1700000050 });
    tree.write({ 'proc/9': undefined });
    expect(await next()).to.include({ dnsmasq_processes: 'stale' });
    write(10, 1, { start: 9000 });
    expect(await next()).to.include({ dnsmasq_restarts_total: 2 });
  });

  it('knows another process under the same PID by its start', async () => {
    const { next } = await run();
    await next();
    write(7, 1, { start: 2000 });
    expect(await next()).to.include({ dnsmasq_restarts_total: 1 });
  });

  it('counts what a dnsmasq that was started anew left behind, but no limit for it', async () => {
    write(7, 1, { start: 5000 });
    write(8, 1, { start: 1000 });
    expect(await (await run()).next()).to.include({ dnsmasq_processes: 2, dnsmasq_processes_limit: 21 });
  });

  it('adds the CPU time up over restarts', async () => {
    write(7, 1, { ticks: 250 });
    const { next } = await run();
    expect(await next()).to.include({ dnsmasq_cpu_seconds_total: 2.5, dnsmasq_resident_memory_bytes: 2 << 20 });
    tree.write({ 'proc/7': undefined });
    write(9, 1, { start: 5000, ticks: 100 });
    expect(await next()).to.include({ dnsmasq_cpu_seconds_total: 3.5 });
  });

  it('reads the sockets of its port', async () => {
    tree.write({
      'proc/7/net/tcp': tcpLine('00000000:0035', 'listen', { queue: 12 }) + tcpLine('0100007F:0035', 'established'),
      'proc/7/net/udp': udpLine('00000000:0035', { queue: 256, drops: 4 }),
    });
    expect(await (await run()).next()).to.include({
      'dnsmasq_tcp_connections{state="established"}': 1,
      'dnsmasq_tcp_connections{state="time_wait"}': 0,
      'dnsmasq_accept_queue_length{address="0.0.0.0:53"}': 12,
      'dnsmasq_accept_queue_limit{address="0.0.0.0:53"}': 32,
      'dnsmasq_udp_receive_queue_bytes{address="0.0.0.0:53"}': 256,
      'dnsmasq_udp_drops_total{address="0.0.0.0:53"}': 4,
    });
  });

  it('reads no sockets of one that does no DNS', async () => {
    tree.write({ 'proc/7/cmdline': 'dnsmasq\0--port=0\0' });
    expect(Object.keys(await (await run()).next()).join()).not.to.include('tcp_connections');
  });

  it('says once what it cannot read, and goes on', async () => {
    tree.write({ 'proc/7/status': undefined });
    mkdirSync(join(tree.path, 'proc/7/status'));
    const { next, host } = await run();
    await next();
    expect(await next()).to.include({ dnsmasq_processes: 1, dnsmasq_restarts_total: 0 });
    expect(host.logs.filter(({ message }) => message === 'cannot read a dnsmasq')).to.have.length(1);
    expect(host.metric('otelcol_scraper_errored_metric_points')).to.equal(2);
  });

  describe('statistics', () => {
    let server: Socket;
    /** The text of each name; undefined for no answer. */
    let texts: Record<string, string | undefined>;
    let asked: number;
    beforeEach(async () => {
      asked = 0;
      texts = { hits: '5', misses: '3', evictions: '1', insertions: '2', cachesize: '150', servers: '10.0.0.2#53 7 1' };
      server = createSocket('udp4');
      server.on('message', (bytes, from) => {
        asked++;
        const text = texts[bytes.toString('latin1', 13, 13 + bytes[12]!)];
        if (text === undefined) return;
        const reply = Buffer.from(bytes);
        reply[2] = 0x84;
        reply[7] = 1;
        const record = Buffer.from([0xc0, 12, 0, 16, 0, 3, 0, 0, 0, 0, 0, text.length + 1, text.length]);
        server.send(Buffer.concat([reply, record, Buffer.from(text)]), from.port, from.address);
      });
      server.bind(0, '127.0.0.1');
      await once(server, 'listening');
      const port = server.address().port;
      const hex = port.toString(16).toUpperCase().padStart(4, '0');
      tree.write({ 'proc/7/cmdline': `dnsmasq\0-p${port}\0`, 'proc/7/net/udp': udpLine(`0100007F:${hex}`) });
    });
    afterEach(() => server.close());
    const ours = () => inNamespace(7, readlinkSync('/proc/self/ns/net'));

    it('are asked of a dnsmasq in our own network namespace', async () => {
      ours();
      expect(await (await run()).next()).to.include({
        dnsmasq_cache_hits_total: 5,
        dnsmasq_cache_misses_total: 3,
        dnsmasq_cache_evictions_total: 1,
        dnsmasq_cache_insertions_total: 2,
        dnsmasq_cache_size: 150,
        'dnsmasq_server_queries_total{server="10.0.0.2#53"}': 7,
        'dnsmasq_server_failed_queries_total{server="10.0.0.2#53"}': 1,
        dnsmasq_statistics_errors_total: 0,
      });
    });

    it('are not asked elsewhere, and make no sample', async () => {
      inNamespace(7, 'net:[4026532000]');
      const { next } = await run({ kube_dns_names: true });
      expect(Object.keys(await next()).join()).not.to.match(/cache|statistics|kubedns/);
      expect(asked).to.equal(0);
    });

    it('are not asked when they are switched off', async () => {
      ours();
      await (await run({ statistics: false })).next();
      expect(asked).to.equal(0);
    });

    it('that are no numbers are an error, and stand for nothing', async () => {
      ours();
      texts.misses = 'three';
      const first = await (await run()).next();
      expect(first).to.include({ dnsmasq_statistics_errors_total: 1, dnsmasq_processes: 1 });
      expect(first).not.to.have.property('dnsmasq_cache_hits_total');
    });

    it('that do not come in time are an error, and the rest is told', async () => {
      ours();
      texts.hits = undefined;
      const { host, next } = await run();
      const first = next();
      await until(() => asked === 1);
      await host.clock.advance(2000);
      expect(await first).to.include({ dnsmasq_statistics_errors_total: 1, dnsmasq_processes: 1 });
    });

    it("are counted as kube-dns' sidecar does: on after a restart, and only when every answer came", async () => {
      ours();
      const { next } = await run({ kube_dns_names: true });
      expect(await next()).to.include({
        kubedns_dnsmasq_hits: 5,
        kubedns_dnsmasq_misses: 3,
        kubedns_dnsmasq_evictions: 1,
        kubedns_dnsmasq_insertions: 2,
        kubedns_dnsmasq_max_size: 150,
        kubedns_dnsmasq_errors: 0,
      });
      texts = { ...texts, hits: '9', evictions: 'x' };
      expect(await next()).to.include({ kubedns_dnsmasq_hits: 5, kubedns_dnsmasq_errors: 1 });
      texts = { ...texts, hits: '2', servers: '', evictions: '0' };
      expect(await next()).to.include({
        kubedns_dnsmasq_hits: 5,
        kubedns_dnsmasq_evictions: 1,
        kubedns_dnsmasq_errors: 1,
      });
      texts = { ...texts, hits: '6' };
      expect(await next()).to.include({ kubedns_dnsmasq_hits: 9 });
    });

    it("go on as errors under kube-dns' names when dnsmasq has gone", async () => {
      ours();
      const { next } = await run({ kube_dns_names: true });
      await next();
      tree.write({ 'proc/7': undefined });
      expect(await next()).to.include({
        kubedns_dnsmasq_hits: 5,
        kubedns_dnsmasq_errors: 1,
        dnsmasq_processes: 'stale',
      });
    });
  });
});
