import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import type { Socket as TcpSocket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { systemClock } from '#clock';
import { ask, type SocketFactory } from '#dns';
import { type NamespaceSockets, namespaceSockets } from '#linux';
import { PROJECT } from '../support/agent.ts';
import { freePorts, run, stopChildren, until } from '../support/children.ts';
import { connect, makeSpace, type Space } from '../support/namespaces.ts';
import { readPage } from '../support/page.ts';
import { startCoreDns } from '../support/peers.ts';
import { makeTree } from '../support/tree.ts';

/** Answers each datagram and each connection with the name of the namespace that it runs in. */
const ECHO = `
const name = require('fs').readlinkSync('/proc/self/ns/net');
const udp = require('dgram').createSocket('udp4');
udp.on('message', (_, from) => udp.send(name, from.port, from.address));
udp.bind(5353, '127.0.0.1', () => require('net').createServer((s) => s.on('error', () => {}).end(name)).listen(5353, '127.0.0.1', () => console.log('ready')));
`;

async function askUdp(socket: UdpSocket): Promise<string> {
  socket.send('?', 5353, '127.0.0.1');
  const [answer] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return answer.toString();
}

async function askTcp(socket: TcpSocket): Promise<string> {
  socket.connect({ host: '127.0.0.1', port: 5353 });
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

describe('sockets in network namespaces', () => {
  let sockets: NamespaceSockets;
  beforeEach(() => {
    sockets = namespaceSockets();
  });
  afterEach(async () => {
    await sockets.close();
    await stopChildren();
  });

  async function echoing(): Promise<Space> {
    const space = await makeSpace();
    await space.run(process.execPath, '-e', ECHO).says(/ready/);
    return space;
  }

  it('reach what is in their namespace, by UDP and TCP, at once in many', async () => {
    expect(await sockets.whyNot()).to.equal('');
    const spaces = await Promise.all([echoing(), echoing(), echoing()]);
    const own = statSync('/proc/self/ns/net').ino;
    const asked = spaces.flatMap((space) => [sockets.udp(space, 4).then(askUdp), sockets.tcp(space, 4).then(askTcp)]);
    const wanted = spaces.flatMap(({ inode }) => [`net:[${inode}]`, `net:[${inode}]`]);
    expect(await Promise.all(asked)).to.deep.equal(wanted);
    expect(statSync('/proc/thread-self/ns/net').ino, 'this thread has not moved').to.equal(own);
  });

  it('have a port each', async () => {
    const space = await makeSpace();
    const made = await Promise.all(Array.from({ length: 200 }, () => sockets.udp(space, 4)));
    expect(new Set(made.map((socket) => socket.address().port)).size).to.equal(200);
    for (const socket of made) socket.close();
    const ipv6 = await sockets.udp(space, 6);
    expect(ipv6.address()).to.include({ family: 'IPv6' });
    ipv6.close();
  });

  it('cannot be made where the namespace has gone', async () => {
    const space = await makeSpace();
    await space.stop();
    const code = await sockets.udp(space, 4).then(
      () => 'made',
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(code).to.equal('ENOENT');
  });

  it('leave nothing behind when a server never takes the connection', async () => {
    const [node, pod] = await Promise.all([makeSpace(), makeSpace()]);
    connect(node, pod, 'pod', { at: '10.77.1.2/24', of: '10.77.1.1/24' });
    // A neighbour that is not there: what is sent to it is lost without a word.
    pod.execute('ip', 'neighbour', 'add', '10.77.1.9', 'lladdr', '02:00:00:00:00:09', 'dev', 'eth0');
    const inside: SocketFactory = {
      udp: (family) => sockets.udp(pod, family),
      tcp: (family) => sockets.tcp(pod, family),
    };
    await sockets.whyNot();
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    const server = { address: '10.77.1.9', port: 53 };
    const { signal } = new AbortController();
    for (const protocol of ['udp', 'tcp'] as const) {
      const options = { protocol, timeout: 200, clock: systemClock };
      const asked = Array.from({ length: 10 }, () => ask(inside, server, 'a.example.org', 1, options, signal));
      const kinds = (await Promise.all(asked)).map(({ outcome }) => outcome.kind);
      expect(new Set(kinds), protocol).to.deep.equal(new Set(['timeout']));
      await until(() => open() <= before, `no socket is open that was asked by ${protocol}`, 1000);
    }
  });

  it('leave no namespace open behind them', async () => {
    const space = await makeSpace();
    (await sockets.udp(space, 4)).close();
    const open = readdirSync('/proc/self/fd').map((fd) => linkOf(`/proc/self/fd/${fd}`));
    expect(open).not.to.include(`net:[${space.inode}]`);
  });

  it('leak nothing over 10,000 joins and leaves', async function () {
    this.timeout(170_000);
    const fds = () => readdirSync('/proc/self/fd').length;
    const memory = () => {
      globalThis.gc?.();
      return process.memoryUsage.rss();
    };
    let spaces: Space[] = await Promise.all([makeSpace(), makeSpace(), makeSpace(), makeSpace()]);
    const visit = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const space = spaces[i % spaces.length]!;
        const made = await Promise.all([sockets.udp(space, 4), sockets.tcp(space, 4)]);
        made[0].close();
        made[1].destroy();
      }
    };
    const renew = async () => {
      await Promise.all(spaces.map((space) => space.stop()));
      spaces = await Promise.all(spaces.map(() => makeSpace()));
    };
    // Until the allocator has all that it keeps for later.
    await visit(20_000);
    await renew();
    const before = { fds: fds(), memory: memory() };
    for (let round = 0; round < 18; round++) {
      await visit(500);
      await renew();
    }
    await visit(1000);
    await until(() => fds() <= before.fds, 'no file is open that was not before');
    // 20,000 sockets would be some 60 MiB; the allocator's own ups and downs are a third of it.
    expect((memory() - before.memory) / 2 ** 20, 'MiB').to.be.below(24);
  });
});

describe('the bundle in network namespaces', () => {
  afterEach(stopChildren);

  it("asks from inside of each, with the thread's program in it", async () => {
    const [page = 0] = await freePorts(1);
    const coredns = await startCoreDns();
    const space = await makeSpace();
    const config = `
receivers:
  dns_probe:
    initial_delay: 0s
    collection_interval: 1s
    timeout: 500ms
    network_namespaces: all
    dns_servers: ['127.0.0.1:${coredns.dns}']
    hostnames: [a.example.org]
exporters:
  prometheus: {endpoint: '127.0.0.1:${page}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [dns_probe], exporters: [prometheus]}
`;
    const tree = makeTree({ 'agent.yaml': config });
    const agent = run(process.execPath, [join(PROJECT, 'dist/dnscol.js'), '--config', join(tree.path, 'agent.yaml')]);
    await agent.says(/everything is ready/);
    const success = async (netns: string) => {
      const { samples } = await readPage(`http://127.0.0.1:${page}/metrics`);
      return [...samples].find(
        ([key]) => key.startsWith('dns_probe_success{') && key.includes(`netns="${netns}"`),
      )?.[1];
    };
    await until(async () => (await success(String(space.inode))) !== undefined, 'the namespace has joined');
    // Nobody listens on the loopback of that one.
    expect(await success(String(space.inode))).to.equal(0);
    expect(await success('host')).to.equal(1);
    await space.stop();
    await until(async () => (await success(String(space.inode))) === undefined, 'the namespace has left');
    agent.kill('SIGTERM');
    expect(await agent.exit).to.deep.equal({ code: 0, signal: null });
    tree.remove();
  });
});

describe('an agent that may not enter network namespaces', () => {
  afterEach(stopChildren);

  it('says so once, asks from its own, and sees of the others what anyone may see', async () => {
    const [page = 0] = await freePorts(1);
    const [coredns, space] = await Promise.all([startCoreDns(), makeSpace()]);
    const tree = makeTree({
      'agent.yaml': `
receivers:
  dns_probe:
    initial_delay: 0s
    collection_interval: 500ms
    timeout: 400ms
    network_namespaces: all
    dns_servers: ['127.0.0.1:${coredns.dns}']
    hostnames: [a.example.org]
  resolv_conf: {initial_delay: 0s, collection_interval: 500ms}
exporters:
  prometheus: {endpoint: '127.0.0.1:${page}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [dns_probe, resolv_conf], exporters: [prometheus]}
`,
    });
    const agent = run('setpriv', [
      '--bounding-set=-sys_admin,-sys_ptrace',
      process.execPath,
      join(PROJECT, 'src/main.ts'),
      '--config',
      join(tree.path, 'agent.yaml'),
    ]);
    await agent.says(/probes from its own network namespace only: entering network namespaces needs CAP_SYS_ADMIN/);
    const series = async (start: string) => {
      const { samples } = await readPage(`http://127.0.0.1:${page}/metrics`);
      return [...samples].filter(([key]) => key.startsWith(start));
    };
    const queries = async () => (await series('dns_probe_queries_total{'))[0]?.[1] ?? 0;
    await until(async () => (await queries()) >= 4, 'it goes on asking');
    expect((await series('dns_probe_success{')).map(([, value]) => value)).to.deep.equal([1]);
    expect((await series('resolv_conf_default_route{')).length).to.be.at.least(4);
    expect(agent.output().match(/is in trouble.*CAP_SYS_ADMIN/g)).to.have.length(1);
    await space.stop();
    await agent.stop();
    tree.remove();
  });
});
