/** How large V8's young generation may be, by how much garbage there is. See docs/decisions/0028-memory.md. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Clock } from '#clock';

/** Milliseconds. */
const EVERY = 2_000;
/** Bytes asked for in a second. Pages that stay the same take about a tenth of this for 50,000 samples a second. */
const MUCH = 30e6;

export interface YoungGeneration {
  /** Bytes asked for since the start; undefined where V8 does not tell. */
  allocated(): number | undefined;
  /** Whether it grows, to 32 MB, when much of it lives, or keeps its size. */
  letGrow(grows: boolean): void;
}

/**
 * Keeps the young generation at its first megabyte, which is enough while pages stay as they are, and lets it grow while series
 * come and go: collecting one that is so small, each time with what is just being built in it, then takes a third of all
 * time. Returns the way to end it.
 */
export function fitYoungGeneration(clock: Clock, young: YoungGeneration = own): () => void {
  let last = young.allocated();
  if (last === undefined) return () => {};
  let grows = false;
  const look = () => {
    const now = young.allocated()!;
    const isMuch = (now - last!) / (EVERY / 1000) > MUCH;
    last = now;
    if (isMuch !== grows) young.letGrow(isMuch);
    grows = isMuch;
    cancel = clock.after(EVERY, look);
  };
  let cancel = clock.after(EVERY, look);
  return () => cancel();
}

const own: YoungGeneration = {
  allocated: () => (getHeapStatistics() as { total_allocated_bytes?: number }).total_allocated_bytes,
  letGrow: (grows) => setFlagsFromString(`--semi-space-growth-factor=${grows ? 2 : 1}`),
};
