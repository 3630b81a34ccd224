import { type Exemplar, equalLabels, type Series, type Snapshot } from '#metrics';
import { timeOf } from './column.ts';

/** Exemplars by the sample that they belong to, each with its time. */
export type Exemplars = ReadonlyMap<number, readonly Required<Exemplar>[]>;

/**
 * Lets an exemplar pass once, and none that is older than the last of its series, as Prometheus' storage does (tsdb/exemplar.go):
 * sources show the same one with every scrape until they have another.
 */
export class ExemplarFilter {
  readonly #last = new WeakMap<Series, Required<Exemplar>>();
  /** How many were older than the last one of their series. */
  outOfOrder = 0;

  /** Undefined where there is none. */
  fresh(snapshot: Snapshot): Exemplars | undefined {
    if (!snapshot.exemplars) return undefined;
    const fresh = new Map<number, Required<Exemplar>[]>();
    for (const one of snapshot.exemplars) {
      const exemplar = { ...one, timestamp: Math.trunc(one.timestamp ?? timeOf(snapshot, one.index)) };
      if (!this.#passes(snapshot.set.series[one.index]!, exemplar)) continue;
      const own = fresh.get(one.index);
      if (own) own.push(exemplar);
      else fresh.set(one.index, [exemplar]);
    }
    return fresh.size ? fresh : undefined;
  }

  #passes(series: Series, exemplar: Required<Exemplar>): boolean {
    const last = this.#last.get(series);
    if (last) {
      const later = exemplar.timestamp - last.timestamp;
      if (later === 0 && exemplar.value === last.value && equalLabels(exemplar.labels, last.labels)) return false;
      if (later < 0 || (later === 0 && exemplar.value < last.value)) {
        this.outOfOrder++;
        return false;
      }
    }
    this.#last.set(series, exemplar);
    return true;
  }
}
