import { type Labels, labelsKey, labelValue, METRIC_NAME, NO_LABELS } from './labels.ts';

/** OpenMetrics' types; `unknown` is what text format 0.0.4 calls untyped. */
export type MetricType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'gaugehistogram'
  | 'summary'
  | 'info'
  | 'stateset'
  | 'unknown';

/**
 * A metric family: what the numbers mean. `name` is as the source's TYPE line spells it, so for OpenMetrics a counter
 * family is `x` and its series `x_total`; in text format 0.0.4 both are `x_total`.
 */
export interface Family {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** OpenMetrics' UNIT, or ''. */
  readonly unit: string;
}

/** One time series. Histograms and summaries stay flat: `name_bucket{le}`, `name_sum`, `name_count`, `name{quantile}`. */
export interface Series {
  readonly family: Family;
  readonly labels: Labels;
  /** Its samples are native histograms: they stand in `Snapshot.histograms`, and `values` has their sums. */
  readonly native?: true;
}

/** Who reports, for what only OpenTelemetry knows (`k8s.*`, `cloud.*` …); `job` and `instance` are labels. */
export interface Resource {
  readonly attributes: Labels;
}

/**
 * An ordered, frozen list of series. While a source reports the same series, it is the SAME OBJECT every time: whatever is
 * derived from it (a relabelled set, an encoder's template) is kept in a `WeakMap<SeriesSet, …>` by whoever derives it.
 */
export interface SeriesSet {
  readonly resource: Resource;
  readonly series: readonly Series[];
}

export const NO_RESOURCE: Resource = Object.freeze({ attributes: NO_LABELS });

export function makeFamily(name: string, type: MetricType = 'unknown', help = '', unit = ''): Family {
  return Object.freeze({ name, type, help, unit });
}

/** A series without interning, for what is built once. `labels` holds `__name__`. */
export function makeSeries(family: Family, labels: Labels, native?: boolean): Series {
  return Object.freeze(native ? { family, labels, native: true as const } : { family, labels });
}

/** Takes `series` as it is and freezes it. */
export function makeSet(series: readonly Series[], resource: Resource = NO_RESOURCE): SeriesSet {
  return Object.freeze({ resource, series: Object.freeze(series) });
}

/** The series' own name, such as `http_seconds_bucket`. */
export function seriesName(series: Series): string {
  return labelValue(series.labels, METRIC_NAME);
}

/**
 * Keeps series and sets the same objects for as long as one source goes on reporting them. One per source (a target, a
 * cgroup receiver): series of different sources never are equal, because their `job` and `instance` differ, and a table of
 * its own is dropped with its source.
 */
export class Interner {
  #families = new Map<string, Family>();
  #series = new Map<string, Series>();
  #last: SeriesSet | undefined;

  family(name: string, type: MetricType = 'unknown', help = '', unit = ''): Family {
    const known = this.#families.get(name);
    if (known && known.type === type && known.help === help && known.unit === unit) return known;
    const made = makeFamily(name, type, help, unit);
    this.#families.set(name, made);
    return made;
  }

  series(family: Family, labels: Labels): Series {
    const key = labelsKey(labels);
    const known = this.#series.get(key);
    if (known?.family === family) return known;
    const made = makeSeries(family, labels);
    this.#series.set(key, made);
    return made;
  }

  /**
   * The set of these series: the last one when nothing changed. What is not in it is forgotten, so the table never grows
   * past the live series.
   */
  set(series: readonly Series[], resource: Resource = NO_RESOURCE): SeriesSet {
    const last = this.#last;
    if (last && last.resource === resource && sameItems(last.series, series)) return last;
    if (this.#series.size > series.length) this.#keep(series);
    this.#last = makeSet(series, resource);
    return this.#last;
  }

  /** How many series the table holds. */
  get size(): number {
    return this.#series.size;
  }

  #keep(live: readonly Series[]): void {
    this.#series.clear();
    this.#families.clear();
    for (const one of live) {
      this.#series.set(labelsKey(one.labels), one);
      this.#families.set(one.family.name, one.family);
    }
  }
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
