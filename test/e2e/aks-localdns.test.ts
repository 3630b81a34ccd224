/** The AKS incident, replayed on the shipped configuration: localdns dies, forwards elsewhere, and loses its files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { PROJECT } from '../support/agent.ts';
import { stopChildren, until } from '../support/children.ts';
import {
  CGROUP,
  CONFIG,
  COREFILE,
  makeNode,
  type Node,
  PID_FILE,
  samplesAt,
  startExporter,
} from '../support/localdns.ts';
import { fetchPage } from '../support/page.ts';
import { startPrometheus } from '../support/peers.ts';
import { SUITES } from '../support/suites.ts';

const corefile = readFileSync(resolve(SUITES, '../data/azure-localdns/corefile-vnet3-kube3-hosts.txt'), 'utf8');
const SERVICE = 'localdns_service_status';
/** A collection every half second, and the scrape. */
const ONE_COLLECTION = 1500;

describe('the agent in place of the localdns exporter', () => {
  let node: Node;
  const others: ChildProcess[] = [];
  beforeEach(() => {
    node = makeNode({ [COREFILE]: corefile });
  });
  afterEach(async () => {
    await stopChildren();
    for (const other of others.splice(0)) other.kill('SIGKILL');
    node.remove();
  });

  it('shows within one collection that localdns died, forwards elsewhere, and lost its files, at a real Prometheus', async () => {
    const { url, port } = await startExporter(node.tree.path);
    const prometheus = await startPrometheus([`127.0.0.1:${port}`]);
    /** The change is on the page in time, and next in Prometheus, where nothing is left of what it ended. */
    async function shows(change: () => unknown, family: string, ...want: string[]): Promise<void> {
      await change();
      const onPage = async () => {
        const keys = Object.keys(await samplesAt(url)).filter((key) => key.startsWith(`${family}{`));
        return JSON.stringify(keys.sort()) === JSON.stringify(want.map((labels) => `${family}{${labels}}`).sort());
      };
      await until(onPage, `the page shows ${family}{${want}}`, ONE_COLLECTION);
      const stored = async () => {
        const series = await prometheus.query(family);
        const shown = series.map(({ labels: { block, ip, status } }) =>
          block === undefined ? `status="${status}"` : `block="${block}",ip="${ip}",status="${status}"`,
        );
        return JSON.stringify(shown.sort()) === JSON.stringify([...want].sort());
      };
      await until(stored, `Prometheus has ${family}{${want}} and no other`);
    }

    const kube = 'localdns_kubedns_forward_info';
    const vnet = 'localdns_vnetdns_forward_info';
    const ok = (block: string, ip: string) => `block="${block}:53",ip="${ip}",status="ok"`;
    const none = (status: string) => `block="none",ip="unknown",status="${status}"`;

    await shows(() => {}, SERVICE, 'status="active"');
    await shows(() => node.die(), SERVICE, 'status="inactive"');
    const changed = corefile.replaceAll('168.63.129.16', '10.1.0.4');
    await shows(
      () => node.tree.write({ [COREFILE]: changed }),
      vnet,
      ...[ok('.', '10.1.0.4'), ok('cluster.local', '10.0.0.10'), ok('testdomain456.com', '10.0.0.10')],
    );
    await shows(() => node.tree.write({ [COREFILE]: undefined }), kube, none('file_missing'));
    await shows(() => node.tree.write({ [COREFILE]: '.:53 {\n}\n' }), kube, none('missing'));
    await shows(() => node.tree.write({ [CGROUP]: undefined, [PID_FILE]: undefined }), SERVICE, 'status="unknown"');
    await shows(() => node.tree.write({ [PID_FILE]: `${process.pid}\n` }), SERVICE, 'status="active"');

    const metadata = await prometheus.metadata();
    expect(metadata[SERVICE]?.[0]).to.include({ type: 'gauge', help: 'CoreDNS process status (1=active, 0=inactive)' });
    expect(metadata.localdns_cpu_usage_seconds_total?.[0]).to.include({ type: 'counter' });
  });

  it('shows the six families and nothing else', async () => {
    const { url } = await startExporter(node.tree.path);
    const families = [...(await fetchPage(url)).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(families).to.have.members([
      SERVICE,
      'localdns_memory_usage_bytes',
      'localdns_cpu_usage_seconds_total',
      'localdns_metrics_last_update_timestamp_seconds',
      'localdns_vnetdns_forward_info',
      'localdns_kubedns_forward_info',
    ]);
  });

  it('goes on after thirty clients that leave early', async () => {
    const { url, port, child } = await startExporter(node.tree.path);
    for (let i = 0; i < 30; i++) {
      const socket = net.connect(port, '127.0.0.1');
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, i % 2 ? 'data' : 'connect');
      socket.resetAndDestroy();
    }
    expect(await samplesAt(url)).to.include({ [`${SERVICE}{status="active"}`]: 1 });
    expect(child.output()).to.not.match(/ (warn|error) /);
  });

  it('ends with 0 at SIGTERM, connections or not', async () => {
    const { port, child } = await startExporter(node.tree.path);
    const silent = net.connect(port, '127.0.0.1');
    await once(silent, 'connect');
    child.kill('SIGTERM');
    expect((await child.exit).code).to.equal(0);
    silent.destroy();
  });

  it('is started by systemd for the first scrape, which gets numbers, and ends with 0 when idle', async () => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    // As systemd does: the socket is file descriptor 3, and the process's own PID stands in its environment.
    const script = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"';
    const args = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      `${PROJECT}src/main.ts`,
      '--config',
      CONFIG,
    ];
    const env = { ...process.env, ROOT_PATH: node.tree.path, LISTEN: '127.0.0.1:1', IDLE_EXIT: '1s' };
    const agent = spawn('sh', ['-c', script, ...args], { env, stdio: ['ignore', 'ignore', 'ignore', fd] });
    others.push(agent);
    const ended = once(agent, 'exit');
    // This end must accept nothing.
    server.close();
    expect(await samplesAt(`http://127.0.0.1:${port}/metrics`)).to.include({ [`${SERVICE}{status="active"}`]: 1 });
    expect(await ended).to.deep.equal([0, null]);
  });
});
