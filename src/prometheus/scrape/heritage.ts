import type { Clock } from '#clock';
import type { Consumer, Logger } from '#component';
import { type Batch, labelsKey, type SeriesSet, staleValues } from '#metrics';
import { withExternal } from './naming.ts';
import type { Report } from './report.ts';
import type { Target } from './target.ts';

/** What a target showed last whose receiver was replaced. */
export interface Shown {
  /** What its own series have in common, external labels included. */
  readonly key: string;
  /** Those that may have to be marked stale; undefined for none. */
  readonly series: SeriesSet | undefined;
  readonly report: Report;
  /** Milliseconds. */
  readonly interval: number;
}

export interface HeritageParts {
  clock: Clock;
  log: Logger;
  next: Consumer;
  externalLabels: ReadonlyMap<string, string>;
}

/** After this many intervals a target is not expected back: two and a bit, as where discovery loses one. */
const GRACE = 2.1;

/** Two targets with the same key have the same labels on their series. */
export function shownKey({ labels }: Target, externalLabels: ReadonlyMap<string, string>): string {
  return labelsKey(withExternal(labels, externalLabels));
}

/**
 * What the targets of the receiver showed that was here before a reload. Those that are targets again go on with it; the
 * series of the others are marked stale, with the time of the reload.
 */
export class Heritage {
  readonly #parts: HeritageParts;
  readonly #left = new Map<string, Shown>();
  readonly #stopping = new AbortController();
  readonly #cancels: (() => void)[] = [];

  constructor(left: readonly Shown[], parts: HeritageParts) {
    this.#parts = parts;
    const seen = new Set<string>();
    for (const one of left) {
      // Of two targets with the same labels nobody could tell whose series are whose: one would mark the other's.
      if (seen.has(one.key)) this.#left.delete(one.key);
      else this.#left.set(one.key, one);
      seen.add(one.key);
    }
  }

  /** What the target showed, which is nobody else's then. */
  take(target: Target): Shown | undefined {
    if (this.#left.size === 0) return undefined;
    const key = shownKey(target, this.#parts.externalLabels);
    const shown = this.#left.get(key);
    this.#left.delete(key);
    return shown;
  }

  start(): void {
    const { clock } = this.#parts;
    const time = clock.now();
    for (const interval of new Set([...this.#left.values()].map((one) => one.interval))) {
      this.#cancels.push(clock.after(interval * GRACE, () => void this.#mark(interval, time)));
    }
  }

  /** Answers what is left; nothing of it is marked any more. */
  stop(): Shown[] {
    for (const cancel of this.#cancels) cancel();
    this.#stopping.abort(new Error('the receiver is stopping'));
    return [...this.#left.values()];
  }

  async #mark(interval: number, time: number): Promise<void> {
    for (const [key, one] of [...this.#left]) {
      if (one.interval !== interval || this.#stopping.signal.aborted || !this.#left.delete(key)) continue;
      await this.#hand(goneBatch(one, time));
    }
  }

  async #hand(batch: Batch): Promise<void> {
    const { log, next } = this.#parts;
    try {
      await next.consume(batch, this.#stopping.signal);
    } catch (error) {
      log.debug('marks of a target that is gone were refused', { error });
    }
  }
}

/** Marks for all that a target showed. */
function goneBatch({ series: set, report }: Shown, time: number): Batch {
  const marks = set ? [{ set, values: staleValues(set.series.length), time }] : [];
  return [...marks, report.stale(time)];
}
