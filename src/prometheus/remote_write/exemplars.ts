import { type Exemplar, equalLabels, type Series, type Snapshot } from '#metrics';
import { timeOf } from './column.ts';

/** Exemplars by the sample that they belong to, each with its time. */
export type Exemplars = ReadonlyMap<number, readonly Required<Exemplar>[]>;

/** The last exemplar of a series, and whether its time is its own. */
type Told = { readonly exemplar: Required<Exemplar>; readonly dated: boolean };

/**
 * Lets an exemplar pass once, and none that is older than the last of its series, as Prometheus' storage does (tsdb/exemplar.go):
 * sources show the same one with every scrape until they have another. One without a time of its own has the time of its sample,
 * and is the same although that went on.
 */
export class ExemplarFilter {
  readonly #last = new WeakMap<Series, Told>();
  /** How many were older than the last one of their series. */
  outOfOrder = 0;

  /** Undefined where there is none. */
  fresh(snapshot: Snapshot): Exemplars | undefined {
    if (!snapshot.exemplars) return undefined;
    const fresh = new Map<number, Required<Exemplar>[]>();
    for (const one of snapshot.exemplars) {
      const exemplar = { ...one, timestamp: Math.trunc(one.timestamp ?? timeOf(snapshot, one.index)) };
      if (!this.#passes(snapshot.set.series[one.index]!, { exemplar, dated: one.timestamp !== undefined })) continue;
      const own = fresh.get(one.index);
      if (own) own.push(exemplar);
      else fresh.set(one.index, [exemplar]);
    }
    return fresh.size ? fresh : undefined;
  }

  #passes(series: Series, told: Told): boolean {
    const last = this.#last.get(series);
    if (last) {
      if (isSame(told, last)) return false;
      const later = told.exemplar.timestamp - last.exemplar.timestamp;
      if (later < 0 || (later === 0 && told.exemplar.value < last.exemplar.value)) {
        this.outOfOrder++;
        return false;
      }
    }
    this.#last.set(series, told);
    return true;
  }
}

const isSame = (told: Told, last: Told) =>
  told.exemplar.value === last.exemplar.value &&
  (told.exemplar.timestamp === last.exemplar.timestamp || !(told.dated || last.dated)) &&
  equalLabels(told.exemplar.labels, last.exemplar.labels);
