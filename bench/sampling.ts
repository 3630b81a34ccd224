/**
 * What looking ten times a second costs: CPU time of a whole agent with its samplers on, less that of the same agent with
 * them off, on a machine with 300 more processes and three dnsmasqs, one of them at its limit, and with every statistic of the network
 * cards sampled.
 * `node bench/sampling.ts [seconds a case] [rounds]`; needs dnsmasq on PATH.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const seconds = Number(process.argv[2] ?? 30);
const rounds = Number(process.argv[3] ?? 3);
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const PORTS = [54101, 54102, 54103];
// Seconds: the agent tidies its memory up five seconds after its start.
const WARM_UP = 10;

const children: ChildProcess[] = [];
const sockets: Socket[] = [];
function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore' });
  children.push(child);
  return child;
}

/** One collection at the beginning, and none after it: what is left is the agent at rest, and its samplers. */
function configuration(samplers: readonly string[]): string {
  const often = (type: string) => (samplers.includes(type) ? ', sampling_interval: 100ms' : '');
  const rare = 'collection_interval: 1h, initial_delay: 0s';
  return `
receivers:
  dnsmasq: {${rare}${often('dnsmasq')}}
  ethtool: {${rare}${often('ethtool')}, sampled_statistics: {include: ['*']}}
exporters:
  prometheus: {endpoint: '127.0.0.1:0'}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [dnsmasq, ethtool], exporters: [prometheus]}}
`;
}

/** Nanoseconds that all threads of a process have run. */
function cpu(pid: number): number {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).reduce(
    (sum, tid) => sum + Number(readFileSync(`${folder}/${tid}/schedstat`, 'utf8').split(' ')[0]),
    0,
  );
}

const FLAG = '--disable-warning=ExperimentalWarning';

/** An agent with these samplers. */
async function agent(samplers: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'dnscol-bench-'));
  writeFileSync(join(folder, 'agent.yaml'), configuration(samplers));
  const share = await measure([FLAG, MAIN, '--config', join(folder, 'agent.yaml')]);
  rmSync(folder, { recursive: true });
  return share;
}

/** Per cent of one core that Node uses for a program. */
async function measure(args: readonly string[]): Promise<number> {
  const child = start(process.execPath, args);
  await sleep(WARM_UP * 1000);
  const before = cpu(child.pid!);
  const began = performance.now();
  await sleep(seconds * 1000);
  const share = ((cpu(child.pid!) - before) / 1e6 / (performance.now() - began)) * 100;
  child.kill();
  await once(child, 'exit');
  return share;
}

async function prepare(): Promise<void> {
  for (let i = 0; i < 300; i++) start('sleep', ['3600']);
  for (const port of PORTS) {
    start('dnsmasq', [
      '-k',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--pid-file=',
      '--user=root',
      '--bind-interfaces',
      '--listen-address=127.0.0.1',
      `--port=${port}`,
    ]);
  }
  await sleep(1000);
  for (let i = 0; i < 20; i++) {
    const socket = connect(PORTS[0]!, '127.0.0.1');
    await once(socket, 'connect');
    sockets.push(socket);
  }
}

try {
  await prepare();
  const cases = { none: [], dnsmasq: ['dnsmasq'], ethtool: ['ethtool'], both: ['dnsmasq', 'ethtool'] };
  for (let round = 1; round <= rounds; round++) {
    // What any program in Node pays for waking up ten times a second, and doing nothing.
    const shares = [`bare timer ${(await measure(['-e', 'setInterval(() => {}, 100)'])).toFixed(3)} %`];
    for (const [name, samplers] of Object.entries(cases)) {
      shares.push(`${name} ${(await agent(samplers)).toFixed(3)} %`);
    }
    process.stdout.write(`round ${round}: ${shares.join(', ')}\n`);
  }
} finally {
  for (const socket of sockets) socket.destroy();
  for (const child of children) child.kill();
}
