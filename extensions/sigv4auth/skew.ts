import type { Clock } from '#clock';

/** How far the clocks of servers are from ours. */
export interface Skew {
  /** Wall time by that host's clock, in milliseconds, as far as it is known. */
  now(host: string): number;
  /** The host's `Date`, where a request signed at `signedAt` was refused. True when it was the time's fault: it is corrected. */
  learn(host: string, date: string | undefined, signedAt: number): boolean;
}

/** AWS takes signatures that are up to five minutes off; answers take a while. */
const TOLERANCE = 4 * 60_000;

export function createSkew(clock: Clock): Skew {
  const offsets = new Map<string, number>();
  return {
    now: (host) => clock.now() + (offsets.get(host) ?? 0),
    learn(host, date, signedAt) {
      const theirs = Date.parse(date ?? '');
      // Written so that a time that is none counts as no difference.
      if (!(Math.abs(theirs - signedAt) > TOLERANCE)) return false;
      offsets.set(host, theirs - clock.now());
      return true;
    },
  };
}
