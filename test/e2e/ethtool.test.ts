import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createEthtool, libc } from '#linux';
import { PROJECT, startAgent } from '../support/agent.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { connect, makeSpace } from '../support/namespaces.ts';
import { readPage } from '../support/page.ts';
import { startPrometheus } from '../support/peers.ts';
import { makeTree, type Tree } from '../support/tree.ts';

type Statistics = [name: string, value: number][];

/** What the program prints; read apart from the receiver's own parser. It fails for an interface that has no statistics. */
function program(device: string, execute: (command: string, ...args: string[]) => string): Statistics {
  let text: string;
  try {
    text = execute('ethtool', '-S', device);
  } catch (error) {
    if (/no stats available/.test(String((error as { stderr?: unknown }).stderr))) return [];
    throw error;
  }
  const lines = text.split('\n').slice(1).filter(Boolean);
  return lines.map((line) => {
    const colon = line.lastIndexOf(': ');
    return [line.slice(0, colon).trim(), Number(line.slice(colon + 2))];
  });
}

/** In a namespace of its own every port is free. */
const PAGE = 9417;

const AGENT = `
receivers:
  ethtool: {initial_delay: 0s, collection_interval: 1s, virtual_devices: true}
exporters:
  prometheus: {endpoint: '127.0.0.1:${PAGE}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ethtool], exporters: [prometheus]}
`;

/** Says something to a port at the other end of the veth, fifty times a second; nobody listens. */
const TALK = "const s = require('dgram').createSocket('udp4'); setInterval(() => s.send('?', 9, '10.79.0.2'), 20);";

/** The same names in the same order, and each value no smaller than before and no larger than after. */
function expectBetween(read: Statistics, before: Statistics, after: Statistics, device: string): void {
  const names = (all: Statistics) => all.map(([name]) => name);
  expect(names(read), device).to.deep.equal(names(before));
  expect(names(after), device).to.deep.equal(names(before));
  read.forEach(([name, value], i) => {
    expect(value, `${device} ${name}`).to.be.within(before[i]![1], after[i]![1]);
  });
}

describe('the kernel, asked by ioctl', () => {
  it('tells of each interface of this machine what `ethtool -S` tells', () => {
    const here = (command: string, ...args: string[]) =>
      execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const kernel = createEthtool(libc()!);
    try {
      const devices = readdirSync('/sys/class/net').filter((name) => name !== 'bonding_masters');
      expect(devices).to.include('lo');
      for (const device of devices) {
        const before = program(device, here);
        const read: Statistics = kernel.statistics(device).map(({ name, value }) => [name, value]);
        expectBetween(read, before, program(device, here), device);
      }
    } finally {
      kernel.close();
    }
  });
});

describe('the ethtool receiver in a pod', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ 'agent.yaml': AGENT });
  });
  afterEach(async () => {
    await stopChildren();
    tree.remove();
  });

  it("stores at Prometheus what `ethtool -S` tells of the pod's veth, and the rate of the AWS alert follows its traffic", async () => {
    const [node, pod] = await Promise.all([makeSpace(), makeSpace()]);
    connect(node, pod, 'pod', { at: '10.79.0.2/24', of: '10.79.0.1/24' });
    // The driver counts packets only at a queue, and has one only for GRO, of what was not put together before.
    pod.execute('ethtool', '-K', 'eth0', 'gro', 'on');
    node.execute('ethtool', '-K', 'pod', 'tso', 'off');
    const before = program('eth0', pod.execute);
    expect(before.map(([name]) => name)).to.include.members(['peer_ifindex', 'rx_queue_0_xdp_packets']);

    const prometheus = await startPrometheus([`127.0.0.1:${PAGE}`], pod);
    const main = join(PROJECT, 'src/main.ts');
    await pod.run(process.execPath, main, '--config', join(tree.path, 'agent.yaml')).says(/everything is ready/);
    const stored = await until(async () => {
      const got = await prometheus.query('node_net_ethtool');
      return got.length > 0 && got;
    }, 'Prometheus has the statistics');
    const after = program('eth0', pod.execute);
    expect(new Set(stored.map(({ labels }) => labels.device))).to.deep.equal(new Set(['eth0']));
    const read = stored.map(({ labels, value }): Statistics[number] => [labels.type!, value]);
    expectBetween(sorted(read), sorted(before), sorted(after), 'eth0');

    const packets = 'node_net_ethtool{device="eth0",type="rx_queue_0_xdp_packets"}';
    node.run(process.execPath, '-e', TALK);
    await until(
      async () => (await prometheus.query(`rate(${packets}[30s]) > 0`)).length === 1,
      'the rate of what arrives is above zero',
    );
    expect(await prometheus.query('rate(node_net_ethtool{device="eth0",type=~".*drops"}[30s]) > 0')).to.deep.equal([]);
  });
});

describe('the ethtool receiver outside', () => {
  afterEach(stopChildren);

  it('reads the interfaces inside of every namespace, and ends those of one that vanishes', async () => {
    const [node, pod] = await Promise.all([makeSpace(), makeSpace()]);
    connect(node, pod, 'pod', { at: '10.79.1.2/24', of: '10.79.1.1/24' });
    const [port = 0] = await freePorts(1);
    await startAgent(`
receivers:
  ethtool: {initial_delay: 0s, collection_interval: 500ms, network_namespaces: all}
exporters:
  prometheus: {endpoint: '127.0.0.1:${port}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ethtool], exporters: [prometheus]}
`);
    const all = async () => [...(await readPage(`http://127.0.0.1:${port}/metrics`)).samples.keys()];
    const ofPod = async () => (await all()).filter((key) => key.includes(`netns="${pod.inode}"`));
    const found = await until(async () => {
      const keys = await ofPod();
      return keys.length > 0 && keys;
    }, 'the page shows the interface inside of the pod');
    const names = program('eth0', pod.execute).map(([name]) => name);
    for (const name of names)
      expect(
        found.some((key) => key.includes(`type="${name}"`)),
        name,
      ).to.equal(true);
    expect(found.every((key) => key.includes('device="eth0"'))).to.equal(true);
    // The agent's own is named as the other receivers name it.
    expect((await all()).filter((key) => key.includes('netns="own"'))).to.deep.equal([]);
    await pod.stop();
    await until(async () => (await ofPod()).length === 0, 'the series of the pod have gone');
  });
});

function sorted(statistics: Statistics): Statistics {
  return statistics.toSorted(([a], [b]) => (a < b ? -1 : 1));
}
