/** Gives memory back that only the start needed: reading the configuration, first pages, templates. See bench/README.md. */
import type { Clock } from '#clock';
import { collectGarbage } from '#kit';
import { trimMalloc } from '#linux';

/** Milliseconds. */
const FIRST = 5_000;
const EVERY = 20_000;
/**
 * Turns at which everything is collected: after the start, after the first scrapes, when targets with long intervals have been
 * scraped as well, and then each ten minutes.
 */
const SOON = [0, 1, 3];
const EACH = 30;
/** Bytes of heap above which a full collection would hold everything else up for too long. */
const MOST = 150e6;

export interface Tidying {
  collect(): void;
  trim(): void;
  heapUsed(): number;
}

/**
 * Collects garbage in the first minutes, and seldom after, which V8 might not do for an hour: it waits until the heap has
 * doubled, and an agent asks for little. V8 gives the pages back within seconds; what lies in malloc goes with the trimming
 * at each turn. Returns the way to end it.
 */
export function tidyMemory(clock: Clock, { collect, trim, heapUsed }: Tidying = own): () => void {
  let turns = 0;
  const turn = () => {
    if ((SOON.includes(turns) || turns % EACH === 0) && heapUsed() < MOST) collect();
    turns++;
    trim();
    cancel = clock.after(EVERY, turn);
  };
  let cancel = clock.after(FIRST, turn);
  return () => cancel();
}

const own: Tidying = {
  collect: collectGarbage,
  trim: trimMalloc,
  heapUsed: () => process.memoryUsage().heapUsed,
};
