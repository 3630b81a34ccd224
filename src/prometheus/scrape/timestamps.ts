import { makeSet, type Series, type Snapshot, selectSnapshot } from '#metrics';

/** How far ahead of the clock a sample may be. Milliseconds; Prometheus' maxAheadTime. */
export const MAX_AHEAD = 600_000;

/** Why samples, most with timestamps of their own, and exemplars were dropped, and how many. */
export interface Refused {
  outOfBounds: number;
  outOfOrder: number;
  /** The same timestamp as before with another value. */
  duplicate: number;
  /** Exemplars with more label text than any storage takes. */
  longExemplars: number;
}

interface Last {
  time: number;
  value: number;
}

/**
 * Holds samples with timestamps of their own to what storage takes: not far in the future, and never older than the last
 * one of their series. A sample that is shown again as it was passes: to leave it out would give another set each time.
 */
export class OwnTimestamps {
  /** None for most targets: their samples have no timestamps. */
  #last: Map<Series, Last> | undefined;

  /**
   * The snapshot without what may not pass; the same object when all does. `own[i]` is the timestamp that the page gives to
   * the sample, NaN for none; `now` is the wall time.
   */
  admit(snapshot: Snapshot, own: Float64Array, now: number, refused: Refused): Snapshot {
    const { series } = snapshot.set;
    const { values } = snapshot;
    const latest = now + MAX_AHEAD;
    const passing: number[] = [];
    for (let i = 0; i < series.length; i++) {
      const time = own[i]!;
      if (Number.isNaN(time)) passing.push(i);
      else if (time > latest) refused.outOfBounds++;
      else if (this.#follows(series[i]!, time, values[i]!, refused)) passing.push(i);
    }
    return passing.length === series.length ? snapshot : only(snapshot, Uint32Array.from(passing));
  }

  #follows(series: Series, time: number, value: number, refused: Refused): boolean {
    this.#last ??= new Map();
    const last = this.#last.get(series);
    if (!last) {
      this.#last.set(series, { time, value });
      return true;
    }
    if (time < last.time) refused.outOfOrder++;
    else if (time === last.time && !Object.is(value, last.value)) refused.duplicate++;
    else {
      last.time = time;
      last.value = value;
      return true;
    }
    return false;
  }

  /** Forgets series that are no longer shown, once they are more than those that are. */
  prune(live: readonly Series[]): void {
    if (!this.#last || this.#last.size <= live.length * 2) return;
    const kept = new Map<Series, Last>();
    for (const series of live) {
      const last = this.#last.get(series);
      if (last) kept.set(series, last);
    }
    this.#last = kept;
  }
}

function only(snapshot: Snapshot, index: Uint32Array): Snapshot {
  const { set } = snapshot;
  const series = Array.from(index, (i) => set.series[i]!);
  return selectSnapshot(snapshot, makeSet(series, set.resource), index);
}
