/**
 * How fast a backlog goes out by remote write: `npm run build && node bench/catchup.ts [targets] [seconds down] [ms]`. The
 * bundle scrapes targets of 1,000 samples each second (pages of the judge in ../shared/bench) while the receiver is down, and
 * then sends what has piled up to one that only counts, or that takes `ms` milliseconds for each request.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const [targets = 50, down = 60, ...delays] = process.argv.slice(2).map(Number);
const project = fileURLToPath(new URL('..', import.meta.url));
const page = join(project, '../shared/bench/target.mjs');
const bundle = join(project, 'dist/dnscol.js');
for (const [file, how] of [
  [page, 'the judge belongs beside the project'],
  [bundle, 'npm run build makes it'],
] as const) {
  if (!existsSync(file)) throw new Error(`${file} is missing: ${how}`);
}

/** Seconds with the receiver up, from which the bytes a scrape are learned. */
const WARM = 8;
const MIB = 1024 * 1024;
/** Milliseconds without a request that tell the end, less than the `batch` processor waits. */
const PAUSE = 60;
/** Milliseconds. */
const LIMIT = 120_000;

/** A receiver that reads lengths alone: of the request, and of what it unpacks to, which snappy says first. */
function receiver(delay: number) {
  const seen = { requests: 0, packed: 0, unpacked: 0, first: 0, last: 0 };
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    let head = '';
    let left = 0;
    let length: Buffer | undefined;
    const answered = () => socket.writable && socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (data: Buffer) => {
      let at = 0;
      while (at < data.length) {
        if (left === 0) {
          const known = head.length;
          head += data.toString('latin1', at);
          const end = head.indexOf('\r\n\r\n');
          if (end < 0) return;
          at += end + 4 - known;
          seen.last = performance.now();
          left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)![1]);
          head = '';
          length = Buffer.alloc(0);
        }
        const part = data.subarray(at, at + left);
        if (length!.length < 10) length = Buffer.concat([length!, part.subarray(0, 10)]);
        seen.packed += part.length;
        left -= part.length;
        at += part.length;
        if (left > 0) continue;
        seen.first ||= performance.now();
        seen.requests++;
        seen.unpacked += varint(length!);
        if (delay) setTimeout(answered, delay);
        else answered();
      }
    });
  });
  return {
    seen,
    listen: (port: number) =>
      new Promise<number>((resolve) =>
        server.listen(port, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port)),
      ),
    close() {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

function varint(bytes: Buffer): number {
  let value = 0;
  for (let i = 0, unit = 1; ; i++, unit *= 128) {
    value += (bytes[i]! & 127) * unit;
    if (bytes[i]! < 128) return value;
  }
}

/** Seconds of processor that all threads of a process have had: the scheduler's own count. */
const cpuOf = ({ pid }: ChildProcess) =>
  readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]) / 1e9)
    .reduce((sum, one) => sum + one, 0);

async function freePort(): Promise<number> {
  const probe = receiver(0);
  const port = await probe.listen(0);
  probe.close();
  return port;
}

async function scrapesOf(port: number): Promise<number> {
  return ((await (await fetch(`http://127.0.0.1:${port}/stats`)).json()) as { scrapes: number }).scrapes;
}

async function run(delay: number): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'dnscol-bench-'));
  const [pages, sink] = [await freePort(), await freePort()];
  const list = Array.from({ length: targets }, (_, i) => ({
    targets: [`127.0.0.1:${pages}`],
    labels: { __metrics_path__: `/t${i}`, instance: `10.1.0.${i}:9153` },
  }));
  const retry = { initial_interval: '50ms', max_interval: '500ms', max_elapsed_time: '0s' };
  const config = {
    receivers: {
      prometheus: {
        config: { global: { scrape_interval: '1s' }, scrape_configs: [{ job_name: 'coredns', static_configs: list }] },
      },
    },
    processors: { batch: {} },
    exporters: {
      prometheus_remote_write: { endpoint: `http://127.0.0.1:${sink}/api/v1/write`, retry_on_failure: retry },
    },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        metrics: { receivers: ['prometheus'], processors: ['batch'], exporters: ['prometheus_remote_write'] },
      },
    },
  };
  writeFileSync(join(work, 'agent.json'), JSON.stringify(config));
  const started = [
    spawn(process.execPath, [page, String(pages), '1000', '1'], { stdio: 'ignore' }),
    spawn(process.execPath, [bundle, `--config=${join(work, 'agent.json')}`], {
      stdio: ['ignore', 'ignore', 'ignore'],
    }),
  ] as const;
  try {
    await measure(started[1], pages, sink, delay);
  } finally {
    for (const one of started) one.kill('SIGKILL');
    rmSync(work, { recursive: true, force: true });
  }
}

async function measure(agent: ChildProcess, pages: number, sink: number, delay: number): Promise<void> {
  const before = receiver(0);
  await before.listen(sink);
  await sleep(WARM * 1000);
  const { unpacked, packed } = before.seen;
  const scrapes = await scrapesOf(pages);
  await sleep(WARM * 1000);
  const each = (before.seen.unpacked - unpacked) / ((await scrapesOf(pages)) - scrapes);
  const rate = (before.seen.packed - packed) / (before.seen.unpacked - unpacked);
  before.close();
  await sleep(down * 1000);

  const after = receiver(delay);
  await after.listen(sink);
  while (!after.seen.first) await sleep(1);
  const cpu = cpuOf(agent);
  // About so much has piled up; that it is gone shows when the receiver has nothing to do for a while.
  const backlog = (await scrapesOf(pages)) - scrapes;
  const about = backlog * each - (before.seen.unpacked - unpacked);
  const limit = performance.now() + LIMIT;
  while (after.seen.unpacked < 0.9 * about || performance.now() - after.seen.last < PAUSE + delay) {
    if (performance.now() > limit) throw new Error(`the backlog is still not gone after ${LIMIT} ms`);
    await sleep(5);
  }
  const seconds = (after.seen.last - after.seen.first) / 1000;
  const used = cpuOf(agent) - cpu;
  const samples = after.seen.unpacked / (each / 1000);
  const cells = [
    targets,
    down,
    delay,
    (after.seen.packed / MIB).toFixed(1),
    after.seen.requests,
    seconds.toFixed(2),
    (after.seen.packed / MIB / seconds).toFixed(1),
    (after.seen.unpacked / MIB / seconds).toFixed(0),
    (samples / seconds / 1e6).toFixed(2),
    ((used / samples) * 1e6).toFixed(3),
    (used / seconds).toFixed(2),
    rate.toFixed(3),
  ];
  print(`| ${cells.join(' | ')} |`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

print(
  '| targets | s down | ms a request | backlog MiB | requests | s | MiB/s | unpacked MiB/s | M samples/s | µs CPU a sample | cores | packed of unpacked |',
);
print('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
for (const delay of delays.length ? delays : [0, 20]) await run(delay);
process.exit();
