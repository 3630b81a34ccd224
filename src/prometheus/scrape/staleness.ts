import {
  follow,
  labelsHash,
  labelsKey,
  makeSet,
  type Series,
  type SeriesSet,
  type Snapshot,
  staleValues,
} from '#metrics';
import type { Vanished } from './shape.ts';

/**
 * What those downstream take for alive, so that what vanishes is marked stale once. A mark goes out with a scrape's batch;
 * only when that was taken is it known to have arrived, so a batch that was refused leaves everything as it was and the
 * next one carries the marks.
 */
export class Staleness {
  #alive: SeriesSet | undefined;

  get alive(): SeriesSet | undefined {
    return this.#alive;
  }

  /**
   * Marks for the series that are alive and not among `now` (undefined: none are left); nothing when all are there.
   * `vanished` spares the search where the last page is what is alive.
   */
  marks(now: SeriesSet | undefined, time: number, vanished?: Vanished): Snapshot | undefined {
    const alive = this.#alive;
    if (!alive || alive === now || alive.series.length === 0) return undefined;
    const set = now ? setOf(vanished?.since === alive ? vanished.series : gone(alive, now), alive) : alive;
    return set && { set, values: staleValues(set.series.length), time };
  }

  /** The batch that showed `now` has arrived. */
  arrived(now: SeriesSet | undefined): void {
    this.#alive = now;
  }
}

/** The part of `before` that `now` does not have. A series whose family changed its type or help is still the same. */
function gone(before: SeriesSet, now: SeriesSet): readonly Series[] {
  const standing = follow(before.series, now.series);
  const stays = new Uint8Array(before.series.length);
  for (const at of standing) if (at >= 0) stays[at] = 1;
  const missing = before.series.filter((_, at) => stays[at] === 0);
  const fresh = now.series.filter((_, i) => standing[i]! < 0);
  return missing.length > 0 && fresh.length > 0 ? withoutEqual(missing, fresh) : missing;
}

const setOf = (series: readonly Series[], { resource }: SeriesSet): SeriesSet | undefined =>
  series.length === 0 ? undefined : makeSet(series, resource);

/** Those of `series` that no other has the labels of. */
function withoutEqual(series: readonly Series[], others: readonly Series[]): Series[] {
  const hashes = new Set(others.map((other) => labelsHash(other.labels)));
  // Keys are dear, and mostly nothing is equal.
  if (!series.some((one) => hashes.has(labelsHash(one.labels)))) return [...series];
  const keys = new Set(others.map((other) => labelsKey(other.labels)));
  return series.filter((one) => !keys.has(labelsKey(one.labels)));
}
