/** Agents whose receiver fails: targets that count their scrapes, and a receiver that checks what arrives. */
import { launchAgent, startAgent } from './agent.ts';
import { httpServer, readAll } from './servers.ts';
import { decodeBody } from './write_request.ts';

/** Targets whose one counter counts their scrapes. */
export interface Targets {
  readonly ports: readonly number[];
  /** `served[t][n]`: when target t said n (milliseconds of `performance.now`). */
  readonly served: readonly number[][];
  /** `heard[t]`: the numbers whose scrapes were not given up: their connection was used again. */
  readonly heard: readonly Set<number>[];
}

/** `more`: so many other series on each page. */
export async function countingTargets(count: number, more = 0): Promise<Targets> {
  const others = Array.from({ length: more }, (_, i) => `other{series="${i}"} 1\n`).join('');
  const served: number[][] = Array.from({ length: count }, () => []);
  const heard = served.map(() => new Set<number>());
  const ports = await Promise.all(
    served.map(async (own, t) => {
      const last = new WeakMap<object, number>();
      const server = await httpServer(({ socket }, response) => {
        const before = last.get(socket);
        if (before !== undefined) heard[t]!.add(before);
        last.set(socket, own.length);
        response.setHeader('content-type', 'text/plain; version=0.0.4');
        response.end(`# TYPE scrapes_total counter\nscrapes_total ${own.length}\n${others}`);
        own.push(performance.now());
      });
      return server.port;
    }),
  );
  return { ports, served, heard };
}

export type Mood = 'ok' | 'down' | 'slow' | 'silent' | 'reset' | 'turns';

/** A receiver that changes its mood, and what of the counters it took. */
export interface MoodyReceiver {
  readonly url: string;
  readonly port: number;
  mood: Mood;
  /** `got[t]`: the numbers of target t, in the order of their arrival, in requests that were answered with 2xx. */
  got(): number[][];
  /** 2xx answers to requests that repeated something. */
  repeats(): number;
}

export async function moodyReceiver({ ports }: Targets): Promise<MoodyReceiver> {
  const taken: { target: number; value: number }[][] = [];
  const self = { mood: 'ok' as Mood, got, repeats };
  let n = 0;
  const server = await httpServer(async (request, response) => {
    n++;
    if (self.mood === 'reset') return void request.once('data', () => request.socket.resetAndDestroy());
    const numbers = countersIn(await readAll(request), ports);
    const status = await answer(self.mood, n);
    if (status === 204) taken.push(numbers);
    response.writeHead(status).end();
  });

  function got(): number[][] {
    const all: number[][] = ports.map(() => []);
    for (const one of taken) for (const { target, value } of one) all[target]!.push(value);
    return all;
  }
  function repeats(): number {
    const seen = new Set<string>();
    let count = 0;
    for (const one of taken) {
      const keys = one.map(({ target, value }) => `${target} ${value}`);
      if (keys.some((key) => seen.has(key))) count++;
      for (const key of keys) seen.add(key);
    }
    return count;
  }
  return Object.assign(self, { port: server.port, url: `http://127.0.0.1:${server.port}/api/v1/write` });
}

const TURNS = [429, 500, 503];
const SLOW = 5000;

async function answer(mood: Mood, n: number): Promise<number> {
  if (mood === 'silent') return new Promise(() => {});
  if (mood === 'slow') await pause(SLOW);
  if (mood === 'turns') return n % 4 === 0 ? 204 : TURNS[n % 3]!;
  return mood === 'down' ? 503 : 204;
}

function countersIn(body: Buffer, ports: readonly number[]): { target: number; value: number }[] {
  const { series } = decodeBody(body);
  return series
    .filter(({ labels }) => labels[labels.indexOf('__name__') + 1] === 'scrapes_total')
    .flatMap(({ labels, samples }) => {
      const port = Number(labels[labels.indexOf('instance') + 1]!.split(':')[1]);
      const target = ports.indexOf(port);
      return samples.filter(({ value }) => !Number.isNaN(value)).map(({ value }) => ({ target, value }));
    });
}

/** The numbers, each once, in the order of their first arrival. */
export const firsts = (numbers: readonly number[]): number[] => [...new Set(numbers)];

/** Scrapes every 100 ms, and a queue in `folder`. */
export const queueYaml = (targets: Targets, url: string, folder: string, more: Record<string, string> = {}): string => `
extensions:
  file_storage: {directory: '${folder}', max_size: ${more.max_size ?? '64MiB'}}
receivers:
  prometheus:
    config:
      scrape_configs:
        - job_name: one
          scrape_interval: ${more.interval ?? '100ms'}
          scrape_timeout: ${more.interval ?? '100ms'}
          static_configs: [{targets: [${targets.ports.map((port) => `'127.0.0.1:${port}'`).join(', ')}]}]
exporters:
  prometheusremotewrite:
    endpoint: '${url}'
    remote_write_queue: {storage: file_storage}
    retry_on_failure: {initial_interval: 50ms, max_interval: ${more.max_interval ?? '200ms'}}
    ${more.exporter ?? ''}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [prometheus], exporters: [prometheusremotewrite]}
`;

export interface KillsReport {
  kills: number;
  /** Scrapes that were answered, and those that were heard and whose number never arrived. */
  served: number;
  lost: number;
  /** How long before the kill that took it the oldest lost one was answered, in milliseconds. */
  longest: number;
  repeats: number;
  outOfOrder: number;
  corrupt: boolean;
}

/** Kills an agent at random moments, over and over, while its receiver is mostly down, and heals at the end. */
export async function killOverAndOver(
  kills: number,
  folder: string,
  random: () => number,
  note: (text: string) => void = () => {},
): Promise<KillsReport> {
  const targets = await countingTargets(5);
  const to = await moodyReceiver(targets);
  const yaml = queueYaml(targets, to.url, folder);
  const moments: number[] = [];
  let output = '';
  for (let i = 0; i < kills; i++) {
    to.mood = random() < 0.25 ? 'ok' : 'down';
    const agent = launchAgent(yaml);
    await agent.says(/everything is ready/);
    await pause(random() * 1500);
    if (random() < 0.3) {
      to.mood = to.mood === 'ok' ? 'down' : 'ok';
      await pause(random() * 500);
    }
    agent.kill('SIGKILL');
    moments.push(performance.now());
    await agent.exit;
    output += agent.output();
    if (i % 20 === 19) note(`${i + 1} kills`);
  }
  to.mood = 'ok';
  const last = await startAgent(yaml);
  await arrivals(targets, to);
  last.kill('SIGTERM');
  await last.exit;
  return { kills, ...verdict(targets, to, moments), corrupt: /skips damaged/.test(output + last.output()) };
}

/** Until something has arrived from every target that was scraped after now. */
export async function arrivals({ served }: Targets, to: MoodyReceiver, within = 60_000): Promise<void> {
  const upTo = served.map((own) => own.length);
  const end = performance.now() + within;
  while (!to.got().every((own, t) => own.some((value) => value >= upTo[t]!))) {
    if (performance.now() > end) throw new Error('what waited did not arrive in time');
    await pause(100);
  }
}

export function verdict({ served, heard }: Targets, to: MoodyReceiver, moments: readonly number[]) {
  const got = to.got();
  let lost = 0;
  let longest = 0;
  let outOfOrder = 0;
  for (const [t, own] of got.entries()) {
    const order = firsts(own);
    outOfOrder += order.filter((value, i) => i > 0 && value < order[i - 1]!).length;
    const arrived = new Set(own);
    for (const [value, at] of served[t]!.entries()) {
      if (arrived.has(value) || !heard[t]!.has(value) || value > order.at(-1)!) continue;
      lost++;
      const kill = moments.find((moment) => moment >= at) ?? Number.POSITIVE_INFINITY;
      longest = Math.max(longest, kill - at);
    }
  }
  const total = served.reduce((sum, own) => sum + own.length, 0);
  return { served: total, lost, longest: Math.round(longest), repeats: to.repeats(), outOfOrder };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
