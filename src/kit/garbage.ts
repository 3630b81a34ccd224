import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how?: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

/** Bytes of heap above which shrinking it would hold everything else up for too long: V8 does it by itself in the end. */
const MOST = 80e6;

let collect: Collect | undefined;

/** Collects all garbage, now; blocks for as long as that takes. */
export function collectGarbage(): void {
  collect ??= collector();
  collect();
}

/**
 * The same, again until nothing more comes free, and gives back what V8 keeps for later: the young generation is then as small
 * as at the start. Takes two to three times as long, so a heap of more than `most` bytes, 80 MB, is left as
 * it is, and the answer false.
 */
export function shrinkHeap(most = MOST): boolean {
  if (getHeapStatistics().used_heap_size > most) return false;
  collect ??= collector();
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  return true;
}

/** `gc` exists only behind a flag, which may be set while running; a new context then has it. */
function collector(): Collect {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return found;
}
