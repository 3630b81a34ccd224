import type { Exemplar, NativeHistogram } from './histogram.ts';
import type { SeriesSet } from './series.ts';
import { makeSet } from './series.ts';

/**
 * The values of a series set at one moment: `values[i]` belongs to `set.series[i]`. Nothing in flight is ever changed in
 * place; arrays may be shared between snapshots.
 */
export interface Snapshot {
  readonly set: SeriesSet;
  readonly values: Float64Array;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** For sources that give a timestamp to each sample; replaces `time` for all of them. Milliseconds since the epoch. */
  readonly times?: Float64Array;
  /**
   * Samples of `native` series, by index. A native series that is not here carries a staleness marker, as its value in
   * `values`.
   */
  readonly histograms?: ReadonlyMap<number, NativeHistogram>;
  /** By ascending index. */
  readonly exemplars?: readonly Exemplar[];
  /** Since when a cumulative sample counts, where the source says so: milliseconds since the epoch, 0 where unknown. */
  readonly starts?: Float64Array;
}

export type Batch = readonly Snapshot[];

export function pointCount(batch: Batch): number {
  let n = 0;
  for (const snapshot of batch) n += snapshot.values.length;
  return n;
}

/** The samples `from` (included) to `to` (excluded). The cut set is memoised, so the same cut gives the same set. */
export function sliceSnapshot(snapshot: Snapshot, from: number, to: number): Snapshot {
  const { set, values, time, times, starts } = snapshot;
  if (from === 0 && to === values.length) return snapshot;
  return {
    set: sliceSet(set, from, to),
    values: values.subarray(from, to),
    time,
    ...(times && { times: times.subarray(from, to) }),
    ...(starts && { starts: starts.subarray(from, to) }),
    ...movedExtras(snapshot, (i) => (i >= from && i < to ? i - from : undefined)),
  };
}

/** The samples at `index`, in that order, as the samples of `set`. */
export function selectSnapshot(snapshot: Snapshot, set: SeriesSet, index: Uint32Array): Snapshot {
  const { values, time, times, starts, histograms, exemplars } = snapshot;
  const selected = { set, values: gather(values, index), time };
  if (!(times || starts || histograms || exemplars)) return selected;
  const places = new Map<number, number>();
  if (histograms || exemplars) for (let to = 0; to < index.length; to++) places.set(index[to]!, to);
  return {
    ...selected,
    ...(times && { times: gather(times, index) }),
    ...(starts && { starts: gather(starts, index) }),
    ...movedExtras(snapshot, (i) => places.get(i)),
  };
}

/** What belongs to single samples, at their new places; `to` gives undefined for samples that are gone. */
function movedExtras(
  { histograms, exemplars }: Snapshot,
  to: (i: number) => number | undefined,
): Pick<Snapshot, 'histograms' | 'exemplars'> {
  const moved = new Map<number, NativeHistogram>();
  for (const [i, histogram] of histograms ?? []) {
    const at = to(i);
    if (at !== undefined) moved.set(at, histogram);
  }
  const kept: Exemplar[] = [];
  for (const exemplar of exemplars ?? []) {
    const index = to(exemplar.index);
    if (index !== undefined) kept.push({ ...exemplar, index });
  }
  kept.sort((a, b) => a.index - b.index);
  return { ...(moved.size > 0 && { histograms: moved }), ...(kept.length > 0 && { exemplars: kept }) };
}

const slices = new WeakMap<SeriesSet, Map<string, SeriesSet>>();

function sliceSet(set: SeriesSet, from: number, to: number): SeriesSet {
  const known = slices.get(set) ?? new Map<string, SeriesSet>();
  slices.set(set, known);
  const key = `${from}:${to}`;
  const cut = known.get(key) ?? makeSet(set.series.slice(from, to), set.resource);
  known.set(key, cut);
  return cut;
}

/** `out[i] = values[index[i]]`, bit for bit: a NaN's payload (the staleness marker) survives. */
export function gather(values: Float64Array, index: Uint32Array): Float64Array {
  const out = new Float64Array(index.length);
  const from = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  const to = new Uint32Array(out.buffer);
  for (let i = 0; i < index.length; i++) {
    const j = index[i]! * 2;
    to[2 * i] = from[j]!;
    to[2 * i + 1] = from[j + 1]!;
  }
  return out;
}
