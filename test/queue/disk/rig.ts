import type { StorageSpace } from '#component';
import { parse } from '#config';
import { type Codec, createSender, retryOnFailure, type Sender, sendingQueue } from '#queue';
import { type FakeClock, settle } from '../../support/clock.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { type MemoryDisk, memoryDisk } from '../../support/memory-disk.ts';

/** An item of `points` points; its body is as long as told. */
export interface Item {
  readonly lane: number;
  readonly id: number;
  readonly points: number;
  readonly filler: Buffer;
}

export const item = (id: number, lane = 0, points = 1, length = 100): Item => ({
  lane,
  id,
  points,
  filler: Buffer.alloc(length, id),
});

const codec: Codec<Item> = {
  encode: ({ lane, id, filler }) => ({ head: Buffer.from(JSON.stringify({ lane, id })), body: filler }),
  decode({ head, body }, points) {
    const { lane, id } = JSON.parse(Buffer.from(head).toString()) as { lane: number; id: number };
    return { lane, id, points, filler: Buffer.from(body) };
  },
  weight: ({ filler }) => filler.length + 20,
};

export interface RigOptions {
  disk?: MemoryDisk;
  clock?: FakeClock;
  lanes?: number;
  queue?: Record<string, unknown>;
  retry?: Record<string, unknown>;
  space?: Partial<StorageSpace>;
  /** For back-off and names. */
  random?: () => number;
  /** Without: num_consumers workers, no order. */
  laned?: boolean;
  /** An attempt: resolves or rejects as the receiver would. */
  send?(item: Item, signal: AbortSignal): Promise<void>;
}

export interface Rig {
  sender: Sender<Item>;
  host: FakeHost;
  clock: FakeClock;
  disk: MemoryDisk;
  /** What the receiver took. */
  taken: Item[];
  /** The receiver answers with an error from now on, or no longer. */
  down: boolean;
  metric(name: string, attributes?: Record<string, string>): number;
  /** Ends this process as kill -9 does, and gives the disk for the next. */
  kill(): MemoryDisk;
}

export const never = new AbortController().signal;

export async function rig(options: RigOptions = {}): Promise<Rig> {
  const { lanes = 2, laned = true, disk = memoryDisk(), send } = options;
  const host = fakeHost('exporter', 'test', options.clock);
  const taken: Item[] = [];
  const self = { down: false, alive: true };
  const sender = createSender<Item>({
    host,
    disk,
    codec,
    random: options.random ?? Math.random,
    space: { folder: '/q', maxBytes: 1 << 30, fsync: false, ...options.space },
    queue: parse(sendingQueue().schema, { num_consumers: lanes, ...options.queue }),
    retry: parse(retryOnFailure().schema, { initial_interval: '1s', max_interval: '1s', ...options.retry }),
    points: ({ points }) => points,
    bytes: ({ filler }) => filler.length,
    ...(laned ? { lane: ({ lane }: Item) => lane } : {}),
    async send(one, signal) {
      if (!self.alive) return new Promise(() => {});
      await send?.(one, signal);
      if (self.down) throw new Error('down');
      taken.push(one);
    },
  });
  await sender.start();
  return {
    sender,
    host,
    clock: host.clock,
    disk,
    taken,
    get down() {
      return self.down;
    },
    set down(value) {
      self.down = value;
    },
    metric: (name, attributes) => host.metric(name, attributes) ?? 0,
    kill() {
      self.alive = false;
      return disk.crash();
    },
  };
}

export const ids = (items: readonly Item[]): number[] => items.map(({ id }) => id);

/** Promises that take several turns of the event loop, as reading a file does, have settled. */
export async function settled(turns = 20): Promise<void> {
  for (let i = 0; i < turns; i++) await settle();
}
