import type { MetricDeclaration } from '#component';
import {
  type Batch,
  Interner,
  labelsOf,
  makeSet,
  type Resource,
  type Series,
  type Snapshot,
  staleValues,
} from '#metrics';

/**
 * What one source reports, collection by collection: for receivers with few series, where looking each up by its labels is
 * cheap. The same series give the same set; a series that is not reported again ends with a staleness marker.
 */
export class Gathering {
  readonly #interner = new Interner();
  readonly #resource: Resource | undefined;
  #last: readonly Series[] = [];
  #series: Series[] = [];
  #values: number[] = [];
  #seen = new Set<Series>();

  constructor(resource?: Resource) {
    this.#resource = resource;
  }

  /** One sample of a metric; labels with an empty value are left out. False when the series was given before. */
  add(metric: MetricDeclaration, labels: Readonly<Record<string, string>>, value: number, name = metric.name): boolean {
    const family = this.#interner.family(metric.name, metric.type, metric.help, metric.unit);
    const series = this.#interner.series(family, labelsOf({ ...labels, __name__: name }));
    if (this.#seen.has(series)) return false;
    this.#seen.add(series);
    this.#series.push(series);
    this.#values.push(value);
    return true;
  }

  /** Everything added since the last call, and markers for what was there then and is not now. */
  finish(time: number): Batch {
    const batch: Snapshot[] = [];
    const gone = this.#last.filter((series) => !this.#seen.has(series));
    if (gone.length) batch.push({ set: makeSet(gone, this.#resource), values: staleValues(gone.length), time });
    const set = this.#interner.set(this.#series, this.#resource);
    if (this.#series.length) batch.push({ set, values: Float64Array.from(this.#values), time });
    this.#last = set.series;
    this.#series = [];
    this.#values = [];
    this.#seen = new Set();
    return batch;
  }
}
