import type { QueueBatchSettings } from './settings.ts';

export interface BatchingOptions<T> {
  points(item: T): number;
  bytes(item: T): number;
  joinable?(item: T): boolean;
  /** The exporter's own limit: items are joined up to this size, whatever `queue.batch` says. */
  most?: { size(item: T): number; max: number };
  merge?(items: readonly T[]): T;
  chop?(item: T, max: number, sizer: QueueBatchSettings['sizer']): readonly T[];
}

interface Waiting<T> {
  readonly item: T;
  /** Monotonic milliseconds. */
  readonly since: number;
}

/** `queue.batch`: which of the entries that wait, in order, make up a request. */
export interface Batching<T> {
  /** Milliseconds until what waits is to be sent; 0 or less: now. There is at least one entry. */
  wait(waiting: readonly Waiting<T>[], now: number): number;
  /** How many of the first go into the next request: all that fits where there is a limit, else what makes up `min_size`. */
  count(waiting: readonly Waiting<T>[]): number;
  /** These items as requests. */
  requests(items: readonly T[]): readonly T[];
}

/** Without `batch`, every item is a request. */
export function createBatching<T>(options: BatchingOptions<T>, batch: QueueBatchSettings | undefined): Batching<T> {
  if (!batch) return { wait: () => 0, count: () => 1, requests: (items) => items };
  const { merge, chop, most } = options;
  if (!merge || !chop) throw new Error('sending_queue.batch needs merge and chop');
  const { min_size, max_size, flush_timeout, sizer } = batch;
  const measure = (item: T) => (sizer === 'items' ? options.points(item) : options.bytes(item));

  /** The first entry alone, or those up to the next that cannot be joined. */
  function together(waiting: readonly Waiting<T>[]): readonly Waiting<T>[] {
    const alone = options.joinable ? waiting.findIndex(({ item }) => !options.joinable!(item)) : -1;
    return alone < 0 ? waiting : waiting.slice(0, Math.max(alone, 1));
  }

  /** How many of the first entries make up `min_size`, or undefined when all together do not. */
  function enough(waiting: readonly Waiting<T>[]): number | undefined {
    let size = 0;
    for (let i = 0; i < waiting.length; i++) {
      size += measure(waiting[i]!.item);
      if (size >= min_size) return i + 1;
    }
    return undefined;
  }

  /** How many of the first entries fit into one request; at least one, which may have to be chopped. */
  function fitting(waiting: readonly Waiting<T>[]): number {
    let n = 0;
    let size = 0;
    let own = 0;
    for (; n < waiting.length; n++) {
      const { item } = waiting[n]!;
      if (max_size) size += measure(item);
      if (most) own += most.size(item);
      if ((max_size && size > max_size) || (most && own > most.max)) break;
    }
    return Math.max(1, n);
  }

  return {
    wait(all, now) {
      const waiting = together(all);
      if (waiting.length < all.length) return 0;
      const left = waiting[0]!.since + flush_timeout - now;
      if (left <= 0 || enough(waiting) !== undefined) return 0;
      // More than fits into one request.
      return most && fitting(waiting) < waiting.length ? 0 : left;
    },
    count(all) {
      const waiting = together(all);
      return max_size || most ? fitting(waiting) : (enough(waiting) ?? waiting.length);
    },
    requests(items) {
      const whole = items.length > 1 ? merge.call(options, items) : items[0]!;
      return max_size ? chop.call(options, whole, max_size, sizer) : [whole];
    },
  };
}
