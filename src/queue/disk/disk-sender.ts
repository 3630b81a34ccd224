import { type Batching, createBatching } from '../batching.ts';
import { createDelivery, type Delivery, KEPT } from '../delivery.ts';
import { type Sender, showQueue } from '../sender.ts';
import { untilAborted, withLimit } from '../signals.ts';
import { type Admission, createAdmission } from './admission.ts';
import {
  count,
  type DiskSenderOptions,
  type Entry,
  isEmpty,
  type Lane,
  makeLane,
  newest,
  type Shared,
  sizeOfAll,
} from './entries.ts';
import { FRAME } from './format.ts';
import type { Place } from './lane-log.ts';
import { createLedger } from './ledger.ts';
import { createReader } from './reader.ts';
import { Store } from './store.ts';
import { WINDOW, Writer } from './writer.ts';

const LARGEST_SEGMENT = 8 * 1024 * 1024;
const SMALLEST_SEGMENT = 64 * 1024;

/** Senders of this process that still close their folder, which a reload may want again. */
const closing = new Map<string, Promise<void>>();
/** A disk that hangs must not hold up a reload for ever, in milliseconds. */
const LONGEST_CLOSE = 10_000;

/**
 * A sender whose queue is on disk. What is sent within some hundred milliseconds is never written; everything else is, in the
 * order of its lane, and only a window of it stays in memory. Each lane has its own log.
 */
export class DiskSender<T> implements Sender<T> {
  readonly #options: DiskSenderOptions<T>;
  readonly #shared: Shared<T>;
  readonly #delivery: Delivery<T>;
  readonly #batching: Batching<T>;
  readonly #admission: Admission<T>;
  readonly #writer: Writer<T>;
  readonly #refill: (lane: Lane<T>) => void;
  readonly #stopping = new AbortController();
  readonly #ended = new AbortController();
  #whenIdle: (() => void) | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: DiskSenderOptions<T>) {
    const { host, queue } = options;
    this.#options = options;
    this.#shared = this.#makeShared();
    this.#batching = createBatching(options, queue.batch);
    this.#admission = createAdmission(this.#shared);
    this.#writer = new Writer(this.#shared);
    this.#refill = createReader(this.#shared);
    this.#delivery = createDelivery(
      { ...options, host: this.#shared.ledger.host, recycle: (item) => this.#shared.recycle(item) },
      { stopping: this.#stopping.signal, ended: this.#ended.signal },
    );
    showQueue(host, queue.sizer, { used: () => this.#admission.used(), capacity: queue.queue_size });
  }

  #makeShared(): Shared<T> {
    const { host, queue, space, disk, random, lane } = this.#options;
    const lanes = lane ? queue.num_consumers : 1;
    const share = Math.floor(space.maxBytes / (8 * lanes));
    const segmentBytes = Math.max(SMALLEST_SEGMENT, Math.min(LARGEST_SEGMENT, share));
    const ledger = createLedger(host, () => store.bytes, space);
    const store = new Store({ folder: space.folder, disk, lanes, segmentBytes, events: ledger, random });
    return {
      options: this.#options,
      store,
      ledger,
      unstored: { records: 0, points: 0, bytes: 0 },
      epochs: [],
      stopping: this.#stopping.signal,
      ended: this.#ended.signal,
      pump: (one) => this.#pump(one),
      admit: () => this.#admission.admit(),
      recycle: (item) => {
        if (!this.#writer.isWriting(item)) this.#options.recycle?.(item);
      },
    };
  }

  async start(): Promise<void> {
    const { store, ledger } = this.#shared;
    const { lane, queue, space, host } = this.#options;
    const before = closing.get(space.folder);
    if (before) await withLimit(before, host.clock, LONGEST_CLOSE);
    await store.open();
    const consumers = lane ? 1 : queue.num_consumers;
    this.#shared.epochs = store.epochs.map((logs) => logs.map((log) => makeLane<T>(log, consumers)));
    ledger.found(store.pending);
    this.#pumpAll();
  }

  async offer(item: T, signal: AbortSignal): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    signal.throwIfAborted();
    const entry = this.#entryFor(item);
    const entering = this.#admission.enter(entry, signal);
    if (entering) await entering;
    const lanes = newest(this.#shared);
    const lane = lanes[(this.#options.lane?.(item) ?? 0) % lanes.length]!;
    lane.fresh.push(entry);
    this.#pump(lane);
    if (this.#options.space.fsync && entry.state !== 'over') await this.#writer.whenStored(entry);
    this.#writer.arm();
  }

  #entryFor(item: T): Entry<T> {
    const { codec, points, host } = this.#options;
    return {
      item,
      points: points(item),
      size: codec.weight(item) + FRAME,
      since: host.clock.monotonic(),
      tick: this.#writer.ticks,
      state: 'waiting',
      writing: false,
    };
  }

  stop(signal: AbortSignal): Promise<void> {
    if (this.#stopped) return this.#stopped;
    const { folder } = this.#options.space;
    const stopped = this.#stop(signal).finally(() => {
      if (closing.get(folder) === stopped) closing.delete(folder);
    });
    closing.set(folder, stopped);
    this.#stopped = stopped;
    return stopped;
  }

  /** First everything is brought to safety; then what is in memory gets an attempt more, until the signal aborts. */
  async #stop(signal: AbortSignal): Promise<void> {
    const { store, ledger, epochs } = this.#shared;
    this.#stopping.abort(new Error('the exporter is stopping'));
    const end = () => this.#ended.abort(new Error('the time to drain is over', { cause: signal.reason }));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    await untilAborted(this.#writer.finish(), this.#ended.signal).catch(() => {});
    for (const lane of epochs.flat()) {
      lane.cancelRead?.();
      lane.cancelFlush?.();
    }
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      this.#pumpAll();
    });
    await this.#writer.finish();
    this.#giveUpUnstored();
    signal.removeEventListener('abort', end);
    // Whoever still waits for room waits in vain.
    this.#ended.abort(new Error('the exporter has stopped'));
    await store.close();
    this.#delivery.flush();
    ledger.flush();
  }

  #giveUpUnstored(): void {
    for (const lane of newest(this.#shared)) {
      for (const entry of this.#writer.unstored(lane)) {
        count(this.#shared, entry, -1);
        this.#shared.ledger.lost('stopped', entry.points);
      }
      lane.fresh = [];
    }
  }

  #pumpAll(): void {
    for (const lane of this.#shared.epochs[0] ?? []) this.#pump(lane);
    this.#checkIdle();
  }

  #pump(lane: Lane<T>): void {
    // An earlier epoch is sent first: its lanes may hold the same series.
    const isTurn = this.#shared.epochs[0]?.includes(lane);
    while (isTurn && lane.active < lane.consumers && !lane.halted) {
      if (!lane.window.length && (lane.reading || lane.log.unread)) {
        this.#refill(lane);
        break;
      }
      const waiting = lane.window.length ? lane.window : lane.fresh;
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
    this.#admission.admit();
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
      else if (!entry.writing) this.#writer.leave(entry);
      if (entries.length > 1) this.#shared.recycle(entry.item);
    }
    await lane.log.done(places);
  }

  #endEpoch(): void {
    const { epochs, store } = this.#shared;
    if (epochs.length < 2 || !epochs[0]!.every((lane) => isEmpty(lane))) return;
    epochs.shift();
    store.endEpoch();
    for (const lane of epochs[0]!) this.#pump(lane);
  }

  #checkIdle(): void {
    const isIdle = (lane: Lane<T>) => lane.active === 0 && !lane.reading;
    if (this.#whenIdle && this.#shared.epochs.flat().every(isIdle)) this.#whenIdle();
  }
}
