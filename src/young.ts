/** How large V8's young generation may be, by how much garbage there is. See docs/decisions/0028-memory.md. */
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Clock } from '#clock';
import { memoryLimit, shrinkHeap } from '#kit';

/** Milliseconds. */
const EVERY = 2_000;
const PEEK = 5;
/** Looks after which the start is over, however much is asked for. */
const START = 6;
/** Bytes asked for in a second. Pages that stay the same take about a third of this for 50,000 samples a second. */
const MUCH = 10e6;
/** Bytes of it that are enough while series come and go: more saves no time, and all of them are resident. */
const ENOUGH = 4e6;
/** Bytes that the process may use, below which it keeps its size: what it would take is not to be had. */
const ROOMY = 512 * 2 ** 20;
/** So many looks in a row have to agree: one busy moment, or one quiet one, changes nothing. */
const AGREE = 3;

export interface YoungGeneration {
  /** Bytes asked for since the start; undefined where V8 does not tell. */
  allocated(): number | undefined;
  /** Bytes. */
  size(): number;
  /** Bytes that this process may use. */
  room(): number;
  /** Whether it may grow, to 32 MB, while much of it lives, or keeps its size. */
  letGrow(grows: boolean): void;
  /** Makes it as small as at the start. */
  shrink(): unknown;
}

/**
 * The young generation may grow at the start, when nearly all that is asked for stays: collecting one that is small, each time with
 * what is just being built in it, then takes a third of all time. While series come and go it has some megabytes; while pages stay
 * as they are half a megabyte is enough. Returns the way to end it.
 */
export function fitYoungGeneration(clock: Clock, young: YoungGeneration = own): () => void {
  let last = young.allocated();
  if (last === undefined) return () => {};
  if (young.room() < ROOMY) {
    young.letGrow(false);
    return () => {};
  }
  /** Looks that are left of the start. */
  let starting = START;
  let wasMuch = true;
  let against = 0;
  /** It was made large enough. Any collection that shrinks the heap makes it small again. */
  let reached = false;
  const look = () => {
    const now = young.allocated()!;
    const isMuch = (now - last!) / (EVERY / 1000) > MUCH;
    last = now;
    against = isMuch === wasMuch ? 0 : against + 1;
    const isOther = against === AGREE;
    if (isOther) wasMuch = isMuch;
    if (isOther || starting === 1) settle(starting > 0);
    else if (starting > 0) starting--;
    else if (reached && young.size() < ENOUGH) grow(EVERY);
    cancel = clock.after(EVERY, look);
  };
  const settle = (atStart: boolean) => {
    starting = 0;
    against = 0;
    if (atStart) young.letGrow(false);
    if (atStart || !wasMuch) young.shrink();
    cancelGrowth();
    reached = false;
    if (wasMuch) grow(EVERY);
  };
  /** V8 doubles it at a collection, and goes on doing so while it may. */
  const grow = (left: number) => {
    reached = young.size() >= ENOUGH;
    const isOver = left === 0 || reached;
    if (left === EVERY || isOver) young.letGrow(!isOver);
    if (!isOver) cancelGrowth = clock.after(PEEK, () => grow(left - PEEK));
  };
  let cancel = clock.after(EVERY, look);
  let cancelGrowth = () => {};
  return () => {
    cancel();
    cancelGrowth();
  };
}

const own: YoungGeneration = {
  allocated: () => (getHeapStatistics() as { total_allocated_bytes?: number }).total_allocated_bytes,
  size: () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0,
  room: memoryLimit,
  letGrow: (grows) => setFlagsFromString(`--semi-space-growth-factor=${grows ? 2 : 1}`),
  shrink: shrinkHeap,
};
