import type { RetrySettings } from './settings.ts';

/** A pause that the other side asks for is not honoured past this: a receiver must not park its senders for a day. */
export const LONGEST_THROTTLE = 5 * 60_000;

/**
 * The pauses after each failure, in milliseconds: `initial_interval`, times `multiplier` each time up to `max_interval`,
 * each drawn evenly from ± `randomization_factor`. `random` gives numbers from 0 up to but not 1.
 */
export function createBackoff(retry: RetrySettings, random: () => number = Math.random): () => number {
  let interval = Math.min(retry.initial_interval, retry.max_interval);
  return () => {
    const pause = interval * (1 + retry.randomization_factor * (2 * random() - 1));
    interval = Math.min(interval * retry.multiplier, retry.max_interval);
    return pause;
  };
}
