import type { Consumer, Host } from '#component';
import { duration, string, withDefault } from '#config';
import type { Batch } from '#metrics';
import { type Poll, poll } from './poll.ts';

/** The keys of the Collector's scraper controller, for receivers that collect at an interval. */
export const collectionFields = {
  collection_interval: withDefault(duration({ min: 1 }), '1m', 'Time between the starts of two collections.'),
  initial_delay: withDefault(duration(), '1s', 'Time before the first collection.'),
  timeout: withDefault(duration(), '0s', 'Ends a collection that takes longer; `0s`: never.'),
};

export const rootPathField = withDefault(
  string({ nonEmpty: true }),
  '/',
  "Where the host's file system is seen, such as `/hostfs` in a pod that mounts it there.",
);

export interface CollectionOptions {
  /** Milliseconds, like the others. */
  readonly collection_interval: number;
  readonly initial_delay: number;
  readonly timeout: number;
}

/**
 * Collects at the interval and hands on what there is. One that fails is told as a collection of `what`, and the next comes
 * all the same.
 */
export function collecting(
  options: CollectionOptions,
  host: Host,
  next: Consumer,
  what: string,
  collect: (signal: AbortSignal) => Promise<Batch> | Batch,
): Poll {
  return poll({
    clock: host.clock,
    interval: options.collection_interval,
    initialDelay: options.initial_delay,
    timeout: options.timeout,
    async round(signal) {
      const batch = await collect(signal);
      if (batch.length) await next.consume(batch, signal);
    },
    onError: (error) => host.log.warn(`this collection of ${what} could not be made or handed on`, { error }),
  });
}
