import { symlinkSync } from 'node:fs';
import { expect } from 'chai';
import type { ReceiverFactory } from '#component';
import { parse } from '#config';
import { formatLabels, isStale } from '#metrics';
import localdns from '../../../receivers/localdns/localdns.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const { signal } = new AbortController();
const PID_FILE = 'run/localdns.pid';
const COREFILE = 'opt/azure/containers/localdns/updated.localdns.corefile';
const CGROUP = 'sys/fs/cgroup/localdns.slice/localdns.service';
const block = (address: string, ...ips: string[]) => `.:53 {\n    bind ${address}\n    forward . ${ips.join(' ')}\n}\n`;

/** A node on which localdns runs. */
const running = () =>
  makeTree({
    [PID_FILE]: `${process.pid}\n`,
    [COREFILE]: block('169.254.10.10', '10.1.0.4', '10.1.0.5') + block('169.254.10.11', '10.0.0.10'),
    [`${CGROUP}/cpu.stat`]: 'usage_usec 1500000123\nuser_usec 1\n',
    [`${CGROUP}/memory.current`]: '8388608\n',
  });

const MISSING = 'block="none",ip="unknown",status="missing"';
const FILE_MISSING = 'block="none",ip="unknown",status="file_missing"';

describe('the localdns receiver', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = running();
  });
  afterEach(() => tree.remove());

  receiverContract(localdns, () => {
    const own = running();
    return {
      config: { root_path: own.path, collection_interval: '10s' },
      interval: 10_000,
      vanish: () => own.write({ [COREFILE]: block('169.254.10.10', '10.1.0.4') }),
      close: () => own.remove(),
    };
  });

  async function start(options: Record<string, unknown> = {}) {
    const host = fakeHost('receiver', 'localdns');
    const out = sink();
    const config = parse(localdns.config, { root_path: tree.path, initial_delay: '0s', ...options });
    const receiver = (localdns as ReceiverFactory).create(config, host, out);
    await receiver.start?.(signal);
    /** One more collection, without what ended with it. */
    const collect = async () => {
      await host.clock.advance(out.batches.length === 0 ? 0 : 60_000);
      const samples = out.batches
        .at(-1)!
        .flatMap(({ set, values }) =>
          set.series.flatMap(({ labels }, i) =>
            isStale(values, i) ? [] : [[formatLabels(labels), values[i]!] as const],
          ),
        );
      return Object.fromEntries(samples.map(([key, value]) => [key.replace(/^localdns_|\{\}$/g, ''), value]));
    };
    return { host, out, collect, stop: () => receiver.stop?.(signal) };
  }

  const seconds = (host: { clock: { now(): number } }) => Math.floor(host.clock.now() / 1000);

  it('reports a running localdns', async () => {
    const { collect, host, stop } = await start();
    expect(await collect()).to.deep.equal({
      'service_status{status="active"}': 1,
      memory_usage_bytes: 8388608,
      cpu_usage_seconds_total: 1500.000123,
      metrics_last_update_timestamp_seconds: seconds(host),
      'vnetdns_forward_info{block=".:53",ip="10.1.0.4",status="ok"}': 1,
      'vnetdns_forward_info{block=".:53",ip="10.1.0.5",status="ok"}': 1,
      'kubedns_forward_info{block=".:53",ip="10.0.0.10",status="ok"}': 1,
    });
    await stop();
  });

  it('knows nothing of a localdns that never ran', async () => {
    tree.write({ run: undefined, opt: undefined, sys: undefined });
    const { collect, stop, host } = await start();
    expect(await collect()).to.deep.equal({
      'service_status{status="unknown"}': 0,
      memory_usage_bytes: 0,
      cpu_usage_seconds_total: 0,
      metrics_last_update_timestamp_seconds: 0,
      [`vnetdns_forward_info{${FILE_MISSING}}`]: 0,
      [`kubedns_forward_info{${FILE_MISSING}}`]: 0,
    });
    expect(host.logs).to.deep.equal([]);
    await stop();
  });

  it('tells the service and the Corefile apart', async () => {
    const { collect, stop } = await start();
    tree.write({ [COREFILE]: undefined });
    expect(await collect()).to.include({
      'service_status{status="active"}': 1,
      [`kubedns_forward_info{${FILE_MISSING}}`]: 0,
    });
    tree.write({ [COREFILE]: block('169.254.10.10', '10.1.0.4'), run: undefined, sys: undefined });
    expect(await collect()).to.include({
      'service_status{status="unknown"}': 0,
      'vnetdns_forward_info{block=".:53",ip="10.1.0.4",status="ok"}': 1,
      [`kubedns_forward_info{${MISSING}}`]: 0,
    });
    await stop();
  });

  it('shows at the next collection what has changed, with one status at a time', async () => {
    const { collect, out, stop } = await start();
    await collect();
    tree.write({ [PID_FILE]: '', [`${CGROUP}/memory.current`]: '1\n' });
    const after = await collect();
    expect(after).to.include({ 'service_status{status="inactive"}': 0, memory_usage_bytes: 1 });
    expect(after).to.not.have.property('service_status{status="active"}');
    const ended = out.batches.at(-1)![0]!;
    expect(ended.set.series.map(({ labels }) => formatLabels(labels))).to.deep.equal([
      'localdns_service_status{status="active"}',
    ]);
    await stop();
  });

  it('takes a service without a PID file for inactive while its cgroup is there', async () => {
    tree.write({ [PID_FILE]: undefined });
    const { collect, stop, host } = await start();
    expect(await collect()).to.include({
      'service_status{status="inactive"}': 0,
      metrics_last_update_timestamp_seconds: seconds(host),
    });
    await stop();
  });

  it('shows 0 without a cgroup, or nothing when told to', async () => {
    tree.write({ sys: undefined });
    const original = await start();
    expect(await original.collect()).to.include({
      memory_usage_bytes: 0,
      cpu_usage_seconds_total: 0,
      'service_status{status="active"}': 1,
    });
    await original.stop();
    const honest = await start({ missing_as_zero: false });
    expect(await honest.collect()).to.not.have.any.keys('memory_usage_bytes', 'cpu_usage_seconds_total');
    await honest.stop();
  });

  it('says once where a Corefile is broken, and when it is not any more', async () => {
    const { collect, host, stop } = await start();
    tree.write({ [COREFILE]: '.:53 {\n    bind 169.254.10.10\n    forward . 10.1.0.4\n' });
    expect(await collect()).to.include({ [`vnetdns_forward_info{${MISSING}}`]: 0 });
    await collect();
    tree.write({ [COREFILE]: block('169.254.10.10', '10.1.0.4') });
    await collect();
    expect(host.logs.map(({ level }) => level)).to.deep.equal(['warn', 'info']);
    expect(host.logs[0]!.fields.error).to.match(/updated\.localdns\.corefile:\d+:\d+: /);
    expect(host.statuses.map(({ status }) => status)).to.deep.equal(['recoverable', 'recoverable', 'ok']);
    await stop();
  });

  it('calls a service unknown whose PID file cannot be read, and says why', async () => {
    tree.write({ [PID_FILE]: undefined });
    tree.write({ [`${PID_FILE}/x`]: '' });
    const { collect, host, stop } = await start();
    expect(await collect()).to.include({ 'service_status{status="unknown"}': 0, memory_usage_bytes: 8388608 });
    expect(host.logs[0]!.fields.error).to.equal('/run/localdns.pid is a folder');
    await stop();
  });

  it('survives files of nonsense', async () => {
    for (const text of ['', '\0', 'usage_usec\n', 'usage_usec x\n', 'max\n', '}', '{', 'é'.repeat(10_000)]) {
      tree.write({
        [`${CGROUP}/cpu.stat`]: text,
        [`${CGROUP}/memory.current`]: text,
        [PID_FILE]: text,
        [COREFILE]: text,
      });
      const { collect, stop } = await start();
      expect(Object.values(await collect()).filter((value) => Number.isNaN(value))).to.deep.equal([]);
      await stop();
    }
  });

  it('reads the Corefile through a link, which leads from the root', async () => {
    const { collect, stop } = await start({ corefile: '/etc/localdns/Corefile' });
    tree.write({ 'etc/localdns/other': '' });
    symlinkSync(`/${COREFILE}`, `${tree.path}/etc/localdns/Corefile`);
    expect(await collect()).to.include({ 'kubedns_forward_info{block=".:53",ip="10.0.0.10",status="ok"}': 1 });
    await stop();
  });
});
