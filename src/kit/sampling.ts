import type { Clock } from '#clock';

/**
 * Looks between two collections: a collection every 15 to 60 seconds cannot see a burst that lasts one. Off unless
 * `sampling_interval` is set.
 */
export interface Sampling {
  /** May be called when it is under way. */
  start(): void;
  stop(): void;
  /** Starts or stops it: to wake up while there is nothing to look at costs as much as to look. */
  onlyIf(worthwhile: boolean): void;
}

/**
 * Runs `look` every `interval` milliseconds, at fixed moments. It must be quick, as it runs ten times a second, and throw
 * nothing.
 */
export function sampling(clock: Clock, interval: number, look: (now: number) => void): Sampling {
  // Of its own, so that the same function given twice counts twice.
  const own = (now: number) => look(now);
  const start = () => rhythmOf(clock, interval).join(own);
  const stop = () => rhythmOf(clock, interval).leave(own);
  return { start, stop, onlyIf: (worthwhile) => (worthwhile ? start() : stop()) };
}

/**
 * All that looks equally often does so in one turn: to wake the process up costs three times as much as to look.
 */
interface Rhythm {
  join(look: (now: number) => void): void;
  leave(look: (now: number) => void): void;
}

const rhythms = new WeakMap<Clock, Map<number, Rhythm>>();

function rhythmOf(clock: Clock, interval: number): Rhythm {
  const known = rhythms.get(clock) ?? new Map<number, Rhythm>();
  rhythms.set(clock, known);
  const rhythm = known.get(interval) ?? makeRhythm(clock, interval);
  known.set(interval, rhythm);
  return rhythm;
}

function makeRhythm(clock: Clock, interval: number): Rhythm {
  const looks = new Set<(now: number) => void>();
  let cancel = () => {};
  let due = 0;
  const tick = () => {
    const now = clock.monotonic();
    for (const look of looks) look(now);
    // What was missed while the event loop was busy cannot be made up for.
    due += interval * Math.max(1, Math.ceil((now - due) / interval));
    cancel = clock.after(due - now, tick);
  };
  return {
    join(look) {
      if (looks.has(look)) return;
      looks.add(look);
      if (looks.size > 1) return;
      due = clock.monotonic() + interval;
      cancel = clock.after(interval, tick);
    },
    leave(look) {
      if (looks.delete(look) && looks.size === 0) cancel();
    },
  };
}

/** What became of a gauge since the previous collection. */
export interface GaugeReading {
  last: number;
  peak: number;
  /** Since the first look, for `<gauge>_at_limit_seconds_total`. */
  atLimitSeconds: number;
}

/** A gauge that is looked at often and collected seldom. Times are monotonic milliseconds. */
export class SampledGauge {
  #last = Number.NaN;
  #peak = Number.NEGATIVE_INFINITY;
  #since = 0;
  #wasAtLimit = false;
  #atLimitMs = 0;

  /** Notes a value. The time since the previous look counts as at the limit when the gauge was there then. */
  note(value: number, now: number, limit = Number.POSITIVE_INFINITY): void {
    if (this.#wasAtLimit) this.#atLimitMs += now - this.#since;
    this.#wasAtLimit = value >= limit;
    this.#since = now;
    this.#last = value;
    if (value > this.#peak) this.#peak = value;
  }

  /** Ends the time between two collections; the next one begins with the value of now. Needs one `note` before. */
  collect(): GaugeReading {
    const reading = { last: this.#last, peak: this.#peak, atLimitSeconds: this.#atLimitMs / 1000 };
    this.#peak = this.#last;
    return reading;
  }
}

const SECOND = 1000;

/** What became of a counter since the previous collection. */
export interface CounterReading {
  total: number;
  /** The most that it grew within any second, or within one look where looks are rarer; for `<counter>_peak_per_second`. */
  peakPerSecond: number;
}

/**
 * A counter that is looked at often and collected seldom. Times are monotonic milliseconds. A look that sees no growth
 * costs a comparison.
 */
export class SampledCounter {
  /** Totals of the last second and the one before them, each with when it was seen first and last: `[first, last, total, …]`. */
  #window: number[] = [];
  #peak = 0;

  note(total: number, now: number): void {
    const window = this.#window;
    const before = window[window.length - 1];
    if (total === before) {
      window[window.length - 2] = now;
      return;
    }
    // A counter that fell began anew: what it was before says nothing about its growth.
    if (before !== undefined && total < before) window.length = 0;
    while (window.length > 3 && window[3]! <= now - SECOND) window.splice(0, 3);
    window.push(now, now, total);
    // A window shorter than a second is not stretched: ten packets in its first tenth are ten packets in that second.
    const rate = ((total - window[2]!) * SECOND) / Math.max(now - window[1]!, SECOND);
    if (rate > this.#peak) this.#peak = rate;
  }

  collect(): CounterReading {
    const reading = { total: this.#window[this.#window.length - 1] ?? Number.NaN, peakPerSecond: this.#peak };
    this.#peak = 0;
    return reading;
  }
}
