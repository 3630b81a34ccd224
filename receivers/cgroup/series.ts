import {
  labelsKey,
  labelsOf,
  METRIC_NAME,
  makeSeries,
  makeSet,
  type Series,
  type SeriesSet,
  type Snapshot,
  staleValues,
} from '#metrics';
import type { Points } from './files.ts';
import type { CgroupMetric } from './metrics.ts';

const NONE: readonly string[] = [];

interface Slot {
  readonly metric: CgroupMetric;
  readonly labels: readonly string[];
  readonly series: Series;
}

/**
 * The series of one cgroup. A file says the same things in the same order every time, so what is put is compared with the
 * slots of the last round one after the other; while all fit, the set stays the same object and a point costs a comparison.
 */
export class CgroupSeries implements Points {
  readonly #common: Readonly<Record<string, string>>;
  readonly #isEnabled: (metric: CgroupMetric) => boolean;
  readonly #deviceName: (device: string) => string;
  #slots: Slot[] = [];
  #set: SeriesSet | undefined;
  #values: number[] = [];
  #faults: string[] = [];
  #changed = false;

  constructor(
    common: Readonly<Record<string, string>>,
    isEnabled: (metric: CgroupMetric) => boolean,
    deviceName: (device: string) => string,
  ) {
    this.#common = common;
    this.#isEnabled = isEnabled;
    this.#deviceName = deviceName;
  }

  malformed(what: string): void {
    this.#faults.push(what);
  }

  /** What was malformed since the last call. */
  takeFaults(): readonly string[] {
    return this.#faults.length ? this.#faults.splice(0) : NONE;
  }

  put(metric: CgroupMetric, value: number, ...labels: string[]): void {
    if (!this.#isEnabled(metric)) return;
    const at = this.#values.length;
    this.#values.push(value);
    const slot = this.#slots[at];
    if (slot && slot.metric === metric && slot.labels.every((label, i) => label === labels[i])) return;
    this.#changed = true;
    this.#slots[at] = { metric, labels, series: this.#seriesOf(metric, labels) };
  }

  /** What was put since the last call, and staleness markers for the series that are there no longer. */
  take(time: number): Snapshot[] {
    const values = new Float64Array(this.#values);
    const before = this.#set;
    if (this.#changed || this.#slots.length > values.length) {
      this.#slots.length = values.length;
      this.#set = makeSet(this.#slots.map((slot) => slot.series));
    }
    this.#values.length = 0;
    this.#changed = false;
    const set = this.#set;
    const current = set && values.length ? [{ set, values, time }] : [];
    return before && before !== set ? [...staleOf(before, time, set), ...current] : current;
  }

  /** The cgroup is gone: markers for all that was last taken. */
  end(time: number): Snapshot[] {
    return this.#set ? staleOf(this.#set, time) : [];
  }

  #seriesOf(metric: CgroupMetric, labels: readonly string[]): Series {
    const all: Record<string, string> = { ...this.#common, [METRIC_NAME]: metric.name };
    metric.labels.forEach((name, i) => {
      all[name] = name === 'device' ? this.#deviceName(labels[i]!) : labels[i]!;
    });
    return makeSeries(metric.family, labelsOf(all));
  }
}

/** Markers for the series of `before` that `after` lacks. */
function staleOf(before: SeriesSet, time: number, after?: SeriesSet): Snapshot[] {
  const kept = new Set(after?.series.map((one) => labelsKey(one.labels)));
  const gone = before.series.filter((one) => !kept.has(labelsKey(one.labels)));
  if (!gone.length) return [];
  return [
    { set: gone.length === before.series.length ? before : makeSet(gone), values: staleValues(gone.length), time },
  ];
}
