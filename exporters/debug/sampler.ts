import type { Clock } from '#clock';

/** Of what comes within a second, the first `initial` pass, then every `thereafter`-th; none then when that is 0. */
export function createSampler(clock: Clock, initial: number, thereafter: number): () => boolean {
  let second = Number.NEGATIVE_INFINITY;
  let seen = 0;
  return () => {
    const now = clock.monotonic();
    if (now - second >= 1000) {
      second = now;
      seen = 0;
    }
    seen++;
    return seen <= initial || (thereafter > 0 && (seen - initial) % thereafter === 0);
  };
}
