import {
  type Batch,
  equalLabels,
  isStale,
  type Labels,
  labelMap,
  labelValue,
  METRIC_NAME,
  makeSet,
  type Resource,
  type Series,
  type SeriesSet,
  sortedLabels,
} from '#metrics';
import { sourceOf } from './lanes.ts';
import type { TranslateOptions } from './translate.ts';

/** Milliseconds after which a source that told nothing is forgotten. */
export const FORGOTTEN = 3_600_000;
const TYPES: ReadonlySet<string> = new Set(['gauge', 'info', 'unknown']);
const IDENTITY: ReadonlySet<string> = new Set([METRIC_NAME, 'job', 'instance']);

/** Whether a source says itself, by a series `target_info`, what its target is. Without job and instance it is no target's. */
export function isOwnInfo({ family, labels }: Series): boolean {
  // In OpenMetrics the family of an info metric is named without `_info`.
  if (family.name !== 'target_info' && family.name !== 'target') return false;
  if (!TYPES.has(family.type) || labelValue(labels, METRIC_NAME) !== 'target_info') return false;
  return labelValue(labels, 'job') !== '' || labelValue(labels, 'instance') !== '';
}

/** The resource with what such a series tells besides; what receivers and processors know wins, as for OTLP. */
export function describedBy({ labels }: Series, resource: Resource): Resource {
  const told = labels.filter((_, i) => !IDENTITY.has(labels[i - (i % 2)]!));
  return { attributes: sortedLabels(new Map([...labelMap(told), ...labelMap(resource.attributes)])) };
}

const places = new WeakMap<SeriesSet, readonly number[]>();
const NONE: readonly number[] = [];

/** The places of such series in a set. Found by their families: labels may not have been made yet. */
export function ownInfos(set: SeriesSet): readonly number[] {
  let known = places.get(set);
  if (!known) {
    const found: number[] = [];
    set.series.forEach((series, at) => {
      if (isOwnInfo(series)) found.push(at);
    });
    known = found.length > 0 ? found : NONE;
    places.set(set, known);
  }
  return known;
}

/** The place of the one that describes the target of `series`. */
export function ownInfoOf(series: Series, set: SeriesSet): number | undefined {
  const source = sourceOf(series);
  return ownInfos(set).find((at) => sourceOf(set.series[at]!) === source);
}

interface Told {
  readonly info: Series;
  time: number;
}
interface Dressed {
  readonly set: SeriesSet;
  readonly given: Labels;
}

/**
 * Gives every set of a target the resource that its `target_info` tells, for resource attributes that become labels of all
 * series. What comes beside the page (`up`, marks of staleness) is the target's, too, and keeps what was told last.
 */
export class InfoSharing {
  readonly #told = new Map<string, Told>();
  readonly #dressed = new WeakMap<SeriesSet, Dressed>();
  #sweepAt = 64;

  share(batch: Batch): Batch {
    for (const { set, values, time } of batch) {
      for (const at of ownInfos(set)) {
        const info = set.series[at]!;
        const source = sourceOf(info);
        const known = this.#told.get(source);
        if (known?.info === info) known.time = time;
        else if (!known || !isStale(values, at)) this.#told.set(source, { info, time });
      }
    }
    if (this.#told.size === 0) return batch;
    this.#sweep(batch);
    return batch.map((snapshot) => {
      const set = this.#dress(snapshot.set);
      return set === snapshot.set ? snapshot : { ...snapshot, set };
    });
  }

  #dress(set: SeriesSet): SeriesSet {
    const [first] = set.series;
    if (!first) return set;
    const source = sourceOf(first);
    const own = ownInfoOf(first, set);
    const info = own === undefined ? this.#told.get(source)?.info : set.series[own];
    if (!info) return set;
    const known = this.#dressed.get(set);
    if (known && equalLabels(known.given, info.labels)) return known.set;
    const isOne = set.series.every((series) => sourceOf(series) === source);
    const { attributes } = describedBy(info, set.resource);
    const made = isOne && !equalLabels(attributes, set.resource.attributes) ? makeSet(set.series, { attributes }) : set;
    this.#dressed.set(set, { set: made, given: info.labels });
    return made;
  }

  #sweep(batch: Batch): void {
    if (this.#told.size < this.#sweepAt) return;
    const now = batch.reduce((latest, { time }) => Math.max(latest, time), 0);
    for (const [source, { time }] of this.#told) if (now - time > FORGOTTEN) this.#told.delete(source);
    this.#sweepAt = Math.max(64, this.#told.size * 2);
  }
}

/** Undefined where resource attributes become no labels. */
export function sharingOf({ resourceLabels }: TranslateOptions): InfoSharing | undefined {
  return resourceLabels === 'none' ? undefined : new InfoSharing();
}
