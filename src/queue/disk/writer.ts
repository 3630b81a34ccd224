import { count, type Entry, type Lane, newest, type Shared, sizeOfAll } from './entries.ts';
import type { LaneLog, Place } from './lane-log.ts';

/** What is in memory waits this long for its request to end before it is written, and at most twice as long. Milliseconds. */
export const TICK = 200;
/** Written data are synced this often. */
const SYNC = 1000;
/** So much is written at once. */
const WRITE = 4 * 1024 * 1024;
/** So much of a lane that is on disk is in memory as well. */
export const WINDOW = 256 * 1024;

/** Brings to the disk what was not sent soon. */
export class Writer<T> {
  readonly #shared: Shared<T>;
  readonly #writing = new Set<T>();
  #ticks = 0;
  #cancelTick: (() => void) | undefined;
  #lastSync = 0;
  #flushing: Promise<void> | undefined;
  #flushAgain = false;
  #syncing: Promise<void> | undefined;

  constructor(shared: Shared<T>) {
    this.#shared = shared;
  }

  get ticks(): number {
    return this.#ticks;
  }

  /** Its bytes are on their way to the disk. */
  isWriting(item: T): boolean {
    return this.#writing.has(item);
  }

  /** Resolves when the entry is on disk, or need not be any more, or when the disk does not work. */
  whenStored(entry: Entry<T>): Promise<void> {
    const stored = new Promise<void>((resolve) => {
      entry.onStored = resolve;
    });
    void this.#flush(true);
    return stored;
  }

  /** Sees to it that what is there now is looked at again. */
  arm(): void {
    const { unstored, store, ledger, stopping, options } = this.#shared;
    if (this.#cancelTick || stopping.aborted) return;
    if (!unstored.records && !store.dirty && !ledger.inTrouble) return;
    this.#cancelTick = options.host.clock.after(TICK, () => {
      this.#ticks++;
      void this.#flush(false).then(() => {
        this.#cancelTick = undefined;
        this.arm();
      });
    });
  }

  /** Writes everything, once more where it is writing already, and from now on only when told to. */
  async finish(): Promise<void> {
    this.#cancelTick?.();
    await this.#flushing;
    await this.#flush(true);
  }

  /** Entries that are in memory alone, in the order of their lane. */
  unstored(lane: Lane<T>): Entry<T>[] {
    return [...lane.sending, ...lane.fresh].filter((entry) => !entry.place);
  }

  /** Writes what has waited long enough, or all; when it writes already, once more afterwards. Never rejects. */
  #flush(all: boolean): Promise<void> {
    if (this.#flushing) {
      this.#flushAgain ||= all;
      return this.#flushing;
    }
    this.#flushing = this.#flushAll(all).finally(() => {
      this.#flushing = undefined;
      this.#shared.admit();
      if (this.#flushAgain) void this.#flush(true);
      this.#flushAgain = false;
    });
    return this.#flushing;
  }

  async #flushAll(all: boolean): Promise<void> {
    const { ledger, stopping } = this.#shared;
    const written: Entry<T>[] = [];
    if (stopping.aborted || ledger.mayWrite()) {
      for (const lane of newest(this.#shared)) written.push(...(await this.#flushLane(lane, all)));
      if (!written.length) ledger.works(true);
    }
    if (this.#shared.options.space.fsync) await this.#sync();
    // A slow sync must not hold up what comes meanwhile.
    else void this.#sync();
    for (const entry of written) if (entry.place) entry.onStored?.();
    // A disk that does not work must not hold up those who wait.
    if (!ledger.inTrouble) return;
    for (const entry of newest(this.#shared).flatMap((lane) => this.unstored(lane))) entry.onStored?.();
  }

  async #flushLane(lane: Lane<T>, all: boolean): Promise<Entry<T>[]> {
    const done: Entry<T>[] = [];
    for (let batch = this.#due(lane, all); batch.length; batch = this.#due(lane, all)) {
      done.push(...batch);
      if (!(await this.#write(lane, batch))) break;
    }
    return done;
  }

  async #sync(): Promise<void> {
    const { store, ledger, options } = this.#shared;
    const now = options.host.clock.monotonic();
    if (!store.dirty || !(options.space.fsync || now - this.#lastSync >= SYNC)) return;
    this.#lastSync = now;
    this.#syncing ??= store.sync().catch((error) => ledger.failed('sync', error));
    await this.#syncing;
    this.#syncing = undefined;
  }

  /** The first of a lane that are not on disk, and should be. */
  #due(lane: Lane<T>, all: boolean): Entry<T>[] {
    const due: Entry<T>[] = [];
    let size = 0;
    for (const entry of this.unstored(lane)) {
      if (size > WRITE || !(all || entry.tick <= this.#ticks - 2)) break;
      due.push(entry);
      size += entry.size;
    }
    return due;
  }

  async #write(lane: Lane<T>, batch: readonly Entry<T>[]): Promise<boolean> {
    const { ledger } = this.#shared;
    for (const entry of batch) {
      entry.writing = true;
      this.#writing.add(entry.item);
    }
    const { places, error } = await this.#append(lane, batch);
    for (const entry of batch) this.#writing.delete(entry.item);
    for (const [i, entry] of batch.entries()) this.#written(lane, entry, places[i]);
    lane.fresh = lane.fresh.filter((entry) => !entry.place);
    if (error !== undefined) ledger.broken(error);
    else ledger.works();
    return error === undefined;
  }

  async #append(lane: Lane<T>, batch: readonly Entry<T>[]): ReturnType<LaneLog['append']> {
    const { codec, host } = this.#shared.options;
    try {
      const records = batch.map(async ({ item, points }) => ({ payload: await codec.encode(item), points }));
      return await lane.log.append(await Promise.all(records));
    } catch (error) {
      host.log.error('could not write a batch to the queue on disk', { error });
      return { places: [], error };
    }
  }

  #written(lane: Lane<T>, entry: Entry<T>, place: Place | undefined): void {
    entry.writing = false;
    if (!place) {
      if (entry.state === 'over') this.leave(entry);
      return;
    }
    entry.place = place;
    count(this.#shared, entry, -1);
    const isNeeded = entry.state !== 'waiting';
    const fits = !lane.reading && sizeOfAll(lane.window) + entry.size <= WINDOW;
    const claimed = (isNeeded || fits) && lane.log.claim(place);
    if (entry.state === 'over') void lane.log.done([place]);
    else if (!isNeeded && claimed) lane.window.push(entry);
    else if (!isNeeded) this.#shared.recycle(entry.item);
  }

  /** It is not on disk, and need not be any more. */
  leave(entry: Entry<T>): void {
    count(this.#shared, entry, -1);
    entry.onStored?.();
  }
}
