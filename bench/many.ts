/**
 * What a very full node costs: one collection of each receiver that walks through /proc, on a tree with 100,000 processes, and of
 * ethtool with 1,000 interfaces of a network namespace that this makes (root). For each: how long it took, and the longest
 * time for which nothing else in the process got its turn.
 * `node bench/many.ts [processes] [interfaces]`
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReceiverFactory } from '../src/component.ts';
import { parse } from '../src/config/config.ts';
import { fakeHost, sink } from '../test/support/host.ts';

const processes = Number(process.argv[2] ?? 100_000);
const interfaces = Number(process.argv[3] ?? 1_000);
const NETNS = `dnscol-many-${process.pid}`;

const NAMESPACES = 200;
const UDP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
    1: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 3
`;
const SOCKSTAT = 'sockets: used 1\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 1 mem 0\n';

/** A /proc with so many processes, most of them alike. The folder is in memory where there is one. */
function makeProc(): string {
  const root = mkdtempSync(join('/dev/shm', 'dnscol-many-'));
  for (let i = 0; i < NAMESPACES; i++) {
    const net = join(root, `nets/${i}`);
    mkdirSync(net, { recursive: true });
    for (const file of ['udp', 'udp6', 'tcp', 'tcp6', 'sockstat', 'snmp', 'snmp6', 'dev', 'route']) {
      writeFileSync(join(net, file), file === 'udp' ? UDP : file === 'sockstat' ? SOCKSTAT : '');
    }
  }
  for (let pid = 1; pid <= processes; pid++) {
    const own = join(root, 'proc', String(pid));
    mkdirSync(join(own, 'ns'), { recursive: true });
    const comm = pid % 1000 === 0 ? 'dnsmasq' : `worker-${pid % 50}`;
    writeFileSync(join(own, 'stat'), `${pid} (${comm}) S 1${' 0'.repeat(17)} ${pid} ${'0 '.repeat(29)}0\n`);
    writeFileSync(join(own, 'cgroup'), `0::/kubepods.slice/kubepods-pod${pid % 200}.slice/cri-${pid % 400}.scope\n`);
    writeFileSync(join(own, 'cmdline'), `${comm}\0--port=0\0`);
    symlinkSync(`../../nets/${pid % NAMESPACES}`, join(own, 'net'));
    symlinkSync(`net:[${4026531840 + (pid % NAMESPACES)}]`, join(own, 'ns/net'));
    symlinkSync(`mnt:[${4026531840 + (pid % (2 * NAMESPACES))}]`, join(own, 'ns/mnt'));
  }
  return root;
}

/** The longest time between two turns of the event loop, in milliseconds. */
function watchLoop(): () => number {
  let longest = 0;
  let last = performance.now();
  let running = true;
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    running = false;
    return Math.max(longest, performance.now() - last);
  };
}

async function collectOnce(type: string, options: Record<string, unknown>): Promise<void> {
  const { default: factory } = (await import(`../receivers/${type}/${type}.ts`)) as { default: ReceiverFactory };
  const host = fakeHost('receiver', type);
  const out = sink();
  const settings = { initial_delay: '0s', collection_interval: '60s', ...options };
  const receiver = factory.create(parse(factory.config, settings), host, out);
  const block = watchLoop();
  const began = performance.now();
  await receiver.start?.(new AbortController().signal);
  await host.clock.advance(1);
  // Some look twice, with a pause.
  for (let i = 0; out.batches.length === 0 && i < 1e5; i++) await host.clock.advance(1);
  const took = performance.now() - began;
  process.stdout.write(
    `| ${type} | ${took.toFixed(0)} | ${block().toFixed(0)} | ${(out.batches[0] ?? []).reduce((n, s) => n + s.values.length, 0)} |\n`,
  );
  await receiver.stop?.(new AbortController().signal);
}

const run = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'inherit', 'inherit'] });

if (process.argv[2] === 'inside') {
  await collectOnce('ethtool', { virtual_devices: true });
} else {
  process.stdout.write('| receiver | ms a collection | longest block, ms | samples |\n| --- | --- | --- | --- |\n');
  const root = makeProc();
  try {
    for (const type of ['dnsmasq', 'dns_sockets', 'resolv_conf']) await collectOnce(type, { root_path: root });
  } finally {
    rmSync(root, { recursive: true });
  }
  run('netns', 'add', NETNS);
  const file = join(tmpdir(), NETNS);
  try {
    const pairs = Array.from({ length: interfaces / 2 }, (_, i) => `link add a${i} type veth peer name b${i}`);
    writeFileSync(file, `${pairs.join('\n')}\n`);
    run('-n', NETNS, '-batch', file);
    spawnSync('ip', ['netns', 'exec', NETNS, process.execPath, ...process.execArgv, import.meta.filename, 'inside'], {
      stdio: 'inherit',
    });
  } finally {
    rmSync(file, { force: true });
    run('netns', 'del', NETNS);
  }
}
