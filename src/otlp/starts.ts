import { type Batch, labelsKey, type Series, type SeriesSet, type Snapshot } from '#metrics';
import { type Plan, planOf } from './plan.ts';
import { shareTargetInfo } from './target-info.ts';

/**
 * A snapshot, with what its batch says of the target, and the start times of its cumulative points, which only whoever saw
 * the samples before can know.
 */
export interface Stamped {
  readonly snapshot: Snapshot;
  /** Milliseconds since the epoch by `start` of the plan. Never changed: another column is made when one moves. */
  readonly starts: Float64Array;
}

interface Seen {
  start: number;
  value: number;
  time: number;
}
interface Tracked {
  readonly seen: readonly Seen[];
  column: Float64Array;
}

/** What was not seen for this long starts anew. Milliseconds. */
const FORGET = 15 * 60_000;

/**
 * Start times as OTLP wants them for cumulative points. From the source itself where it tells them, by `starts` of the
 * snapshot or a `_created` series. Otherwise a
 * point starts when it is first seen (OTLP data model, "unknown start time": the first point has no duration), and when a
 * value went down, at the last sample before that: what counted up since then counts from zero.
 *
 * One per exporter, and called in the order in which batches come.
 */
export class StartTimes {
  readonly #sets = new WeakMap<SeriesSet, Tracked>();
  readonly #series = new WeakMap<Series, Seen>();
  /** By labels, for a series that its source forgot and made again. */
  readonly #known = new Map<string, Seen>();
  #swept = 0;

  stamp(batch: Batch): Stamped[] {
    return shareTargetInfo(batch).map((snapshot) => ({ snapshot, starts: this.#column(snapshot) }));
  }

  /** How many points it remembers. */
  get size(): number {
    return this.#known.size;
  }

  #column(snapshot: Snapshot): Float64Array {
    const plan = planOf(snapshot.set);
    const tracked = this.#sets.get(snapshot.set) ?? this.#track(snapshot, plan);
    const { values, time, times, starts, histograms } = snapshot;
    let { column } = tracked;
    for (let i = 0; i < plan.starts.length; i++) {
      const { watch, created, native } = plan.starts[i]!;
      const seen = tracked.seen[i]!;
      const at = times ? times[watch]! : time;
      const value = native ? (histograms?.get(watch)?.count ?? Number.NaN) : values[watch]!;
      if (at > seen.time) {
        if (value < seen.value) seen.start = seen.time;
        // A marker does not hide the value before it.
        if (!Number.isNaN(value)) seen.value = value;
        seen.time = at;
      }
      const told = starts?.[watch] || (created < 0 ? 0 : Math.round(values[created]! * 1e6) / 1e3);
      const start = startOf(seen, told, at);
      if (column[i] === start) continue;
      if (column === tracked.column) column = column.slice();
      column[i] = start;
    }
    tracked.column = column;
    return column;
  }

  #track(snapshot: Snapshot, plan: Plan): Tracked {
    this.#sweep(snapshot.time);
    const seen = plan.starts.map(({ watch }) => {
      const series = snapshot.set.series[watch]!;
      const known =
        this.#series.get(series) ?? this.#find(series, snapshot.times ? snapshot.times[watch]! : snapshot.time);
      this.#series.set(series, known);
      return known;
    });
    const tracked = { seen, column: new Float64Array(seen.length) };
    this.#sets.set(snapshot.set, tracked);
    return tracked;
  }

  #find({ labels }: Series, at: number): Seen {
    const key = labelsKey(labels);
    const known = this.#known.get(key) ?? { start: at, value: -Infinity, time: -Infinity };
    this.#known.set(key, known);
    return known;
  }

  #sweep(now: number): void {
    if (now - this.#swept < FORGET) return;
    this.#swept = now;
    for (const [key, seen] of this.#known) if (now - seen.time > FORGET) this.#known.delete(key);
  }
}

/** A clock that is ahead of ours would make a point end before it starts. */
function startOf(seen: Seen, told: number, at: number): number {
  if (told > 0 && told <= at) return told;
  return Math.min(seen.start, at);
}
