import type { Clock } from '#clock';

/** How far a timer may be off for a scrape to get the time it was due at; at most 1 % of the interval. Milliseconds. */
const TOLERANCE = 2;

/**
 * The moments of one target's scrapes: `first + k × interval` on the monotonic clock. Nothing drifts, and a jump of the
 * wall clock neither bunches scrapes nor leaves a gap.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #interval: number;
  #due: number;
  /** Wall time of one slot, which the timestamps of later ones are counted from. */
  #base: number | undefined;

  /** `first`: on the monotonic clock. */
  constructor(clock: Clock, interval: number, first: number) {
    this.#clock = clock;
    this.#interval = interval;
    this.#due = first;
  }

  /** The moment of the next scrape. */
  get due(): number {
    return this.#due;
  }

  /**
   * Goes on to the next moment, or to the last of those that have passed, whose scrape then begins at once; answers how many
   * were missed for good. A target that takes a bit more than its interval would else be scraped every second time only.
   */
  advance(): number {
    const late = this.#clock.monotonic() - this.#due;
    const steps = Math.max(1, Math.floor(late / this.#interval));
    this.#due += steps * this.#interval;
    return steps - 1;
  }

  /**
   * The timestamp of a scrape that begins now: the slot's own where the timer was on time, so that they are exactly an
   * interval apart (storage packs those best); else the wall clock's.
   */
  stamp(): number {
    const now = this.#clock.now();
    const tolerance = Math.min(TOLERANCE, this.#interval / 100);
    if (this.#clock.monotonic() - this.#due > tolerance) return now;
    this.#base ??= now;
    const slot = this.#base + Math.round((now - this.#base) / this.#interval) * this.#interval;
    if (Math.abs(now - slot) <= tolerance) return slot;
    // On time by one clock and not by the other: the wall clock was set.
    this.#base = now;
    return now;
  }
}
