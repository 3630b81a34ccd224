import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ReceiverFactory } from '#component';
import { parse } from '#config';
import { libc, type Statistic } from '#linux';
import { formatLabels, isStale } from '#metrics';
import ethtool, { readFrom } from '../../../receivers/ethtool/ethtool.ts';
import type { Source } from '../../../receivers/ethtool/source.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { makeTree } from '../../support/tree.ts';

type Config = Parameters<typeof readFrom>[1];

/** Interfaces of a machine that there is not, with statistics that a test changes. */
function machine(devices: Record<string, Record<string, number>>) {
  const tree = makeTree({ 'sys/class/net/bonding_masters': '' });
  const net = join(tree.path, 'sys/class/net');
  const add = (name: string, target = `../../devices/pci0000:00/net/${name}`) => symlinkSync(target, join(net, name));
  for (const name in devices) add(name);
  const statisticsOf = (name: string): Statistic[] => {
    const found = devices[name];
    if (!found) throw Object.assign(new Error('ioctl: ENODEV'), { code: 'ENODEV' });
    return Object.entries(found).map(([key, value]) => ({ name: key, value }));
  };
  const kernel: NonNullable<Source['kernel']> = {
    statistics: statisticsOf,
    values(name, n) {
      let now: Statistic[] = [];
      return {
        read() {
          now = statisticsOf(name);
          return now.length === n;
        },
        at: (i) => now[i]!.value,
      };
    },
    driver: () => ({ driver: 'ena', version: '2', firmwareVersion: '', expansionRomVersion: '', busInfo: '0:5' }),
    link: () => ({ speed: 25e9, duplex: 'Full', detected: true }),
    close: () => {},
  };
  const source: Source = {
    kernel,
    statistics: async (name) => kernel.statistics(name),
    driver: async (name) => kernel.driver(name),
    link: async (name) => kernel.link(name),
    close: () => {},
  };
  return {
    source,
    devices,
    add,
    tree,
    unplug(name: string) {
      rmSync(join(net, name));
      delete devices[name];
    },
  };
}

function run(made: ReturnType<typeof machine>, options: Record<string, unknown> = {}) {
  const host = fakeHost('receiver', 'ethtool');
  const out = sink();
  const settings = { root_path: made.tree.path, initial_delay: '0s', collection_interval: '60s', ...options };
  const config = parse(ethtool.config, settings) as Config;
  const receiver = readFrom(made.source, config, host, out);
  const points = (at: number) =>
    Object.fromEntries(
      (out.batches[at] ?? []).flatMap(({ set, values }) =>
        set.series.map((one, i) => [formatLabels(one.labels), isStale(values, i) ? 'stale' : values[i]]),
      ),
    );
  return { host, out, receiver, points };
}

describe('the ethtool receiver', () => {
  const { signal } = new AbortController();
  const statistic = (device: string, type: string) => `node_net_ethtool{device="${device}",type="${type}"}`;

  const contractFactory = { ...ethtool } as ReceiverFactory;
  const machines = new Map<string, ReturnType<typeof machine>>();
  contractFactory.create = (config, host, next) =>
    readFrom(machines.get((config as Config).root_path)!.source, config as Config, host, next);
  receiverContract(contractFactory, () => {
    const made = machine({ eth0: { a: 1, b: 2 }, eth1: { a: 3 } });
    machines.set(made.tree.path, made);
    return {
      config: { root_path: made.tree.path, initial_delay: '1s', collection_interval: '10s' },
      interval: 10_000,
      vanish: () => made.unplug('eth1'),
      close: () => made.tree.remove(),
    };
  });

  for (const [name, timers] of [
    ['rx_packets', 1],
    ['linklocal_allowance_exceeded', 2],
  ] as const) {
    it(`has ${timers} timers between collections with ${name}`, async () => {
      const made = machine({ eth0: { [name]: 7 } });
      const { host, receiver } = run(made, { sampling_interval: '100ms' });
      await receiver.start?.(signal);
      await host.clock.advance(0);
      expect(host.clock.pending).to.equal(timers);
      await receiver.stop?.(signal);
      expect(host.clock.pending).to.equal(0);
      made.tree.remove();
    });
  }

  it("reports every statistic under the exporter's names", async () => {
    const made = machine({ eth0: { linklocal_allowance_exceeded: 7, 'odd: name': 1 } });
    const { host, receiver, points, out } = run(made);
    await receiver.start?.(signal);
    await host.clock.advance(0);
    expect(points(0)).to.deep.equal({
      [statistic('eth0', 'linklocal_allowance_exceeded')]: 7,
      [statistic('eth0', 'odd: name')]: 1,
      'node_net_ethtool_info{device="eth0",duplex="Full",link_detected="yes",speed="25000000000.0"}': 1,
    });
    expect(out.batches[0]![0]!.set.series.map((s) => s.family.type)).to.include('gauge');
    await receiver.stop?.(signal);
    made.tree.remove();
  });

  it('takes the names of node_exporter when told to', async () => {
    const made = machine({ eth0: { rx_bytes: 7, 'duplicate metric': 1, duplicate_metric: 2 } });
    const { host, receiver, points } = run(made, { naming: 'node_exporter' });
    await receiver.start?.(signal);
    await host.clock.advance(0);
    expect(points(0)).to.deep.equal({
      'node_ethtool_received_bytes_total{device="eth0"}': 7,
      'node_ethtool_info{bus_info="0:5",device="eth0",driver="ena",version="2"}': 1,
    });
    await receiver.stop?.(signal);
    made.tree.remove();
  });

  it('sees a burst of one second in a collection of sixty, right to one sample', async () => {
    const made = machine({ eth0: { a: 0, linklocal_allowance_exceeded: 0 } });
    const { host, receiver, points } = run(made, { sampling_interval: '100ms' });
    await receiver.start?.(signal);
    await host.clock.advance(30_000);
    for (let i = 0; i < 10; i++) {
      made.devices.eth0!.linklocal_allowance_exceeded! += 102;
      await host.clock.advance(100);
    }
    await host.clock.advance(29_000);
    const peak = 'node_net_ethtool_peak_per_second{device="eth0",type="linklocal_allowance_exceeded"}';
    expect(points(0)[peak]).to.equal(0);
    expect(points(1)[peak]).to.be.closeTo(1020, 102);
    expect(points(1)[statistic('eth0', 'linklocal_allowance_exceeded')]).to.equal(1020);
    expect(
      Object.keys(points(1)).some((key) => key.startsWith('node_net_ethtool_peak') && key.includes('"a"')),
    ).to.equal(false);
    await host.clock.advance(60_000);
    expect(points(2)[peak]).to.equal(0);
    await receiver.stop?.(signal);
    expect(host.clock.pending).to.equal(0);
    made.tree.remove();
  });

  it('leaves virtual interfaces out unless told otherwise', async () => {
    const made = machine({ eth0: { a: 1 }, veth1: { a: 2 } });
    made.unplug('veth1');
    made.devices.veth1 = { a: 2 };
    made.add('veth1', '../../devices/virtual/net/veth1');
    const { host, receiver, points } = run(made);
    await receiver.start?.(signal);
    await host.clock.advance(0);
    expect(points(0)).to.not.have.property(statistic('veth1', 'a'));
    await receiver.stop?.(signal);
    const all = run(made, { virtual_devices: true });
    await all.receiver.start?.(signal);
    await all.host.clock.advance(0);
    expect(all.points(0)).to.have.property(statistic('veth1', 'a'), 2);
    await all.receiver.stop?.(signal);
    made.tree.remove();
  });

  it('chooses interfaces and statistics', async () => {
    const made = machine({ eth0: { a: 1, b: 2 }, eth1: { a: 3 } });
    const { host, receiver, points } = run(made, {
      devices: { include: ['eth*'], exclude: ['eth1'] },
      statistics: { include: ['a'] },
    });
    await receiver.start?.(signal);
    await host.clock.advance(0);
    expect(Object.keys(points(0)).filter((key) => key.includes('type='))).to.deep.equal([statistic('eth0', 'a')]);
    await receiver.stop?.(signal);
    made.tree.remove();
  });

  it('goes on with the others when an interface goes between listing and reading, and says nothing', async () => {
    const made = machine({ eth0: { a: 1 }, eth1: { a: 3 } });
    const { host, receiver, points } = run(made);
    delete made.devices.eth0;
    await receiver.start?.(signal);
    await host.clock.advance(0);
    expect(points(0)).to.have.property(statistic('eth1', 'a'), 3);
    expect(host.logs).to.deep.equal([]);
    await receiver.stop?.(signal);
    made.tree.remove();
  });

  it('follows a driver that comes back with another number of statistics', async () => {
    const made = machine({ eth0: { linklocal_allowance_exceeded: 5 } });
    const { host, receiver, points } = run(made, { sampling_interval: '100ms' });
    await receiver.start?.(signal);
    await host.clock.advance(1000);
    made.devices.eth0 = { more: 1, linklocal_allowance_exceeded: 0 };
    await host.clock.advance(59_000);
    expect(points(1)).to.have.property(statistic('eth0', 'more'), 1);
    await receiver.stop?.(signal);
    made.tree.remove();
  });

  it('asks the real kernel of this machine', async () => {
    expect(libc(), 'node:ffi').to.not.equal(undefined);
    const host = fakeHost('receiver', 'ethtool');
    const out = sink();
    const config = parse(ethtool.config, { initial_delay: '0s', virtual_devices: true, devices: { include: ['lo'] } });
    const receiver = (ethtool as ReceiverFactory).create(config, host, out);
    await receiver.start?.(signal);
    await host.clock.advance(0);
    await receiver.stop?.(signal);
    expect(host.logs).to.deep.equal([]);
    expect(out.batches[0]!.flatMap((s) => s.set.series.map((one) => formatLabels(one.labels)))).to.deep.equal([
      'node_net_ethtool_info{device="lo",link_detected="yes",speed="0"}',
    ]);
  });
});
