/** Native histograms as what a text page has room for: classic ones. */
import {
  type Exemplar,
  forEachNativeBucket,
  labelMap,
  METRIC_NAME,
  makeFamily,
  makeSeries,
  makeSet,
  type NativeHistogram,
  type Series,
  type SeriesSet,
  type Snapshot,
  selectSnapshot,
  seriesName,
  sortedLabels,
  staleValues,
} from '#metrics';
import { formatBound } from '#prometheus';

/** The classic series of one native one: a bucket for each bound, that up to +Inf, sum and count. */
interface Classic {
  readonly bounds: Float64Array;
  readonly series: readonly Series[];
}
interface Plan {
  readonly set: SeriesSet;
  /** Where the values of the others come from. */
  readonly kept: Uint32Array;
  readonly natives: readonly { readonly index: number; readonly at: number; readonly classic: Classic }[];
}

const NO_BOUNDS = new Float64Array(0);

/**
 * Gives snapshots without native histograms. One with custom buckets keeps all it has; of others a text page shows count
 * and sum, as client_golang writes them, and `onLost` is told how many samples lost their buckets so.
 */
export function flattener(onLost: (samples: number) => void): (snapshot: Snapshot) => Snapshot[] {
  const plans = new WeakMap<SeriesSet, Plan | undefined>();
  const classics = new WeakMap<Series, Classic>();

  function classicOf(series: Series, histogram: NativeHistogram | undefined): Classic {
    const known = classics.get(series);
    // A mark does not say what it ends.
    const bounds = histogram ? (histogram.customBounds ?? NO_BOUNDS) : (known?.bounds ?? NO_BOUNDS);
    if (known && sameNumbers(known.bounds, bounds)) return known;
    const made = { bounds, series: classicSeries(series, bounds) };
    classics.set(series, made);
    return made;
  }

  function planOf({ set, histograms }: Snapshot): { plan: Plan | undefined; before: Plan | undefined } {
    const before = plans.get(set);
    if (plans.has(set) && !before) return { plan: undefined, before };
    const natives = before?.natives.map(({ index }) => index) ?? nativesOf(set);
    const now = natives.map((index) => classicOf(set.series[index]!, histograms?.get(index)));
    if (before && now.every((classic, i) => classic === before.natives[i]!.classic)) return { plan: before, before };
    const plan = natives.length > 0 ? makePlan(set, natives, now) : undefined;
    plans.set(set, plan);
    return { plan, before };
  }

  return (snapshot) => {
    const { plan, before } = planOf(snapshot);
    if (!plan) return [snapshot];
    let lost = 0;
    for (const histogram of snapshot.histograms?.values() ?? []) if (!histogram.customBounds) lost++;
    if (lost > 0) onLost(lost);
    const gone = before && before !== plan ? vanished(before.set, plan.set, snapshot.time) : [];
    return [...gone, flat(snapshot, plan)];
  };
}

const nativesOf = ({ series }: SeriesSet): number[] => [...series.keys()].filter((i) => series[i]!.native);

function makePlan({ series, resource }: SeriesSet, natives: readonly number[], classics: readonly Classic[]): Plan {
  const gone = new Set(natives);
  const kept = [...series.keys()].filter((i) => !gone.has(i));
  const all = kept.map((i) => series[i]!);
  const placed = natives.map((index, n) => {
    const at = all.length;
    for (const one of classics[n]!.series) all.push(one);
    return { index, at, classic: classics[n]! };
  });
  return { set: makeSet(all, resource), kept: Uint32Array.from(kept), natives: placed };
}

function classicSeries(series: Series, bounds: Float64Array): Series[] {
  const { family } = series;
  const name = seriesName(series);
  const gauge = family.type === 'gaugehistogram';
  const type = gauge ? 'gaugehistogram' : 'histogram';
  const same = family.name === name && family.type === type;
  const own = same ? family : makeFamily(name, type, family.help, family.unit);
  const made = (suffix: string, le?: string): Series => {
    const labels = labelMap(series.labels).set(METRIC_NAME, name + suffix);
    if (le !== undefined) labels.set('le', le);
    return makeSeries(own, sortedLabels(labels));
  };
  return [
    ...Array.from(bounds, (bound) => made('_bucket', formatBound(bound))),
    made('_bucket', '+Inf'),
    made(gauge ? '_gsum' : '_sum'),
    made(gauge ? '_gcount' : '_count'),
  ];
}

function flat(snapshot: Snapshot, { set, kept, natives }: Plan): Snapshot {
  const { time, times, starts, histograms } = snapshot;
  const others = selectSnapshot(snapshot, set, kept);
  const values = staleValues(set.series.length);
  values.set(others.values);
  const longer = (column: Float64Array, of: Float64Array): Float64Array => {
    const all = new Float64Array(values.length);
    all.set(column);
    for (const { index, at, classic } of natives) all.fill(of[index]!, at, at + classic.series.length);
    return all;
  };
  const exemplars = [...(others.exemplars ?? []), ...movedExemplars(snapshot, natives)];
  for (const { index, at, classic } of natives) {
    const histogram = histograms?.get(index);
    if (histogram) values.set(classicValues(histogram, classic), at);
  }
  return {
    set,
    values,
    time,
    ...(times && { times: longer(others.times!, times) }),
    ...(starts && { starts: longer(others.starts!, starts) }),
    ...(exemplars.length > 0 && { exemplars }),
  };
}

function classicValues({ positive, count, sum }: NativeHistogram, { bounds }: Classic): Float64Array {
  const values = new Float64Array(bounds.length + 3);
  if (bounds.length > 0) {
    forEachNativeBucket(positive, (index, n) => {
      if (index < bounds.length) values[index]! += n;
    });
    for (let i = 1; i < bounds.length; i++) values[i]! += values[i - 1]!;
  }
  values[bounds.length] = count;
  values[bounds.length + 1] = sum;
  values[bounds.length + 2] = count;
  return values;
}

/** Each exemplar goes to the bucket that its value falls into. */
function movedExemplars({ exemplars = [] }: Snapshot, natives: Plan['natives']): Exemplar[] {
  if (exemplars.length === 0) return [];
  const places = new Map(natives.map((native) => [native.index, native]));
  const moved: Exemplar[] = [];
  for (const one of exemplars) {
    const place = places.get(one.index);
    if (!place) continue;
    const { bounds } = place.classic;
    const bucket = bounds.findIndex((bound) => one.value <= bound);
    moved.push({ ...one, index: place.at + (bucket < 0 ? bounds.length : bucket) });
  }
  return moved.sort((a, b) => a.index - b.index);
}

/** Marks for series whose bucket is no more. */
function vanished(before: SeriesSet, now: SeriesSet, time: number): Snapshot[] {
  const there = new Set(now.series);
  const gone = before.series.filter((series) => !there.has(series));
  return gone.length > 0 ? [{ set: makeSet(gone, before.resource), values: staleValues(gone.length), time }] : [];
}

function sameNumbers(a: Float64Array, b: Float64Array): boolean {
  return a === b || (a.length === b.length && a.every((one, i) => one === b[i]));
}
