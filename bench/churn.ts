/**
 * CPU and memory of whole agents when series come and go: `npm run build && node bench/churn.ts [options]`. Each target shows
 * other label values for a share of its series at every scrape, at random places of a page that stays sorted, as Go's client
 * has it. Everything is scraped each second with gzip and sent by remote write into the judge's sink (../shared/bench).
 *
 *     --agents dnscol,vmagent  --n 50  --samples 1000  --churn 10  --warm 8  --win 15  --rounds 2  --node PATH
 *
 * With `--soak MINUTES` it runs dnscol alone, prints its memory each minute, and at the end how fast that grew in the second
 * half of the time; `--churn 0` for pages whose series stay.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const { values: options } = parseArgs({
  options: {
    agents: { type: 'string', default: 'dnscol,vmagent' },
    n: { type: 'string', default: '50' },
    samples: { type: 'string', default: '1000' },
    churn: { type: 'string', default: '10' },
    warm: { type: 'string', default: '8' },
    win: { type: 'string', default: '15' },
    rounds: { type: 'string', default: '2' },
    node: { type: 'string', default: process.execPath },
    soak: { type: 'string' },
    serve: { type: 'string' },
  },
});
const [targets, samples, churn] = [options.n, options.samples, options.churn].map(Number) as [number, number, number];

// ---- targets

function serve(port: number): void {
  const pages = new Map<string, () => string>();
  let scrapes = 0;
  createServer((request, response) => {
    if (request.url === '/stats') return response.end(String(scrapes));
    scrapes++;
    const page = pages.get(request.url!) ?? changingPage(pages.size + 1);
    pages.set(request.url!, page);
    const body = Buffer.from(page());
    const packed = /gzip/.test(String(request.headers['accept-encoding']));
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    if (packed) response.setHeader('content-encoding', 'gzip');
    response.end(packed ? gzipSync(body, { level: 1 }) : body);
  }).listen(port, '127.0.0.1');
  process.on('SIGTERM', () => process.exit(0));
}

/** Twenty families of counters; `churn` per cent of the series have another `handler` in the next page. */
function changingPage(seed: number): () => string {
  let state = seed * 7919;
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  let fresh = 0;
  const path = () => `/api/v1/${below(1e6).toString(36)}/${(fresh++).toString(36)}`;
  const families = Array.from({ length: 20 }, () =>
    Array.from({ length: samples / 20 }, () => ({ path: path(), value: 0 })),
  );
  return () => {
    const all = families.flat();
    for (let i = 0; i < (samples * churn) / 100; i++)
      Object.assign(all[below(all.length)]!, { path: path(), value: 0 });
    return families.map((series, i) => familyText(`app_part_${i}_requests_total`, series, below)).join('');
  };
}

function familyText(name: string, series: { path: string; value: number }[], below: (n: number) => number): string {
  series.sort((a, b) => (a.path < b.path ? -1 : 1));
  const lines = series.map((one) => {
    one.value += below(1000);
    return `${name}{code="200",handler="${one.path}",method="GET",server="dns://:53"} ${one.value}`;
  });
  return `# HELP ${name} How many requests this part has answered.\n# TYPE ${name} counter\n${lines.join('\n')}\n`;
}

// ---- agents

async function compare(): Promise<void> {
  print('| round | agent | µs a sample | of dnscol | resident MiB | anonymous MiB | scrapes |');
  print('| --- | --- | --- | --- | --- | --- | --- |');
  for (let round = 1; round <= Number(options.rounds); round++) {
    let first: number | undefined;
    for (const agent of options.agents.split(',')) {
      const run = await measure(agent);
      first ??= run.cost;
      const cells = [round, agent, run.cost.toFixed(2), (run.cost / first).toFixed(2), run.rss, run.anon, run.scrapes];
      print(`| ${cells.join(' | ')} |`);
    }
  }
}

interface Run {
  /** Microseconds of CPU a sample. */
  cost: number;
  /** MiB, at the end. */
  rss: number;
  anon: number;
  scrapes: string;
}

async function measure(agent: string): Promise<Run> {
  return withAgent(agent, async (pid, port) => {
    await sleep(Number(options.warm) * 1000);
    const [before, ticks] = [await scrapesAt(port), ticksOf(pid)];
    await sleep(Number(options.win) * 1000);
    const [after, end] = [await scrapesAt(port), ticksOf(pid)];
    const scraped = after - before;
    return {
      cost: ((end - ticks) * 10_000) / (scraped * samples),
      rss: Math.round(memoryOf(pid, 'VmRSS')),
      anon: Math.round(memoryOf(pid, 'RssAnon')),
      scrapes: `${scraped} of ${targets * Number(options.win)}`,
    };
  });
}

async function soak(minutes: number): Promise<void> {
  const points: [minute: number, rss: number][] = [];
  print('| minute | resident MiB | anonymous MiB | scrapes |\n| --- | --- | --- | --- |');
  await withAgent('dnscol', async (pid, port) => {
    for (let minute = 1; minute <= minutes; minute++) {
      await sleep(60_000);
      const [rss, anon] = [memoryOf(pid, 'VmRSS'), memoryOf(pid, 'RssAnon')];
      points.push([minute, rss]);
      print(`| ${minute} | ${rss.toFixed(1)} | ${anon.toFixed(1)} | ${await scrapesAt(port)} |`);
    }
  });
  const late = points.slice(points.length >> 1);
  const { slope, error } = line(late);
  print(`\nsecond half: ${(slope * 60).toFixed(2)} ± ${(error * 60).toFixed(2)} MiB an hour`);
}

/** Least squares: the slope and its standard error. */
function line(points: readonly [number, number][]): { slope: number; error: number } {
  const n = points.length;
  const [mx, my] = [0, 1].map((k) => points.reduce((sum, p) => sum + p[k]!, 0) / n) as [number, number];
  const sxx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - my - slope * (x - mx)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (n - 2) / sxx) };
}

async function withAgent<T>(agent: string, use: (pid: number, port: number) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'dnscol-churn-'));
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const running: ChildProcess[] = [];
  const run = (command: string, args: string[]) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    running.push(child);
    return child;
  };
  try {
    const self = ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url)];
    const shape = ['--samples', options.samples, '--churn', options.churn];
    run(process.execPath, [...self, ...shape, '--serve', String(port)]);
    const sink = fileURLToPath(new URL('../../shared/bench/sink.mjs', import.meta.url));
    run(process.execPath, [sink, String(port + 1), '16']);
    await sleep(1500);
    const child = run(...command(agent, dir, port));
    return await use(child.pid!, port);
  } finally {
    for (const child of running) child.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

function command(agent: string, dir: string, port: number): [string, string[]] {
  const scrape = `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: churn
    static_configs:
${Array.from({ length: targets }, (_, i) => `      - { targets: ["127.0.0.1:${port}"], labels: { __metrics_path__: /t${i}, instance: "10.1.0.${i}" } }\n`).join('')}`;
  const url = `http://127.0.0.1:${port + 1}/api/v1/write`;
  if (agent === 'vmagent') {
    writeFileSync(join(dir, 'vm.yml'), scrape);
    const args = [`-promscrape.config=${dir}/vm.yml`, `-remoteWrite.url=${url}`, '-remoteWrite.forcePromProto'];
    const own = [`-remoteWrite.tmpDataPath=${dir}/data`, `-httpListenAddr=127.0.0.1:${port + 2}`, '-loggerLevel=WARN'];
    return [join(homedir(), '.cache/bench-peers/x/usr/bin/vmagent'), [...args, ...own]];
  }
  const config = `receivers:
  prometheus:
    config:
${scrape.replace(/^/gm, '      ')}
processors:
  batch: {}
exporters:
  prometheus_remote_write: { endpoint: "${url}" }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    metrics: { receivers: [prometheus], processors: [batch], exporters: [prometheus_remote_write] }
`;
  writeFileSync(join(dir, 'agent.yaml'), config);
  const bundle = agent === 'dnscol' ? fileURLToPath(new URL('../dist/dnscol.js', import.meta.url)) : agent;
  return [options.node, [bundle, `--config=${dir}/agent.yaml`]];
}

const scrapesAt = async (port: number): Promise<number> =>
  Number(await (await fetch(`http://127.0.0.1:${port}/stats`)).text());

/** Hundredths of a second of CPU. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** MiB. */
function memoryOf(pid: number, what: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(new RegExp(`${what}:\\s+(\\d+)`).exec(status)![1]) / 1024;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (options.serve) serve(Number(options.serve));
else if (options.soak) await soak(Number(options.soak));
else await compare();
