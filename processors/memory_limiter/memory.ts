import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { collectGarbage, memoryLimit } from '#kit';

/** What the limiter asks of the process. */
export interface Memory {
  /** Bytes in use: the JavaScript heap, uncollected garbage included, and the buffers outside of it. */
  used(): number;
  /** Bytes that this process may use: its cgroup's limit, or the machine's memory. */
  total(): number;
  /** Collects all garbage, now; blocks for as long as that takes. */
  collect(): void;
  /** Has garbage collected before it takes more than `room` bytes besides the `used` ones. */
  leaveRoom(room: number, used: number): void;
}

/** V8 lets the heap grow by this part of what lives, in percent, before it collects all of it: at most what main.ts sets. */
const MOST_GROWTH = 100;
const LEAST_GROWTH = 10;
let growth = MOST_GROWTH;

/**
 * `used` leaves out the program itself and pages that V8 has freed and not yet given back, some 50 MiB of the resident
 * size, as the Collector's figure leaves out Go's. It so falls as soon as the data is gone, and refusing can end.
 */
export const processMemory: Memory = {
  used() {
    const { used_heap_size, external_memory } = getHeapStatistics();
    return used_heap_size + external_memory;
  },
  total: memoryLimit,
  collect: collectGarbage,
  leaveRoom(room, used) {
    const percent = Math.min(MOST_GROWTH, Math.max(LEAST_GROWTH, Math.floor((10 * room) / used) * 10));
    if (percent === growth) return;
    growth = percent;
    setFlagsFromString(`--heap-growing-percent=${percent}`);
  },
};
