import {
  Interner,
  type Labels,
  labelsKey,
  METRIC_NAME,
  makeLabels,
  makeSet,
  type Series,
  type SeriesSet,
  type Snapshot,
  staleValues,
} from '#metrics';
import type { Sample } from './samples.ts';

/** The series of one Corefile: the same set object for as long as it says the same things. */
export class CorefileSeries {
  readonly #interner = new Interner();
  #set: SeriesSet | undefined;

  /** The samples, and staleness markers for the series that are there no longer. */
  take(samples: readonly Sample[], time: number): Snapshot[] {
    const before = this.#set;
    const series = samples.map(({ metric, labels }) => this.#interner.series(metric.family, labelsOf(metric, labels)));
    const set = this.#interner.set(series);
    this.#set = set;
    const current = { set, values: Float64Array.from(samples, ({ value }) => value), time };
    return before && before !== set ? [...stale(gone(before, set), time), current] : [current];
  }

  /** The Corefile is gone. */
  end(time: number): Snapshot[] {
    return this.#set ? stale(this.#set.series, time) : [];
  }
}

function labelsOf({ name, labels }: Sample['metric'], values: readonly string[]): Labels {
  return makeLabels([[METRIC_NAME, name], ...labels.map((label, i) => [label, values[i]!] as const)]);
}

function gone(before: SeriesSet, after: SeriesSet): readonly Series[] {
  const kept = new Set(after.series.map(({ labels }) => labelsKey(labels)));
  return before.series.filter(({ labels }) => !kept.has(labelsKey(labels)));
}

function stale(series: readonly Series[], time: number): Snapshot[] {
  return series.length ? [{ set: makeSet(series), values: staleValues(series.length), time }] : [];
}
