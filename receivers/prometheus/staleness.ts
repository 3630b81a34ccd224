import { labelsKey, makeSet, type Series, type SeriesSet, type Snapshot, staleValues } from '#metrics';

/**
 * What those downstream take for alive, so that what vanishes is marked stale once. A mark goes out with a scrape's batch;
 * only when that was taken is it known to have arrived, so a batch that was refused leaves everything as it was and the
 * next one carries the marks.
 */
export class Staleness {
  #alive: SeriesSet | undefined;

  /** Marks for the series that are alive and not among `now` (undefined: none are left); nothing when all are there. */
  marks(now: SeriesSet | undefined, time: number): Snapshot | undefined {
    const alive = this.#alive;
    if (!alive || alive === now || alive.series.length === 0) return undefined;
    const set = now ? gone(alive, now) : alive;
    return set && { set, values: staleValues(set.series.length), time };
  }

  /** The batch that showed `now` has arrived. */
  arrived(now: SeriesSet | undefined): void {
    this.#alive = now;
  }
}

/** The part of `before` that `now` does not have. A series whose family changed its type or help is still the same. */
function gone(before: SeriesSet, now: SeriesSet): SeriesSet | undefined {
  const present = new Set<Series>(now.series);
  let missing = before.series.filter((series) => !present.has(series));
  if (missing.length === 0) return undefined;
  const known = new Set<Series>(before.series);
  const newcomers = now.series.filter((series) => !known.has(series));
  if (newcomers.length > 0) {
    const keys = new Set(newcomers.map((series) => labelsKey(series.labels)));
    missing = missing.filter((series) => !keys.has(labelsKey(series.labels)));
  }
  return missing.length === 0 ? undefined : makeSet(missing, before.resource);
}
