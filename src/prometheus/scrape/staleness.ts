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
  const [old, fresh] = differing(before.series, now.series);
  const present = new Set<Series>(fresh);
  let missing = old.filter((series) => !present.has(series));
  if (missing.length === 0) return undefined;
  const known = new Set<Series>(old);
  const newcomers = fresh.filter((series) => !known.has(series));
  if (newcomers.length > 0) {
    const keys = new Set(newcomers.map((series) => labelsKey(series.labels)));
    missing = missing.filter((series) => !keys.has(labelsKey(series.labels)));
  }
  return missing.length === 0 ? undefined : makeSet(missing, before.resource);
}

/** Both lists without what they begin and end with alike: mostly all but a few series in one place. */
function differing(a: readonly Series[], b: readonly Series[]): [readonly Series[], readonly Series[]] {
  const least = Math.min(a.length, b.length);
  let start = 0;
  while (start < least && a[start] === b[start]) start++;
  let end = 0;
  while (end < least - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [a.slice(start, a.length - end), b.slice(start, b.length - end)];
}
