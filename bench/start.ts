/**
 * From the start of the bundle to its first successful push: `npm run build && node bench/start.ts [starts] [targets] [bundle]`.
 * Milliseconds, of a process that is new each time, with targets that are scraped each second.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const starts = Number(process.argv[2] ?? 15);
const targets = Number(process.argv[3] ?? 50);
const bundle = process.argv[4] ?? fileURLToPath(new URL('../dist/dnscol.js', import.meta.url));

const page = Array.from(
  { length: 1000 },
  (_, i) => `coredns_dns_requests_total{server="dns://:53",zone="z${i}."} ${i}\n`,
);
const body = `# TYPE coredns_dns_requests_total counter\n${page.join('')}`;
const seen = { scrape: 0, push: 0 };

const server = http.createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    if (request.method === 'POST') {
      response.writeHead(204).end();
      seen.push ||= performance.now();
    } else {
      seen.scrape ||= performance.now();
      response.setHeader('content-type', 'text/plain; version=0.0.4').end(body);
    }
  });
});
server.keepAliveTimeout = 60_000;
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

const folder = mkdtempSync(join(tmpdir(), 'dnscol-bench-'));
const config = join(folder, 'agent.json');
const list = Array.from({ length: targets }, (_, i) => ({
  targets: [`127.0.0.1:${port}`],
  labels: { __metrics_path__: `/t${i}`, instance: `10.1.0.${i}:9153` },
}));
writeFileSync(
  config,
  JSON.stringify({
    receivers: {
      prometheus: {
        config: { global: { scrape_interval: '1s' }, scrape_configs: [{ job_name: 'coredns', static_configs: list }] },
      },
    },
    processors: { batch: {} },
    exporters: { prometheus_remote_write: { endpoint: `http://127.0.0.1:${port}/api/v1/write` } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        metrics: { receivers: ['prometheus'], processors: ['batch'], exporters: ['prometheus_remote_write'] },
      },
    },
  }),
);

const times: { ready: number; scrape: number; push: number }[] = [];
try {
  for (let i = 0; i < starts; i++) {
    Object.assign(seen, { scrape: 0, push: 0 });
    const began = performance.now();
    const agent = spawn(process.execPath, [bundle, `--config=${config}`], { stdio: ['ignore', 'ignore', 'pipe'] });
    let ready = 0;
    agent.stderr.on('data', (text) => {
      if (String(text).includes('everything is ready')) ready = performance.now();
    });
    while (!seen.push || !ready) await new Promise((resolve) => setTimeout(resolve, 5));
    agent.kill('SIGKILL');
    await once(agent, 'close');
    // What it had still under way must not count for the next.
    server.closeAllConnections();
    await new Promise((resolve) => setTimeout(resolve, 100));
    times.push({ ready: ready - began, scrape: seen.scrape - began, push: seen.push - began });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write('| | fastest | median | slowest |\n| --- | --- | --- | --- |\n');
for (const [key, what] of [
  ['ready', 'everything runs'],
  ['scrape', 'first scrape'],
  ['push', 'first push answered'],
] as const) {
  const sorted = times.map((one) => one[key]).sort((a, b) => a - b);
  const shown = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!].map((ms) => ms.toFixed(0));
  process.stdout.write(`| ${what} | ${shown.join(' | ')} |\n`);
}
process.exit();
