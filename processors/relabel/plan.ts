import {
  equalLabels,
  type Labels,
  labelValue,
  METRIC_NAME,
  makeSeries,
  makeSet,
  type Series,
  type SeriesSet,
  type Snapshot,
  selectSnapshot,
} from '#metrics';
import type { Relabeler } from '#prometheus';
import { familyRenamer } from './family.ts';

/** What the rules make of a set, worked out once. */
export interface Plan {
  /** Undefined when nothing is left. The set that came, the same object, when nothing changed. */
  readonly set: SeriesSet | undefined;
  /** Which values are kept, in order; undefined: all. */
  readonly index: Uint32Array | undefined;
  /** How many series are gone, by reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
}

/** `rule`: the user's will. `duplicate`: equal to an earlier series of the set. `no_name`: left without `__name__`. */
export const dropReasons = ['rule', 'duplicate', 'no_name'] as const;
export type DropReason = (typeof dropReasons)[number];

/** A series after the rules; its hash finds those that became equal without keeping a string for each. */
interface Relabelled {
  readonly series: Series;
  readonly hash: number;
}
type Result = Relabelled | Exclude<DropReason, 'duplicate'>;

/**
 * Relabels sets. A known set costs one look-up. In a new one only the new series meet the rules: a series that was in an
 * earlier set keeps the object that the rules made of it.
 */
export function setRelabeler(relabeler: Relabeler, onDuplicate: (labels: Labels) => void): (set: SeriesSet) => Plan {
  const plans = new WeakMap<SeriesSet, Plan>();
  const results = new WeakMap<Series, Result>();
  const renamed = familyRenamer();

  function relabel(series: Series): Result {
    const result = resultOf(series);
    results.set(series, result);
    return result;
  }

  function resultOf(series: Series): Result {
    const labels = relabeler.relabel(series.labels);
    if (!labels) return 'rule';
    if (labels === series.labels) return { series, hash: hashLabels(labels) };
    const from = labelValue(series.labels, METRIC_NAME);
    const to = labelValue(labels, METRIC_NAME);
    if (to === '') return 'no_name';
    const family = from === to ? series.family : renamed(series.family, from, to);
    return { series: makeSeries(family, labels, series.native), hash: hashLabels(labels) };
  }

  function plan(set: SeriesSet): Plan {
    const kept: Series[] = [];
    const index: number[] = [];
    const dropped: Record<DropReason, number> = { rule: 0, duplicate: 0, no_name: 0 };
    const seen = new Map<number, Series>();
    let changed = false;
    set.series.forEach((one, i) => {
      const result = results.get(one) ?? relabel(one);
      if (typeof result === 'string') {
        dropped[result]++;
      } else if (isRepeated(seen, result)) {
        dropped.duplicate++;
        onDuplicate(result.series.labels);
      } else {
        changed ||= result.series !== one;
        kept.push(result.series);
        index.push(i);
      }
    });
    const isWhole = kept.length === set.series.length;
    if (isWhole && !changed) return { set, index: undefined, dropped };
    return {
      set: kept.length > 0 ? makeSet(kept, set.resource) : undefined,
      index: isWhole ? undefined : Uint32Array.from(index),
      dropped,
    };
  }

  return (set) => {
    const known = plans.get(set) ?? plan(set);
    plans.set(set, known);
    return known;
  };
}

/** Remembers the series under its hash. Two hashes that are equal by chance take neighbouring places. */
function isRepeated(seen: Map<number, Series>, { series, hash }: Relabelled): boolean {
  let place = hash;
  for (let other = seen.get(place); other; other = seen.get(++place)) {
    if (other === series || equalLabels(other.labels, series.labels)) return true;
  }
  seen.set(place, series);
  return false;
}

/** FNV-1a over UTF-16 units, 30 bits. */
function hashLabels(labels: Labels): number {
  let hash = 0x811c9dc5;
  for (const part of labels) {
    for (let i = 0; i < part.length; i++) hash = Math.imul(hash ^ part.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0xff, 0x01000193);
  }
  return hash & 0x3fffffff;
}

/** The snapshot with the plan's series; its arrays are shared where all values stay. */
export function applyPlan(snapshot: Snapshot, { set, index }: Plan): Snapshot | undefined {
  if (!set) return undefined;
  if (set === snapshot.set) return snapshot;
  if (!index) return { ...snapshot, set };
  return selectSnapshot(snapshot, set, index);
}
