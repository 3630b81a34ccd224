import { PermanentError } from '#component';
import { refusals } from '../sender.ts';
import { linked } from '../signals.ts';
import { count, type Entry, type Lane, newest, type Shared } from './entries.ts';

/** The most that is in memory and not on disk: what the disk has no room for, or is too slow for. */
export const MEMORY = 16 * 1024 * 1024;

/** Who may come in, and who has to go. */
export interface Admission<T> {
  /** In the unit of `sizer`. */
  used(): number;
  /** Takes room for an entry. Gives undefined when there is some at once, and rejects, with all counted, when there is none. */
  enter(entry: Entry<T>, signal: AbortSignal): Promise<void> | undefined;
  /** There may be room now for one that waits. */
  admit(): void;
}

export function createAdmission<T>(shared: Shared<T>): Admission<T> {
  const { options, store, ledger, unstored } = shared;
  const { queue, space, host } = options;
  const refused = refusals(host);
  const waiting: { entry: Entry<T>; admit(): void }[] = [];

  function used(): number {
    if (queue.sizer === 'bytes') return store.bytes + unstored.bytes;
    const what = queue.sizer === 'items' ? 'points' : 'records';
    return Math.max(0, store.pending[what]) + unstored[what];
  }

  const sizeOf = ({ points, size }: Entry<T>) =>
    queue.sizer === 'bytes' ? size : queue.sizer === 'items' ? points : 1;

  /** What there is too little of, or undefined. */
  function shortage(entry: Entry<T>): { of: string; isMemory?: boolean } | undefined {
    const { bytes } = unstored;
    if (used() + sizeOf(entry) > queue.queue_size) return { of: `queue_size (${queue.queue_size} ${queue.sizer})` };
    if (store.bytes + bytes + entry.size > space.maxBytes) return { of: `${space.maxBytes} bytes in ${space.folder}` };
    if (bytes && bytes + entry.size > MEMORY) return { of: `${MEMORY} bytes that are not on disk`, isMemory: true };
    return undefined;
  }

  function makeRoom(entry: Entry<T>): boolean {
    for (let lack = shortage(entry); lack; lack = shortage(entry)) {
      if (queue.when_full !== 'drop_oldest' || !dropOldest(lack.isMemory === true)) return false;
    }
    return true;
  }

  async function wait(entry: Entry<T>, signal: AbortSignal): Promise<void> {
    const { controller, unlink } = linked(signal, shared.ended);
    try {
      const limit = shortage(entry)?.of ?? 'others wait for room';
      const size = sizeOf(entry);
      if (size > queue.queue_size || entry.size > space.maxBytes)
        throw new PermanentError(`a batch of ${size} ${queue.sizer} is larger than ${limit}`);
      if (!queue.block_on_overflow) throw new Error(`the sending queue is full: ${limit}`);
      await stand(entry, controller.signal);
    } catch (error) {
      refused.add(entry.points);
      ledger.refused(entry.points);
      throw error;
    } finally {
      unlink();
    }
  }

  /** Waits in line. */
  function stand(entry: Entry<T>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        waiting.splice(waiting.indexOf(self), 1);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        leave();
        reject(signal.reason);
      };
      const self = {
        entry,
        admit() {
          leave();
          count(shared, entry, 1);
          resolve();
        },
      };
      waiting.push(self);
      signal.addEventListener('abort', onAbort, { once: true });
      admit();
    });
  }

  function admit(): void {
    for (let next = waiting[0]; next && !shortage(next.entry); next = waiting[0]) next.admit();
  }

  /** Gives up what has waited longest: a segment, or, where the disk does not work, an item in memory. */
  function dropOldest(inMemory: boolean): boolean {
    const oldest = inMemory ? undefined : store.oldest();
    if (!oldest) return dropFresh();
    const { log, segment } = oldest;
    let points = 0;
    for (const lane of shared.epochs.flat()) {
      if (lane.log !== log) continue;
      for (const entry of lane.window) if (entry.place!.segment === segment) points += entry.points;
      lane.window = lane.window.filter((entry) => entry.place!.segment !== segment);
    }
    points += log.drop(segment).points;
    ledger.lost('overflow', points);
    return true;
  }

  function dropFresh(): boolean {
    let oldest: { lane: Lane<T>; entry: Entry<T> } | undefined;
    for (const lane of newest(shared)) {
      const entry = lane.fresh.find(({ writing }) => !writing);
      if (entry && !(oldest && oldest.entry.since <= entry.since)) oldest = { lane, entry };
    }
    if (!oldest) return false;
    const { lane, entry } = oldest;
    lane.fresh.splice(lane.fresh.indexOf(entry), 1);
    count(shared, entry, -1);
    entry.onStored?.();
    ledger.lost('overflow', entry.points);
    return true;
  }

  return {
    used,
    admit,
    enter(entry, signal) {
      if (waiting.length || !makeRoom(entry)) return wait(entry, signal);
      count(shared, entry, 1);
      return undefined;
    },
  };
}
