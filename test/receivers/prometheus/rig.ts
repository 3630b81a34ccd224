import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Receiver } from '#component';
import { parse } from '#config';
import { type Batch, formatLabels, isStale, labelMap, METRIC_NAME, type Snapshot } from '#metrics';
import prometheus from '../../../receivers/prometheus/prometheus.ts';
import { FakeClock } from '../../support/clock.ts';
import { type FakeHost, fakeHost, type Sink, sink } from '../../support/host.ts';
import { httpServer, type TestServer } from '../../support/servers.ts';

/** An hour for interval and timeout alike: one `advance(HOUR)` makes each target's scrape due once, and no timeout. */
export const HOUR = 3_600_000;

/** A target whose answer a test changes between scrapes. */
export interface TestTarget extends TestServer {
  body: string | Buffer;
  status: number;
  headers: Record<string, string>;
  requests: IncomingMessage[];
  /** Takes over the answer when set. */
  answer: ((req: IncomingMessage, res: ServerResponse) => void) | undefined;
  readonly address: string;
}

export async function target(body: string | Buffer = ''): Promise<TestTarget> {
  const server = await httpServer((req, res) => {
    made.requests.push(req);
    if (made.answer) return made.answer(req, res);
    res.writeHead(made.status, made.headers).end(made.body);
  });
  const made: TestTarget = Object.assign(Object.create(server), {
    body,
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4' },
    requests: [],
    answer: undefined,
    address: `127.0.0.1:${server.port}`,
  });
  return made;
}

export interface Rig {
  host: FakeHost;
  clock: FakeClock;
  out: Sink;
  receiver: Receiver;
  /** Lets each target's next scrape come, and answers what `count` of them handed on. */
  scrape(count?: number): Promise<Batch>;
  stop(signal?: AbortSignal): Promise<void>;
}

const running = new Set<Rig>();

/** For afterEach. */
export async function stopRigs(): Promise<void> {
  await Promise.all([...running].map((rig) => rig.stop(AbortSignal.timeout(1000))));
}

/**
 * A running receiver; `scrapes` are scrape_configs, which need not say the interval. `before` is ended, and this one takes its
 * place as at a reload.
 */
export async function rig(
  scrapes: object[],
  options: { global?: object; config?: object; receiver?: object; before?: Rig } = {},
): Promise<Rig> {
  const clock = options.before?.clock ?? new FakeClock();
  const host = fakeHost('receiver', 'prometheus', clock);
  await options.before?.stop();
  host.legacy = options.before?.receiver.legacy?.();
  const out = sink();
  const global = { scrape_interval: '1h', scrape_timeout: '1h', ...options.global };
  const config = parse(prometheus.config, {
    ...options.receiver,
    config: { global, scrape_configs: scrapes, ...options.config },
  });
  if (prometheus.kind !== 'receiver') throw new Error('not a receiver');
  const receiver = prometheus.create(config, host, out);
  await receiver.start?.(new AbortController().signal);
  const made: Rig = {
    host,
    clock,
    out,
    receiver,
    async scrape(count = 1) {
      const before = out.batches.length;
      await clock.advance(HOUR);
      await out.received(before + count);
      return out.batches.slice(before, before + count).flat();
    },
    async stop(signal = new AbortController().signal) {
      running.delete(made);
      await receiver.stop?.(signal);
    },
  };
  running.add(made);
  return made;
}

/** A scrape configuration for these targets, whose own labels are short and always the same. */
export const scrapeOf = (targets: TestTarget[], more: object = {}, labels: object = {}): object => ({
  job_name: 'test',
  static_configs: [{ targets: targets.map((one) => one.address), labels: { instance: 'i', ...labels } }],
  ...more,
});

/** Lets time pass in steps, with turns for real answers and file events in between, until something holds. */
export async function advanceUntil(clock: FakeClock, step: number, holds: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`still not so after 5 s: ${holds}`);
    await clock.advance(step);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const isReport = (name: string) => name === 'up' || name.startsWith('scrape_');

/** The scraped samples of a batch: `name{labels}` without job and instance, to the value or `stale`. */
export function samples(batch: Batch): Record<string, number | 'stale'> {
  return Object.fromEntries(every(batch).filter(([name]) => !isReport(name.split('{')[0]!)));
}

/** The report series of a batch, by name. */
export function reported(batch: Batch): Record<string, number | 'stale'> {
  return Object.fromEntries(
    every(batch)
      .map(([name, value]): [string, number | 'stale'] => [name.split('{')[0]!, value])
      .filter(([name]) => isReport(name)),
  );
}

function every(batch: Batch): [string, number | 'stale'][] {
  return batch.flatMap((snapshot) =>
    snapshot.set.series.map((series, i): [string, number | 'stale'] => {
      const labels = labelMap(series.labels);
      labels.delete('job');
      labels.delete('instance');
      const shown = formatLabels([...labels].flat()).replace('{}', '');
      return [shown, isStale(snapshot.values, i) ? 'stale' : snapshot.values[i]!];
    }),
  );
}

/** The snapshot of a batch that holds this metric. */
export function snapshotWith(batch: Batch, name: string): Snapshot {
  const found = batch.find((one) => one.set.series.some((series) => labelMap(series.labels).get(METRIC_NAME) === name));
  if (!found) throw new Error(`no snapshot has ${name}`);
  return found;
}
