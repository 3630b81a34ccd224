/** Milliseconds. Figures of client-go's reflector, but that jitter only adds. */
const FIRST = 800;
const LONGEST = 20_000;
/** A server may ask for silence, but not for ever. */
const LONGEST_ASKED = 5 * 60_000;

export interface Backoff {
  /** How long to wait now: at least what the other side asked for, and less than twice that. */
  next(asked?: number): number;
  /** All is well again. */
  reset(): void;
}

/** Doubles with every pause, up to 30 s with all jitter. `random` gives numbers from 0 up to but not 1. */
export function createBackoff(random: () => number = Math.random): Backoff {
  let pause = FIRST;
  return {
    next(asked) {
      const wait = asked === undefined ? pause * (1 + random() / 2) : Math.min(asked, LONGEST_ASKED) * (1 + random());
      pause = Math.min(pause * 2, LONGEST);
      return wait;
    },
    reset() {
      pause = FIRST;
    },
  };
}
