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
}

export type Batch = readonly Snapshot[];

export function pointCount(batch: Batch): number {
  let n = 0;
  for (const snapshot of batch) n += snapshot.values.length;
  return n;
}

/** The samples `from` (included) to `to` (excluded). The cut set is memoised, so the same cut gives the same set. */
export function sliceSnapshot(snapshot: Snapshot, from: number, to: number): Snapshot {
  const { set, values, time, times } = snapshot;
  if (from === 0 && to === values.length) return snapshot;
  const cut = { set: sliceSet(set, from, to), values: values.subarray(from, to), time };
  return times ? { ...cut, times: times.subarray(from, to) } : cut;
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
