import { type Counter, type Host, PermanentError } from '#component';
import { type Batching, createBatching } from './batching.ts';
import { createDelivery, type Delivery, type DeliveryOptions } from './delivery.ts';
import { Room } from './room.ts';
import type { QueueBatchSettings, QueueSettings } from './settings.ts';
import { linked, untilAborted } from './signals.ts';

export interface SenderOptions<T> extends DeliveryOptions<T> {
  /** Absent or not enabled: `offer` resolves when the item is sent and rejects when it is given up. */
  queue?: QueueSettings | undefined;
  /** About how much memory an item holds; for `sizer: bytes`. */
  bytes(item: T): number;
  /**
   * Items of one lane are sent one at a time, in the order they were offered; the lane modulo `num_consumers` picks the
   * consumer. Without it any idle consumer takes the next item, and nothing is said about order.
   */
  lane?(item: T): number;
  /**
   * For `queue.batch`: one item from several, which are needed no more when it is sent, and the pieces of one that is larger
   * than `max`.
   */
  merge?(items: readonly T[]): T;
  /** False for what cannot be joined with others; everything can when left out. */
  joinable?(item: T): boolean;
  chop?(item: T, max: number, sizer: QueueBatchSettings['sizer']): readonly T[];
  /** The exporter's own limit: items are joined up to this size, whatever `queue.batch` says. */
  most?: { size(item: T): number; max: number };
}

export interface Sender<T> {
  /** To be called before the first offer. Never rejects because of what a queue on disk finds there. */
  start(): Promise<void>;
  /**
   * Takes an item. Resolves when it is in the queue (without a queue, or with `wait_for_result`: when it is sent). Rejects
   * when the queue is full or stopped; the item is not taken then. The signal ends the wait for room or for the result;
   * without a queue it ends the sending as well.
   */
  offer(item: T, signal: AbortSignal): Promise<void>;
  /** Pauses between attempts end, and all that is held gets one attempt more, until the signal aborts; the rest is dropped. */
  stop(signal: AbortSignal): Promise<void>;
}

interface Entry<T> {
  item: T;
  /** In the queue's unit. */
  size: number;
  /** Monotonic milliseconds. */
  since: number;
  /** The caller's signal, where it ends the sending. */
  cancel?: AbortSignal | undefined;
  /** Set where the caller waits for the result. */
  done?: (failure: unknown) => void;
}

/** Entries in order, and the consumers that work on them. */
interface Lane<T> {
  waiting: Entry<T>[];
  active: number;
  consumers: number;
  cancelFlush?: (() => void) | undefined;
}

/** Sends with retries from a bounded queue in memory, with the metrics of the Collector's exporters. */
export class QueueSender<T> implements Sender<T> {
  readonly #options: SenderOptions<T>;
  readonly #queue: QueueSettings | undefined;
  readonly #delivery: Delivery<T>;
  readonly #batching: Batching<T>;
  readonly #lanes: Lane<T>[];
  readonly #room: Room;
  readonly #refused: Counter;
  readonly #stopping = new AbortController();
  readonly #ended = new AbortController();
  #held = 0;
  #whenIdle = () => {};

  constructor(options: SenderOptions<T>) {
    const { host, queue } = options;
    this.#options = options;
    this.#queue = queue?.enabled ? queue : undefined;
    this.#batching = createBatching(options, this.#queue?.batch);
    this.#delivery = createDelivery(options, { stopping: this.#stopping.signal, ended: this.#ended.signal });
    this.#room = new Room(this.#queue?.queue_size ?? Number.POSITIVE_INFINITY);
    const consumers = this.#queue || options.lane ? (queue?.num_consumers ?? 1) : Number.POSITIVE_INFINITY;
    this.#lanes = options.lane
      ? Array.from({ length: consumers }, () => ({ waiting: [], active: 0, consumers: 1 }))
      : [{ waiting: [], active: 0, consumers }];
    this.#refused = refusals(host);
    const { capacity } = this.#room;
    if (this.#queue) showQueue(host, this.#queue.sizer, { used: () => this.#room.taken, capacity });
  }

  async start(): Promise<void> {}

  async offer(item: T, signal: AbortSignal): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    signal.throwIfAborted();
    const entry: Entry<T> = { item, size: this.#sizeOf(item), since: 0 };
    this.#held++;
    if (!this.#takeRoom(entry.size)) await this.#waitForRoom(entry, signal);
    entry.since = this.#options.host.clock.monotonic();
    if (!this.#queue) entry.cancel = signal;
    const result = !this.#queue || this.#queue.wait_for_result ? this.#result(entry) : undefined;
    const lane = this.#laneOf(item);
    lane.waiting.push(entry);
    this.#pump(lane);
    if (result) await (this.#queue ? untilAborted(result, signal) : result);
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort(new Error('the exporter is stopping'));
    const end = () => this.#ended.abort(new Error('the time to drain is over', { cause: signal.reason }));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    for (const lane of this.#lanes) this.#pump(lane);
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      this.#checkIdle();
    });
    signal.removeEventListener('abort', end);
    this.#delivery.flush();
  }

  #sizeOf(item: T): number {
    if (this.#queue?.sizer === 'items') return this.#options.points(item);
    return this.#queue?.sizer === 'bytes' ? this.#options.bytes(item) : 1;
  }

  /** Where the oldest are to make room, they do, unless they are under way. */
  #takeRoom(size: number): boolean {
    while (!this.#room.tryTake(size)) {
      if (this.#queue!.when_full !== 'drop_oldest' || size > this.#room.capacity || !this.#dropOldest()) return false;
    }
    return true;
  }

  #dropOldest(): boolean {
    const waiting = this.#lanes.filter((lane) => lane.waiting.length);
    if (!waiting.length) return false;
    const lane = waiting.reduce((a, b) => (b.waiting[0]!.since < a.waiting[0]!.since ? b : a));
    const entry = lane.waiting.shift()!;
    this.#delivery.giveUp(entry.item, 'overflow', new Error('it made room for newer ones'), entry.done !== undefined);
    this.#release([entry], new Error('the sending queue is full: it made room for newer ones'));
    return true;
  }

  async #waitForRoom({ item, size }: Entry<T>, signal: AbortSignal): Promise<void> {
    const { queue_size, sizer, block_on_overflow } = this.#queue!;
    const limit = `queue_size (${queue_size} ${sizer})`;
    const { controller, unlink } = linked(signal, this.#ended.signal);
    try {
      if (size > queue_size) throw new PermanentError(`a batch of ${size} ${sizer} is larger than ${limit}`);
      if (!block_on_overflow) throw new Error(`the sending queue is full: ${limit}`);
      await this.#room.take(size, controller.signal);
    } catch (error) {
      this.#refused.add(this.#options.points(item));
      this.#held--;
      this.#checkIdle();
      throw error;
    } finally {
      unlink();
    }
  }

  #result(entry: Entry<T>): Promise<void> {
    return new Promise((resolve, reject) => {
      entry.done = (failure) => (failure === undefined ? resolve() : reject(failure));
    });
  }

  #laneOf(item: T): Lane<T> {
    return this.#lanes[(this.#options.lane?.(item) ?? 0) % this.#lanes.length]!;
  }

  #pump(lane: Lane<T>): void {
    while (lane.waiting.length && lane.active < lane.consumers && this.#ready(lane)) {
      const entries = lane.waiting.splice(0, this.#batching.count(lane.waiting));
      lane.active++;
      void this.#consume(entries).then((failure) => {
        lane.active--;
        this.#release(entries, failure);
        this.#pump(lane);
      });
    }
  }

  #release(entries: readonly Entry<T>[], failure: unknown): void {
    for (const entry of entries) {
      entry.done?.(failure);
      this.#held--;
      this.#room.release(entry.size);
    }
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#held === 0) this.#whenIdle();
  }

  /** Whether what waits is worth a request; if not, it is looked at again when its time is over. */
  #ready(lane: Lane<T>): boolean {
    const { clock } = this.#options.host;
    lane.cancelFlush?.();
    lane.cancelFlush = undefined;
    const left = this.#stopping.signal.aborted ? 0 : this.#batching.wait(lane.waiting, clock.monotonic());
    if (left <= 0) return true;
    lane.cancelFlush = clock.after(left, () => this.#pump(lane));
    return false;
  }

  async #consume(entries: readonly Entry<T>[]): Promise<unknown> {
    const manner = { heard: entries.every((entry) => entry.done), cancel: entries[0]!.cancel };
    let failure: unknown;
    try {
      for (const item of this.#requests(entries)) {
        failure = (await this.#delivery.deliver(item, manner)) ?? failure;
      }
    } catch (error) {
      // Only an exporter's own mistake (in points, merge, chop …) gets here; the consumer must live on.
      this.#options.host.log.error('could not send a batch', { error });
      failure = error;
    }
    return failure;
  }

  #requests(entries: readonly Entry<T>[]): readonly T[] {
    const items = entries.map((entry) => entry.item);
    const requests = this.#batching.requests(items);
    if (items.length > 1) for (const item of items) if (!requests.includes(item)) this.#options.recycle?.(item);
    return requests;
  }
}

/** The Collector's gauges of a sending queue. */
export function showQueue(
  host: Host,
  sizer: QueueSettings['sizer'],
  { used, capacity }: { used(): number; capacity: number },
): void {
  const unit = sizer === 'bytes' ? 'By' : sizer === 'items' ? '{datapoints}' : '{batches}';
  const attributes = { data_type: 'metrics' };
  const size = { unit, attributes, help: 'What the sending queue holds, requests under way included.' };
  const most = { unit, attributes, help: 'The most it may hold.' };
  host.meter.gauge('otelcol_exporter_queue_size', used, size);
  host.meter.gauge('otelcol_exporter_queue_capacity', () => (Number.isFinite(capacity) ? capacity : undefined), most);
}

/** Counts what found no room. */
export const refusals = (host: Host): Counter =>
  host.meter.counter('otelcol_exporter_enqueue_failed_metric_points', {
    help: 'Metric points that found no room in the sending queue.',
    unit: '{datapoints}',
  });
