/** How large V8's young generation may be, by how much garbage there is. See docs/decisions/0028-memory.md. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Clock } from '#clock';
import { shrinkHeap } from '#kit';

/** Milliseconds. */
const EVERY = 2_000;
/** Bytes asked for in a second. Pages that stay the same take about a tenth of this for 50,000 samples a second. */
const MUCH = 30e6;
/** So many looks in a row have to agree: one busy moment, or one quiet one, changes nothing. */
const AGREE = 3;
/** Bytes of heap above which V8 is left to shrink it by itself: it takes a few full collections. */
const MOST = 80e6;

export interface YoungGeneration {
  /** Bytes asked for since the start; undefined where V8 does not tell. */
  allocated(): number | undefined;
  /** Whether it may grow, to 32 MB, while much of it lives, or keeps its size. */
  letGrow(grows: boolean): void;
  /** Makes it as small as at the start. */
  shrink(): void;
}

/**
 * The young generation may grow at the start, when nearly all that is asked for stays, and while series come and go: collecting
 * one that is small, each time with what is just being built in it, then takes a third of all time. While pages stay as they are
 * half a megabyte is enough. Returns the way to end it.
 */
export function fitYoungGeneration(clock: Clock, young: YoungGeneration = own): () => void {
  let last = young.allocated();
  if (last === undefined) return () => {};
  let grows = true;
  let against = 0;
  const look = () => {
    const now = young.allocated()!;
    const isMuch = (now - last!) / (EVERY / 1000) > MUCH;
    last = now;
    against = isMuch === grows ? 0 : against + 1;
    if (against === AGREE) {
      grows = isMuch;
      against = 0;
      young.letGrow(grows);
      if (!grows) young.shrink();
    }
    cancel = clock.after(EVERY, look);
  };
  let cancel = clock.after(EVERY, look);
  return () => cancel();
}

const own: YoungGeneration = {
  allocated: () => (getHeapStatistics() as { total_allocated_bytes?: number }).total_allocated_bytes,
  letGrow: (grows) => setFlagsFromString(`--semi-space-growth-factor=${grows ? 2 : 1}`),
  shrink() {
    if (process.memoryUsage().heapUsed < MOST) shrinkHeap();
  },
};
