/** Gives memory back that only the start needed: reading the configuration, first pages, templates. See bench/README.md. */

import { getHeapStatistics } from 'node:v8';
import type { Clock } from '#clock';
import { shrinkHeap } from '#kit';
import { trimMalloc } from '#linux';

/** Milliseconds. */
const FIRST = 5_000;
const EVERY = 20_000;
/** The turn by which the start is over, and what that needed is given back: see young.ts. */
const STARTED = 1;
/** The heap is shrunk when it has grown by so much since, and no sooner than so many turns after. */
const GROWN = 1.2;
const APART = 6;

export interface Tidying {
  /** False: it is too large for that. */
  shrink(): boolean;
  trim(): void;
  heapUsed(): number;
}

/**
 * Shrinks the heap whenever it has grown by a fifth since the start, or since the last time, which V8 would not do for an hour: it
 * waits until the heap has doubled, and keeps what it frees. What waits in a batch outlives two small collections, so with 50
 * targets three megabytes a minute get among what is kept. What lies in malloc goes with the trimming at each turn. Returns the
 * way to end it.
 */
export function tidyMemory(clock: Clock, { shrink, trim, heapUsed }: Tidying = own): () => void {
  let turns = 0;
  let last = 0;
  let left = 0;
  const turn = () => {
    const used = heapUsed();
    if (turns === STARTED) left = used;
    else if (turns - last >= APART && used > left * GROWN && shrink()) {
      left = heapUsed();
      last = turns;
    }
    turns++;
    trim();
    cancel = clock.after(EVERY, turn);
  };
  let cancel = clock.after(FIRST, turn);
  return () => cancel();
}

const own: Tidying = {
  shrink: shrinkHeap,
  trim: trimMalloc,
  heapUsed: () => getHeapStatistics().used_heap_size,
};
