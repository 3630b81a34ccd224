/** Gives memory back that only the start needed: reading the configuration, first pages, templates. See bench/README.md. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '#clock';
import { trimMalloc } from '#linux';

/** Milliseconds. */
const FIRST = 5_000;
const EVERY = 60_000;
/** So often everything is collected: soon, and when targets with long intervals have been scraped as well. */
const COLLECTIONS = 2;
/** Bytes of heap above which a full collection would hold everything else up for too long. */
const MOST = 150e6;

export interface Tidying {
  collect(): void;
  trim(): void;
  heapUsed(): number;
}

/**
 * Collects garbage twice in the first minutes, which V8 might not do for hours: it plans its next full collection by how fast
 * memory is asked for, and an agent asks for little. V8 gives the pages back within seconds; what lies in malloc goes with
 * the trimming each minute. Returns the way to end it.
 */
export function tidyMemory(clock: Clock, { collect, trim, heapUsed }: Tidying = own): () => void {
  let turns = 0;
  const turn = () => {
    if (turns++ < COLLECTIONS && heapUsed() < MOST) collect();
    trim();
    cancel = clock.after(EVERY, turn);
  };
  let cancel = clock.after(FIRST, turn);
  return () => cancel();
}

const own: Tidying = {
  collect() {
    // The one way to V8's collector that needs no flag at the start of the process.
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
    collect();
  },
  trim: trimMalloc,
  heapUsed: () => process.memoryUsage().heapUsed,
};
