import { type Exchange, IGNORED, type Ignored, PHASES, type Phase } from '#dns';
import { BUCKETS } from './metrics.ts';
import type { Verdict } from './verdict.ts';

/** Counts by upper bound, in seconds. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Not cumulative; the last is for what is beyond every bound. */
  readonly #counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(seconds: number): void {
    const at = this.bounds.findIndex((bound) => seconds <= bound);
    this.#counts[at < 0 ? this.bounds.length : at]!++;
    this.sum += seconds;
  }

  /** As Prometheus has them: each with all below it, the last with all. */
  cumulative(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => {
      total += count;
      return total;
    });
  }
}

export class Counts<K extends string> extends Map<K, number> {
  bump(key: K, by = 1): void {
    this.set(key, (this.get(key) ?? 0) + by);
  }
}

/** All there is to tell of one question: counters since the beginning, and the last answer. */
export class Tally {
  readonly duration = new Histogram(BUCKETS);
  readonly responses = new Counts<string>();
  readonly failures = new Counts<string>();
  readonly timeouts = new Counts<Phase>(PHASES.map((phase) => [phase, 0]));
  readonly ignored = new Counts<Ignored>(IGNORED.map((why) => [why, 0]));
  queries = 0;
  truncated = 0;
  skipped = 0;
  /** Of this collection; undefined when the question was not asked in it. */
  last: { exchange: Exchange; verdict: Verdict } | undefined;

  note(exchange: Exchange, verdict: Verdict): void {
    const { outcome } = exchange;
    this.last = { exchange, verdict };
    this.queries += exchange.sent;
    if (exchange.truncated) this.truncated++;
    if (outcome.kind === 'timeout') this.timeouts.bump(outcome.phase);
    if (outcome.kind === 'answer') {
      this.duration.observe(outcome.seconds);
      this.responses.bump(outcome.message.rcodeName);
    }
    if (!verdict.success) this.failures.bump(verdict.reason);
  }

  skip(): void {
    this.last = undefined;
    this.skipped++;
  }
}
