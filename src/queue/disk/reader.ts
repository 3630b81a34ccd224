import { type Lane, type Shared, storedEntry } from './entries.ts';
import type { Place } from './lane-log.ts';
import type { Segment } from './segment.ts';

/** Attempts to read before a segment is given up, and the pause between them. */
const READS = 3;
const PAUSE = 1000;
/** What no further attempt helps against; all else (too many open files …) may pass. */
const FOR_GOOD: readonly unknown[] = ['EIO', 'ENOENT', 'ELOOP', 'ENXIO', 'EISDIR', 'EUCLEAN', 'EBADMSG'];

/** Fills a lane's window from its log. Gives the function that begins with it, unless it is under way or needless. */
export function createReader<T>(shared: Shared<T>): (lane: Lane<T>) => void {
  const { options, ledger } = shared;
  const { codec, host } = options;

  async function read(lane: Lane<T>): Promise<void> {
    const segment = lane.log.nextToRead;
    if (!segment) return;
    try {
      const unknown: Place[] = [];
      for (const { payload, ...place } of await lane.log.take()) {
        const item = codec.decode(payload, place.points);
        if (item === undefined) unknown.push(place);
        else lane.window.push(storedEntry(item, place));
      }
      if (unknown.length) await skip(lane, unknown);
    } catch (error) {
      await cannotRead(lane, segment, error);
    }
  }

  async function skip(lane: Lane<T>, places: readonly Place[]): Promise<void> {
    const points = places.reduce((sum, place) => sum + place.points, 0);
    ledger.lost('unknown_format', points);
    await lane.log.done(places);
  }

  async function cannotRead(lane: Lane<T>, segment: Segment, error: unknown): Promise<void> {
    if (segment.gone) return;
    ledger.failed('read', error);
    const times = lane.unreadable?.segment === segment ? lane.unreadable.times + 1 : 1;
    lane.unreadable = { segment, times };
    if (times >= READS && FOR_GOOD.includes((error as NodeJS.ErrnoException).code)) {
      ledger.lost('unreadable', lane.log.drop(segment).points);
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = host.clock.after(PAUSE, resolve);
      lane.cancelRead = () => {
        cancel();
        resolve();
      };
    });
  }

  return (lane) => {
    if (lane.reading || !lane.log.unread || shared.stopping.aborted) return;
    lane.reading = true;
    void read(lane).finally(() => {
      lane.reading = false;
      shared.pump(lane);
    });
  };
}
