import type { StorageSpace } from '#component';
import type { Codec } from '../codec.ts';
import type { SenderOptions } from '../sender.ts';
import type { QueueSettings } from '../settings.ts';
import type { Disk } from './disk.ts';
import type { Tally } from './format.ts';
import type { LaneLog, Place } from './lane-log.ts';
import type { Ledger } from './ledger.ts';
import type { Segment } from './segment.ts';
import type { Store } from './store.ts';

export interface DiskSenderOptions<T> extends SenderOptions<T> {
  queue: QueueSettings;
  codec: Codec<T>;
  space: StorageSpace;
  disk: Disk;
}

/** An item that waits, with what is known of it. */
export interface Entry<T> {
  readonly item: T;
  readonly points: number;
  /** Bytes of memory. */
  readonly size: number;
  /** Monotonic milliseconds. */
  readonly since: number;
  /** The writer's count of ticks when it came. */
  readonly tick: number;
  state: 'waiting' | 'sending' | 'over';
  writing: boolean;
  /** Where it is on disk. */
  place?: Place;
  onStored?: () => void;
}

/** In the order of sending: `sending`, `window`, what is unread on disk, `fresh`. */
export interface Lane<T> {
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
  unreadable?: { segment: Segment; times: number } | undefined;
  /** Stopping: an attempt has failed, the rest is for the next process. */
  halted: boolean;
  cancelFlush?: (() => void) | undefined;
  cancelRead?: (() => void) | undefined;
}

/** What the parts of a sender share. */
export interface Shared<T> {
  readonly options: DiskSenderOptions<T>;
  readonly store: Store;
  readonly ledger: Ledger;
  /** Not on disk. */
  readonly unstored: Tally & { bytes: number };
  /** By age; new items go to the last, and the first is sent. */
  epochs: Lane<T>[][];
  readonly stopping: AbortSignal;
  readonly ended: AbortSignal;
  /** Something may be sent now. */
  pump(lane: Lane<T>): void;
  /** There may be room now. */
  admit(): void;
  /** Nobody in the sender needs its memory any more. */
  recycle(item: T): void;
}

export const newest = <T>({ epochs }: Shared<T>): readonly Lane<T>[] => epochs.at(-1) ?? [];

export function makeLane<T>(log: LaneLog, consumers: number): Lane<T> {
  return { log, consumers, active: 0, sending: new Set(), window: [], fresh: [], reading: false, halted: false };
}

export const isEmpty = <T>({ log, active, reading, window }: Lane<T>): boolean =>
  !active && !reading && !window.length && !log.unread;

export const sizeOfAll = <T>(entries: readonly Entry<T>[]): number => entries.reduce((sum, { size }) => sum + size, 0);

/** An entry that is not on disk comes (1) or goes (-1). */
export function count<T>({ unstored }: Shared<T>, { points, size }: Entry<T>, sign: 1 | -1): void {
  unstored.records += sign;
  unstored.points += sign * points;
  unstored.bytes += sign * size;
}

/** Read back from the disk. */
export function storedEntry<T>(item: T, place: Place): Entry<T> {
  const { points, from, to } = place;
  // It has waited long enough for any `flush_timeout`.
  const since = Number.NEGATIVE_INFINITY;
  return { item, points, size: to - from, since, tick: 0, state: 'waiting', writing: false, place };
}
