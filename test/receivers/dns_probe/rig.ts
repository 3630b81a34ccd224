import { parse } from '#config';
import { type Batch, formatLabels, isStale, type Labels, labelMap } from '#metrics';
import dnsProbe from '../../../receivers/dns_probe/dns_probe.ts';
import { type FakeHost, fakeHost, type Sink, sink } from '../../support/host.ts';

export const INTERVAL = 60_000;
const never = new AbortController().signal;

export interface Rig {
  readonly host: FakeHost;
  readonly out: Sink;
  /** Begins a collection. */
  begin(): Promise<void>;
  /** Begins a collection and gives what it brings. */
  next(): Promise<Batch>;
  /** What the collection under way brings. */
  ended(): Promise<Batch>;
  stop(): Promise<void>;
}

const running = new Set<Rig>();

/** For afterEach. */
export async function stopRigs(): Promise<void> {
  for (const rig of running) await rig.stop();
}

/** A running receiver. Collections begin at the end of each interval, so no time passes while they wait for real sockets. */
export async function start(options: Record<string, unknown>, id = 'dns_probe'): Promise<Rig> {
  const host = fakeHost('receiver', id);
  const out = sink();
  const config = parse(dnsProbe.config, { initial_delay: '60s', max_queries_per_second: 1_000_000, ...options });
  const receiver = dnsProbe.create(config, host, out);
  await receiver.start?.(never);
  let taken = 0;
  const rig: Rig = {
    host,
    out,
    begin: () => host.clock.advance(INTERVAL - (host.clock.monotonic() % INTERVAL)),
    async next() {
      await rig.begin();
      return rig.ended();
    },
    async ended() {
      await out.received(++taken);
      return out.batches[taken - 1]!;
    },
    async stop() {
      if (running.delete(rig)) await receiver.stop?.(never);
    },
  };
  running.add(rig);
  return rig;
}

/** Samples by series as text, those marked stale left out. `only` keeps some metrics, `drop` leaves labels away. */
export function samples(
  batch: Batch,
  only: RegExp,
  drop: readonly string[] = ['server', 'name'],
): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { set, values } of batch) {
    set.series.forEach(({ labels }, i) => {
      const text = formatLabels(without(labels, drop));
      if (only.test(text) && !isStale(values, i)) found[text] = values[i]!;
    });
  }
  return found;
}

function without(labels: Labels, drop: readonly string[]): Labels {
  return [...labelMap(labels)].filter(([name]) => !drop.includes(name)).flat();
}

export const value = (batch: Batch, only: RegExp): number | undefined => Object.values(samples(batch, only, []))[0];

export const staleCount = (batch: Batch): number =>
  batch.reduce((sum, { values }) => sum + [...values].filter((_, i) => isStale(values, i)).length, 0);
