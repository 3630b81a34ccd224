import type { Disk } from './disk.ts';
import type { SegmentName, Tally } from './format.ts';
import { inspect } from './inspect.ts';
import { LaneLog } from './lane-log.ts';
import { add, type Segment } from './segment.ts';

/** What becomes known of a queue's files. */
export interface StoreEvents {
  /** Damaged bytes were skipped; so many records at least. */
  corrupt(): void;
  /** Points that will not be sent, for that reason. */
  lost(reason: 'corrupt', points: number): void;
  /** Something could not be done. */
  failed(operation: string, error: unknown): void;
  /** All that was in a segment is gone, nobody knows how much. */
  emptied(path: string): void;
  /** A file that looks like one of ours is not touched. */
  leftAlone(path: string, why: string): void;
}

/** What a lane's log needs of its store. */
export interface Surroundings {
  readonly folder: string;
  readonly disk: Disk;
  readonly segmentBytes: number;
  /** In all segments: unread, or handed out and not done. */
  readonly pending: Tally;
  next(lane: number, lanes: number): SegmentName;
  grow(bytes: number): void;
  newFile(): void;
  /** Work that must be over when the store is closed. */
  track(work: Promise<void>): Promise<void>;
  corrupt(): void;
  lost(reason: 'corrupt', points: number): void;
  failed(operation: string, error: unknown): void;
}

export interface StoreOptions {
  folder: string;
  disk: Disk;
  lanes: number;
  segmentBytes: number;
  events: StoreEvents;
  random?: (() => number) | undefined;
}

/** A queue's folder. */
export class Store {
  readonly #options: StoreOptions;
  readonly #around: Surroundings;
  readonly #pending: Tally = { records: 0, points: 0 };
  readonly #working = new Set<Promise<void>>();
  /** The logs of earlier numbers of lanes, then those of today's. */
  #epochs: LaneLog[][];
  #seq = 0;
  #bytes = 0;
  #newFiles = false;
  #dirty = false;

  constructor(options: StoreOptions) {
    this.#options = options;
    const { folder, disk, segmentBytes, events } = options;
    this.#around = {
      folder,
      disk,
      segmentBytes,
      pending: this.#pending,
      next: (lane, lanes) => ({ seq: ++this.#seq, lane, lanes, salt: this.#salt() }),
      grow: (bytes) => {
        this.#bytes += bytes;
        this.#dirty = true;
      },
      newFile: () => {
        this.#newFiles = true;
      },
      track: (work) => {
        const tracked = work.finally(() => this.#working.delete(tracked));
        this.#working.add(tracked);
        return tracked;
      },
      corrupt: () => events.corrupt(),
      lost: (reason, points) => events.lost(reason, points),
      failed: (operation, error) => events.failed(operation, error),
    };
    this.#epochs = [this.#newEpoch()];
  }

  /** Bytes in all files. */
  get bytes(): number {
    return this.#bytes;
  }

  get pending(): Readonly<Tally> {
    return this.#pending;
  }

  /** Written since the last `sync`. */
  get dirty(): boolean {
    return this.#dirty;
  }

  /** By age: each epoch is to be sent before the next, because a series may have another lane there. The last is written to. */
  get epochs(): readonly (readonly LaneLog[])[] {
    return this.#epochs;
  }

  get lanes(): readonly LaneLog[] {
    return this.#epochs.at(-1)!;
  }

  /** Finds what an earlier process left. Never rejects. */
  async open(): Promise<void> {
    const { folder, disk, events } = this.#options;
    try {
      await disk.makeFolder(folder);
      const { segments, torn, emptied, leftAlone } = await inspect(folder, disk);
      for (const { path, why } of leftAlone) events.leftAlone(path, why);
      for (const path of emptied) events.emptied(path);
      for (const points of torn) {
        events.corrupt();
        events.lost('corrupt', points);
      }
      this.#adopt(segments);
    } catch (error) {
      events.failed('open', error);
    }
  }

  /** An epoch that is not the last, and was sent, is over. */
  endEpoch(): void {
    if (this.#epochs.length > 1) this.#epochs.shift();
  }

  /** The segment that was begun first, of those that hold something. */
  oldest(): { log: LaneLog; segment: Segment } | undefined {
    let found: { log: LaneLog; segment: Segment } | undefined;
    for (const log of this.#epochs.flat()) {
      const segment = log.oldest;
      if (segment && !(found && found.segment.name.seq < segment.name.seq)) found = { log, segment };
    }
    return found;
  }

  /** What was written is safe from a power cut when it resolves. Rejects when that cannot be said. */
  async sync(): Promise<void> {
    const { disk, folder } = this.#options;
    const newFiles = this.#newFiles;
    this.#dirty = false;
    this.#newFiles = false;
    try {
      for (const log of this.#epochs.flat()) await log.sync();
      if (newFiles) await disk.syncFolder(folder);
    } catch (error) {
      this.#dirty = true;
      this.#newFiles ||= newFiles;
      throw error;
    }
  }

  /** Ends writing; what is still pending is there for the next process. */
  async close(): Promise<void> {
    await Promise.all(this.#working);
    for (const log of this.#epochs.flat()) await log.close();
    await Promise.all(this.#working);
  }

  #adopt(segments: readonly Segment[]): void {
    const epochs: Segment[][] = [];
    for (const segment of segments) {
      this.#seq = Math.max(this.#seq, segment.name.seq);
      this.#bytes += segment.size + (segment.ackSize ?? 0);
      add(this.#pending, segment.total);
      add(this.#pending, segment.done, -1);
      const last = epochs.at(-1);
      if (last && last[0]!.name.lanes === segment.name.lanes) last.push(segment);
      else epochs.push([segment]);
    }
    const made = epochs.map((own) => this.#newEpoch(own[0]!.name.lanes, own));
    const { lanes } = this.#options;
    const goesOn = segments.at(-1)?.name.lanes === lanes;
    this.#epochs = goesOn ? made : [...made, this.#newEpoch()];
  }

  #newEpoch(lanes = this.#options.lanes, segments: readonly Segment[] = []): LaneLog[] {
    const used = new Set(segments.map(({ name }) => name.lane));
    const numbers = segments.length && lanes !== this.#options.lanes ? [...used] : [...Array(lanes).keys()];
    return numbers.map((lane) => {
      const own = segments.filter(({ name }) => name.lane === lane);
      return new LaneLog(this.#around, lane, lanes, own);
    });
  }

  #salt(): number {
    return Math.floor((this.#options.random ?? Math.random)() * 2 ** 32);
  }
}
