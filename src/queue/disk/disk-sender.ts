import { type Counter, PermanentError, type StorageSpace } from '#component';
import { type Batching, createBatching } from '../batching.ts';
import type { Codec } from '../codec.ts';
import { createDelivery, type Delivery, KEPT } from '../delivery.ts';
import { refusals, type Sender, type SenderOptions, showQueue } from '../sender.ts';
import type { QueueSettings } from '../settings.ts';
import { linked, untilAborted } from '../signals.ts';
import type { Disk } from './disk.ts';
import { FRAME } from './format.ts';
import type { LaneLog, Place } from './lane-log.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { Segment } from './segment.ts';
import { Store } from './store.ts';

/** What is in memory waits this long for its request to end before it is written, and at most twice as long. Milliseconds. */
export const TICK = 200;
/** Written data are synced this often. */
const SYNC = 1000;
/** So much is written at once. */
const WRITE = 4 * 1024 * 1024;
/** So much of a lane that is on disk is in memory as well. */
const WINDOW = 256 * 1024;
/** The most that is in memory and not on disk: what the disk has no room for, or is too slow for. */
export const MEMORY = 16 * 1024 * 1024;
const LARGEST_SEGMENT = 8 * 1024 * 1024;
const SMALLEST_SEGMENT = 64 * 1024;
/** Attempts to read before a segment is given up, and the pause between them. */
const READS = 3;
const READ_PAUSE = 1000;
/** What no further attempt helps against; all else (too many open files …) may pass. */
const FOR_GOOD = ['EIO', 'ENOENT', 'ELOOP', 'ENXIO', 'EISDIR', 'EUCLEAN', 'EBADMSG'];

export interface DiskSenderOptions<T> extends SenderOptions<T> {
  queue: QueueSettings;
  codec: Codec<T>;
  space: StorageSpace;
  disk: Disk;
}

interface Entry<T> {
  readonly item: T;
  readonly points: number;
  /** Bytes of memory. */
  readonly size: number;
  /** Monotonic milliseconds. */
  readonly since: number;
  /** The count of ticks when it came. */
  readonly tick: number;
  state: 'waiting' | 'sending' | 'over';
  writing: boolean;
  /** Where it is on disk. */
  place?: Place;
  onStored?: () => void;
}

/** In the order of sending: `sending`, `window`, what is unread on disk, `fresh`. */
interface Lane<T> {
  readonly log: LaneLog;
  readonly consumers: number;
  readonly sending: Set<Entry<T>>;
  /** Requests under way. */
  active: number;
  /** On disk and in memory. */
  window: Entry<T>[];
  /** In memory alone. */
  fresh: Entry<T>[];
  reading: boolean;
  /** What could not be read so many times. */
  unreadable?: { segment: Segment | undefined; times: number } | undefined;
  /** Stopping: an attempt has failed, the rest is for the next process. */
  halted: boolean;
  cancelFlush?: (() => void) | undefined;
  cancelRead?: (() => void) | undefined;
}

/**
 * A sender whose queue is on disk. What is sent within some hundred milliseconds is never written; everything else is, in the
 * order of its lane, and only a window of it stays in memory. Each lane has its own log.
 */
export class DiskSender<T> implements Sender<T> {
  readonly #options: DiskSenderOptions<T>;
  readonly #delivery: Delivery<T>;
  readonly #batching: Batching<T>;
  readonly #store: Store;
  readonly #ledger: Ledger;
  readonly #refused: Counter;
  readonly #stopping = new AbortController();
  readonly #ended = new AbortController();
  readonly #overflow: { entry: Entry<T>; admit(): void }[] = [];
  /** Not on disk. */
  readonly #unstored = { records: 0, points: 0, bytes: 0 };
  #epochs: Lane<T>[][] = [];
  #ticks = 0;
  #cancelTick: (() => void) | undefined;
  #lastSync = 0;
  #flushing: Promise<void> | undefined;
  #flushAgain = false;
  #whenIdle: (() => void) | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: DiskSenderOptions<T>) {
    this.#options = options;
    const { host, queue, space } = options;
    const ledger = createLedger(host, () => this.#store.bytes, space);
    this.#ledger = ledger;
    const lanes = options.lane ? queue.num_consumers : 1;
    const share = Math.floor(space.maxBytes / (8 * lanes));
    const segmentBytes = Math.max(SMALLEST_SEGMENT, Math.min(LARGEST_SEGMENT, share));
    const { disk, random } = options;
    this.#store = new Store({ folder: space.folder, disk, lanes, segmentBytes, events: ledger, random });
    this.#batching = createBatching(options, queue.batch);
    this.#delivery = createDelivery(
      { ...options, host: ledger.host, recycle: (item) => this.#recycle(item) },
      { stopping: this.#stopping.signal, ended: this.#ended.signal },
    );
    this.#refused = refusals(host);
    showQueue(host, queue.sizer, { used: () => this.#used(), capacity: queue.queue_size });
  }

  async start(): Promise<void> {
    await this.#store.open();
    const { lane, queue } = this.#options;
    const consumers = lane ? 1 : queue.num_consumers;
    this.#epochs = this.#store.epochs.map((logs) => logs.map((log) => makeLane<T>(log, consumers)));
    this.#ledger.found(this.#store.pending);
    this.#pumpAll();
  }

  async offer(item: T, signal: AbortSignal): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    signal.throwIfAborted();
    const { codec, points, host } = this.#options;
    const entry: Entry<T> = {
      item,
      points: points(item),
      size: codec.weight(item) + FRAME,
      since: host.clock.monotonic(),
      tick: this.#ticks,
      state: 'waiting',
      writing: false,
    };
    if (this.#overflow.length || !this.#makeRoom(entry)) await this.#waitForRoom(entry, signal);
    this.#count(entry, 1);
    const lanes = this.#epochs.at(-1)!;
    const lane = lanes[(this.#options.lane?.(item) ?? 0) % lanes.length]!;
    lane.fresh.push(entry);
    const stored = this.#options.space.fsync ? this.#whenStored(entry) : undefined;
    this.#pump(lane);
    this.#arm();
    await stored;
  }

  stop(signal: AbortSignal): Promise<void> {
    this.#stopped ??= this.#stop(signal);
    return this.#stopped;
  }

  async #stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort(new Error('the exporter is stopping'));
    this.#cancelTick?.();
    this.#cancelTick = () => {};
    const end = () => this.#ended.abort(new Error('the time to drain is over', { cause: signal.reason }));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    const safe = async () => {
      await this.#flushing;
      await this.#flush(true);
    };
    await untilAborted(safe(), this.#ended.signal).catch(() => {});
    for (const lane of this.#epochs.flat()) lane.cancelRead?.();
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      this.#pumpAll();
    });
    await safe();
    this.#giveUpUnstored();
    signal.removeEventListener('abort', end);
    await this.#store.close();
    this.#delivery.flush();
    this.#ledger.flush();
  }

  // ---- room

  #count({ points, size }: Entry<T>, sign: 1 | -1): void {
    this.#unstored.records += sign;
    this.#unstored.points += sign * points;
    this.#unstored.bytes += sign * size;
  }

  /** In the unit of `sizer`. */
  #used(): number {
    const { sizer } = this.#options.queue;
    if (sizer === 'bytes') return this.#store.bytes + this.#unstored.bytes;
    const what = sizer === 'items' ? 'points' : 'records';
    return Math.max(0, this.#store.pending[what]) + this.#unstored[what];
  }

  #sizeOf({ points, size }: Entry<T>): number {
    const { sizer } = this.#options.queue;
    return sizer === 'bytes' ? size : sizer === 'items' ? points : 1;
  }

  /** Why there is no room for it, or undefined. */
  #shortage(entry: Entry<T>): string | undefined {
    const { queue, space } = this.#options;
    if (this.#used() + this.#sizeOf(entry) > queue.queue_size) return `queue_size (${queue.queue_size} ${queue.sizer})`;
    const { bytes } = this.#unstored;
    if (this.#store.bytes + bytes + entry.size > space.maxBytes) return `${space.maxBytes} bytes of ${space.folder}`;
    if (bytes && bytes + entry.size > MEMORY) return `${MEMORY} bytes that are not on disk`;
    return undefined;
  }

  #makeRoom(entry: Entry<T>): boolean {
    const drops = this.#options.queue.when_full === 'drop_oldest';
    for (;;) {
      const shortage = this.#shortage(entry);
      if (!shortage) return true;
      if (!drops || !this.#dropOldest(shortage.includes('not on disk'))) return false;
    }
  }

  async #waitForRoom(entry: Entry<T>, signal: AbortSignal): Promise<void> {
    const { queue, space } = this.#options;
    const { controller, unlink } = linked(signal, this.#ended.signal);
    try {
      const limit = this.#shortage(entry) ?? 'others wait for room';
      const never = this.#sizeOf(entry) > queue.queue_size || entry.size > space.maxBytes;
      if (never) throw new PermanentError(`a batch of ${this.#sizeOf(entry)} ${queue.sizer} is larger than ${limit}`);
      if (!queue.block_on_overflow) throw new Error(`the sending queue is full: ${limit}`);
      await this.#queueForRoom(entry, controller.signal);
    } catch (error) {
      this.#refused.add(entry.points);
      this.#ledger.refused(entry.points);
      throw error;
    } finally {
      unlink();
    }
  }

  #queueForRoom(entry: Entry<T>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#overflow.splice(this.#overflow.indexOf(waiting), 1);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        leave();
        reject(signal.reason);
      };
      const waiting = {
        entry,
        admit() {
          leave();
          resolve();
        },
      };
      this.#overflow.push(waiting);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#admit();
    });
  }

  /** Lets in one that waits; the next is let in when that one has been counted. */
  #admit(): void {
    const next = this.#overflow[0];
    if (!next || this.#shortage(next.entry)) return;
    next.admit();
    queueMicrotask(() => queueMicrotask(() => this.#admit()));
  }

  /** Gives up what has waited longest: a segment, or, where the disk does not work, an item in memory. */
  #dropOldest(inMemory: boolean): boolean {
    const oldest = inMemory ? undefined : this.#store.oldest();
    if (!oldest) return this.#dropFresh();
    const { log, segment } = oldest;
    let points = 0;
    for (const lane of this.#epochs.flat()) {
      if (lane.log !== log) continue;
      for (const entry of lane.window) if (entry.place!.segment === segment) points += entry.points;
      lane.window = lane.window.filter((entry) => entry.place!.segment !== segment);
    }
    points += log.drop(segment).points;
    this.#ledger.lost('overflow', points);
    return true;
  }

  #dropFresh(): boolean {
    const first = (lane: Lane<T>) => lane.fresh.find((entry) => !entry.writing);
    let oldest: { lane: Lane<T>; entry: Entry<T> } | undefined;
    for (const lane of this.#epochs.at(-1)!) {
      const entry = first(lane);
      if (entry && !(oldest && oldest.entry.since <= entry.since)) oldest = { lane, entry };
    }
    if (!oldest) return false;
    const { lane, entry } = oldest;
    lane.fresh.splice(lane.fresh.indexOf(entry), 1);
    this.#count(entry, -1);
    this.#ledger.lost('overflow', entry.points);
    return true;
  }

  // ---- sending

  #pumpAll(): void {
    for (const lane of this.#epochs[0] ?? []) this.#pump(lane);
    this.#checkIdle();
  }

  #pump(lane: Lane<T>): void {
    // An earlier epoch is sent first: its lanes may hold the same series.
    if (!this.#epochs[0]?.includes(lane)) return;
    while (lane.active < lane.consumers && !lane.halted) {
      const waiting = lane.window.length ? lane.window : lane.fresh;
      if (!lane.window.length && (lane.reading || lane.log.unread)) {
        this.#refill(lane);
        break;
      }
      if (!waiting.length || !this.#mayGoOn(lane) || !this.#ready(lane, waiting)) break;
      void this.#send(lane, waiting.splice(0, this.#batching.count(waiting)));
      if (sizeOfAll(lane.window) < WINDOW / 2) this.#refill(lane);
    }
    this.#endEpoch();
    this.#checkIdle();
  }

  /** Stopping: what is in memory is sent, a backlog is for the next process. */
  #mayGoOn(lane: Lane<T>): boolean {
    return !this.#stopping.signal.aborted || !lane.log.unread;
  }

  #ready(lane: Lane<T>, waiting: readonly Entry<T>[]): boolean {
    const { clock } = this.#options.host;
    lane.cancelFlush?.();
    lane.cancelFlush = undefined;
    const left = this.#stopping.signal.aborted ? 0 : this.#batching.wait(waiting, clock.monotonic());
    if (left <= 0) return true;
    lane.cancelFlush = clock.after(left, () => this.#pump(lane));
    return false;
  }

  async #send(lane: Lane<T>, entries: readonly Entry<T>[]): Promise<void> {
    lane.active++;
    for (const entry of entries) {
      entry.state = 'sending';
      lane.sending.add(entry);
    }
    const result = await this.#deliver(entries);
    if (result === KEPT) this.#keep(lane, entries);
    else await this.#finish(lane, entries);
    lane.active--;
    this.#admit();
    this.#pump(lane);
  }

  async #deliver(entries: readonly Entry<T>[]): Promise<unknown> {
    let failure: unknown;
    try {
      for (const item of this.#batching.requests(entries.map((entry) => entry.item))) {
        const result = await this.#delivery.deliver(item, { kept: true });
        if (result === KEPT) return KEPT;
        failure = result ?? failure;
      }
    } catch (error) {
      // Only an exporter's own mistake (in points, merge, chop …) gets here; the consumer must live on.
      this.#options.host.log.error('could not send a batch', { error });
      failure = error;
    }
    return failure;
  }

  #keep(lane: Lane<T>, entries: readonly Entry<T>[]): void {
    lane.halted = true;
    for (const entry of entries) {
      lane.sending.delete(entry);
      entry.state = 'waiting';
    }
    lane.fresh.unshift(...entries.filter((entry) => !entry.place));
  }

  /** Sent or given up. Resolves when a crash would not bring it back. */
  async #finish(lane: Lane<T>, entries: readonly Entry<T>[]): Promise<void> {
    const places: Place[] = [];
    for (const entry of entries) {
      lane.sending.delete(entry);
      entry.state = 'over';
      if (entry.place) places.push(entry.place);
      else if (!entry.writing) this.#leave(entry);
      if (entries.length > 1) this.#recycle(entry.item);
    }
    await lane.log.done(places);
  }

  /** It is not on disk, and need not be any more. */
  #leave(entry: Entry<T>): void {
    this.#count(entry, -1);
    entry.onStored?.();
  }

  readonly #writing = new Set<T>();
  #recycle(item: T): void {
    if (!this.#writing.has(item)) this.#options.recycle?.(item);
  }

  #endEpoch(): void {
    const [first] = this.#epochs;
    if (this.#epochs.length < 2 || !first!.every((lane) => isEmpty(lane))) return;
    this.#epochs.shift();
    this.#store.endEpoch();
    for (const lane of this.#epochs[0]!) this.#pump(lane);
  }

  #checkIdle(): void {
    if (this.#whenIdle && this.#epochs.flat().every((lane) => lane.active === 0 && !lane.reading)) this.#whenIdle();
  }

  // ---- reading

  #refill(lane: Lane<T>): void {
    if (lane.reading || !lane.log.unread || this.#stopping.signal.aborted) return;
    lane.reading = true;
    void this.#read(lane).finally(() => {
      lane.reading = false;
      this.#pump(lane);
      this.#checkIdle();
    });
  }

  async #read(lane: Lane<T>): Promise<void> {
    const { codec } = this.#options;
    const segment = lane.log.nextToRead;
    try {
      const unknown: Place[] = [];
      for (const { payload, ...place } of await lane.log.take()) {
        const item = codec.decode(payload, place.points);
        if (item === undefined) unknown.push(place);
        else lane.window.push(entryOf(item, place));
      }
      if (unknown.length) await this.#unknown(lane, unknown);
    } catch (error) {
      await this.#cannotRead(lane, segment, error);
    }
  }

  async #unknown(lane: Lane<T>, places: readonly Place[]): Promise<void> {
    this.#ledger.lost(
      'unknown_format',
      places.reduce((sum, { points }) => sum + points, 0),
    );
    await lane.log.done(places);
  }

  async #cannotRead(lane: Lane<T>, segment: Segment | undefined, error: unknown): Promise<void> {
    if (!segment || segment.gone) return;
    this.#ledger.failed('read', error);
    const times = lane.unreadable?.segment === segment ? lane.unreadable.times + 1 : 1;
    lane.unreadable = { segment, times };
    if (times >= READS && FOR_GOOD.includes((error as NodeJS.ErrnoException).code ?? '')) {
      this.#ledger.lost('unreadable', lane.log.drop(segment).points);
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = this.#options.host.clock.after(READ_PAUSE, resolve);
      lane.cancelRead = () => {
        cancel();
        resolve();
      };
    });
  }

  // ---- writing

  #whenStored(entry: Entry<T>): Promise<void> {
    const stored = new Promise<void>((resolve) => {
      entry.onStored = resolve;
    });
    void this.#flush(true);
    return stored;
  }

  #arm(): void {
    if (this.#cancelTick || this.#stopping.signal.aborted) return;
    if (!this.#unstored.records && !this.#store.dirty && !this.#ledger.inTrouble) return;
    this.#cancelTick = this.#options.host.clock.after(TICK, () => {
      this.#ticks++;
      void this.#flush(false).then(() => {
        this.#cancelTick = undefined;
        this.#arm();
      });
    });
  }

  /** Writes what has waited long enough, or all; when it writes already, once more afterwards. Never rejects. */
  #flush(all: boolean): Promise<void> {
    if (this.#flushing) {
      this.#flushAgain ||= all;
      return this.#flushing;
    }
    this.#flushing = this.#flushAll(all).finally(() => {
      this.#flushing = undefined;
      this.#admit();
      if (this.#flushAgain) void this.#flush(true);
      this.#flushAgain = false;
    });
    return this.#flushing;
  }

  async #flushAll(all: boolean): Promise<void> {
    const synced = this.#options.space.fsync;
    const stored: Entry<T>[] = [];
    const tries = this.#stopping.signal.aborted || this.#ledger.mayWrite();
    for (const lane of tries ? (this.#epochs.at(-1) ?? []) : []) {
      for (let batch = this.#due(lane, all); batch.length; batch = this.#due(lane, all)) {
        stored.push(...batch);
        if (!(await this.#write(lane, batch))) break;
      }
    }
    if (tries && !stored.length) this.#ledger.works(true);
    const now = this.#options.host.clock.monotonic();
    if (this.#store.dirty && (synced || now - this.#lastSync >= SYNC)) {
      this.#lastSync = now;
      await this.#store.sync().catch((error) => this.#ledger.failed('sync', error));
    }
    for (const entry of stored) if (entry.place) entry.onStored?.();
    // A disk that does not work must not hold up those who wait.
    if (synced && !this.#ledger.mayWrite()) for (const entry of this.#allUnstored()) entry.onStored?.();
  }

  #allUnstored(): Entry<T>[] {
    return this.#epochs.at(-1)?.flatMap(({ sending, fresh }) => [...sending, ...fresh].filter((e) => !e.place)) ?? [];
  }

  /** The first of a lane that are not on disk, and should be. */
  #due(lane: Lane<T>, all: boolean): Entry<T>[] {
    const due: Entry<T>[] = [];
    let size = 0;
    for (const entry of [...lane.sending, ...lane.fresh]) {
      if (entry.place) continue;
      if (size > WRITE || !(all || entry.tick <= this.#ticks - 2)) break;
      due.push(entry);
      size += entry.size;
    }
    return due;
  }

  async #write(lane: Lane<T>, batch: readonly Entry<T>[]): Promise<boolean> {
    for (const entry of batch) {
      entry.writing = true;
      this.#writing.add(entry.item);
    }
    const { codec, host } = this.#options;
    let written: Awaited<ReturnType<LaneLog['append']>>;
    try {
      const records = await Promise.all(
        batch.map(async ({ item, points }) => ({ payload: await codec.encode(item), points })),
      );
      written = await lane.log.append(records);
    } catch (error) {
      host.log.error('could not write a batch to the queue on disk', { error });
      written = { places: [], error };
    }
    for (const entry of batch) this.#writing.delete(entry.item);
    for (const [i, entry] of batch.entries()) this.#written(lane, entry, written.places[i]);
    lane.fresh = lane.fresh.filter((entry) => !entry.place);
    if (written.error !== undefined) this.#ledger.broken(written.error);
    else this.#ledger.works();
    return written.error === undefined;
  }

  #written(lane: Lane<T>, entry: Entry<T>, place: Place | undefined): void {
    entry.writing = false;
    if (!place) {
      if (entry.state === 'over') this.#leave(entry);
      return;
    }
    entry.place = place;
    this.#count(entry, -1);
    const keep = entry.state !== 'waiting' || (!lane.reading && sizeOfAll(lane.window) + entry.size <= WINDOW);
    const claimed = keep && lane.log.claim(place);
    if (entry.state === 'over') void lane.log.done([place]);
    else if (entry.state === 'waiting' && claimed) lane.window.push(entry);
    else if (entry.state === 'waiting') this.#recycle(entry.item);
  }

  #giveUpUnstored(): void {
    for (const entry of this.#allUnstored()) {
      this.#count(entry, -1);
      this.#ledger.lost('stopped', entry.points);
    }
    for (const lane of this.#epochs.at(-1) ?? []) lane.fresh = [];
  }
}

/** Read back from the disk. */
function entryOf<T>(item: T, place: Place): Entry<T> {
  const { points, from, to } = place;
  // It has waited long enough for any `flush_timeout`.
  const since = Number.NEGATIVE_INFINITY;
  return { item, points, size: to - from, since, tick: 0, state: 'waiting', writing: false, place };
}

const isEmpty = <T>({ log, active, reading, window }: Lane<T>): boolean =>
  !active && !reading && !window.length && !log.unread;

const sizeOfAll = <T>(entries: readonly Entry<T>[]): number => entries.reduce((sum, { size }) => sum + size, 0);

function makeLane<T>(log: LaneLog, consumers: number): Lane<T> {
  return {
    log,
    consumers,
    active: 0,
    sending: new Set(),
    window: [],
    fresh: [],
    reading: false,
    halted: false,
  };
}
