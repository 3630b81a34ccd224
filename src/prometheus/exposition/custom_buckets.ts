/** Classic histograms as native ones with custom buckets (NHCB): Prometheus' util/convertnhcb. */
import {
  CUSTOM_BUCKETS,
  compactBuckets,
  type Exemplar,
  type Family,
  gather,
  histogramFault,
  labelsKey,
  labelValue,
  METRIC_NAME,
  type NativeHistogram,
  NO_BUCKETS,
} from '#metrics';
import { parseFloatText } from './number.ts';
import type { Layout, ParsedPage, RawSample } from './types.ts';

export interface CustomBucketsOptions {
  /** The classic histograms stay beside the native ones. */
  readonly classic: boolean;
  /** Gauge histograms are converted too, as on protobuf pages. */
  readonly gauges: boolean;
  /** So many histograms of a page contradicted themselves and are left out. */
  onRefused(count: number): void;
}

/** One classic histogram; numbers are indexes of the page's samples. */
interface Group {
  readonly native: RawSample;
  readonly first: number;
  last: number;
  count: number;
  sum: number;
  readonly buckets: { le: number; index: number }[];
}

/** What a layout becomes. */
interface Plan {
  readonly layout: Layout;
  readonly groups: readonly Group[];
  /** Per new sample: the old one's index; or -1 - n for the native form of group n. */
  readonly from: Int32Array;
  readonly bounds: readonly Float64Array[];
}

/** Gives pages with their classic histograms converted; a series stays the same RawSample while its page shows it. */
export function customBuckets(options: CustomBucketsOptions): (page: ParsedPage) => ParsedPage {
  const natives = new WeakMap<RawSample, RawSample>();
  const plans = new WeakMap<Layout, Plan>();
  const reduced = new WeakMap<Plan, { key: string; plan: Plan }>();

  /** Without the groups that say nothing this time; seldom, so only the last such plan is kept. */
  function without(plan: Plan, refused: readonly number[]): Plan {
    const key = refused.join();
    const known = reduced.get(plan);
    if (known?.key === key) return known.plan;
    const gone = new Set(refused.map((n) => -1 - n));
    const kept = [...plan.from.keys()].filter((i) => !gone.has(plan.from[i]!));
    const made: Plan = {
      ...plan,
      layout: Object.freeze({ samples: kept.map((i) => plan.layout.samples[i]!) }),
      from: Int32Array.from(kept, (i) => plan.from[i]!),
    };
    reduced.set(plan, { key, plan: made });
    return made;
  }

  return (page) => {
    const plan = plans.get(page.layout) ?? makePlan(page.layout, options, natives);
    plans.set(page.layout, plan);
    if (plan.groups.length === 0) return page;
    const made = plan.groups.map((group, n) => convert(group, plan.bounds[n]!, page.values));
    const refused = [...made.keys()].filter((n) => made[n] === undefined);
    if (refused.length > 0) options.onRefused(refused.length);
    return apply(page, refused.length > 0 ? without(plan, refused) : plan, made);
  };
}

function makePlan(layout: Layout, options: CustomBucketsOptions, natives: WeakMap<RawSample, RawSample>): Plan {
  const groups = new Map<string, Group>();
  const keys = layout.samples.map((sample, i) => {
    const part = partOf(sample, options.gauges);
    return part && join(groups, sample, i, part, natives);
  });
  // A histogram that is native already is not made so again.
  for (const { native, family, labels } of layout.samples) {
    if (native) groups.delete(keyOf(family, labels));
  }
  const list = [...groups.values()].map((group) => ({ ...group, buckets: sorted(group.buckets) }));
  const numbers = new Map([...groups.keys()].map((key, n) => [key, n]));
  const samples: RawSample[] = [];
  const from: number[] = [];
  layout.samples.forEach((sample, i) => {
    const n = numbers.get(keys[i] ?? '');
    if (n === undefined || options.classic) {
      samples.push(sample);
      from.push(i);
    }
    if (n !== undefined && list[n]!.last === i) {
      samples.push(list[n]!.native);
      from.push(-1 - n);
    }
  });
  const bounds = list.map(({ buckets }) =>
    Float64Array.from(buckets.map(({ le }) => le).filter((le) => le < Infinity)),
  );
  return { layout: Object.freeze({ samples }), groups: list, from: Int32Array.from(from), bounds };
}

/** By bound; of two with the same one the first counts. */
function sorted(buckets: Group['buckets']): Group['buckets'] {
  return buckets.sort((a, b) => a.le - b.le).filter(({ le }, i) => i === 0 || buckets[i - 1]!.le !== le);
}

type Part = { kind: 'count' | 'sum' } | { kind: 'bucket'; le: number };

function partOf({ family, labels, native }: RawSample, gauges: boolean): Part | undefined {
  const wanted = family.type === 'histogram' || (gauges && family.type === 'gaugehistogram');
  if (!wanted || native) return undefined;
  const name = labelValue(labels, METRIC_NAME);
  if (name === `${family.name}_count`) return { kind: 'count' };
  if (name === `${family.name}_sum`) return { kind: 'sum' };
  if (name !== `${family.name}_bucket`) return undefined;
  const le = parseFloatText(labelValue(labels, 'le')) ?? Number.NaN;
  return Number.isNaN(le) ? undefined : { kind: 'bucket', le };
}

function join(
  groups: Map<string, Group>,
  sample: RawSample,
  index: number,
  part: Part,
  natives: WeakMap<RawSample, RawSample>,
): string {
  const key = keyOf(sample.family, sample.labels);
  const group = groups.get(key) ?? {
    native: nativeOf(sample, natives),
    first: index,
    last: index,
    count: -1,
    sum: -1,
    buckets: [],
  };
  groups.set(key, group);
  group.last = index;
  if (part.kind !== 'bucket') group[part.kind] = group[part.kind] < 0 ? index : group[part.kind];
  else group.buckets.push({ le: part.le, index });
  return key;
}

function keyOf(family: Family, labels: readonly string[]): string {
  return `${family.name}\n${labelsKey(withoutParts(labels))}`;
}

const withoutParts = (labels: readonly string[]): string[] =>
  labels.filter((_, i) => !['le', METRIC_NAME].includes(labels[i - (i % 2)]!));

function nativeOf(first: RawSample, natives: WeakMap<RawSample, RawSample>): RawSample {
  const known = natives.get(first);
  if (known) return known;
  const { family, labels, hasTimestamp } = first;
  const own = labels.map((text, i) => (i > 0 && labels[i - 1] === METRIC_NAME && i % 2 === 1 ? family.name : text));
  const kept = own.filter((_, i) => own[i - (i % 2)] !== 'le');
  const empty = first.empty && { empty: first.empty };
  const made = Object.freeze({ family, labels: Object.freeze(kept), ...empty, hasTimestamp, native: true as const });
  natives.set(first, made);
  return made;
}

/** Undefined when the numbers contradict each other. */
function convert(group: Group, customBounds: Float64Array, values: Float64Array): NativeHistogram | undefined {
  const { buckets, count, sum } = group;
  const cumulated = buckets.map(({ index }) => values[index]!);
  const total = count >= 0 ? values[count]! : (cumulated.at(-1) ?? 0);
  if (buckets.at(-1)?.le !== Infinity) cumulated.push(total);
  if (cumulated.at(-1) !== total) return undefined;
  const counts = new Float64Array(cumulated.length);
  for (let i = 0; i < counts.length; i++) counts[i] = cumulated[i]! - (i > 0 ? cumulated[i - 1]! : 0);
  if (!counts.every((one) => one >= 0)) return undefined;
  const isFloat = !cumulated.every(Number.isInteger);
  const all = { spans: [{ offset: 0, length: counts.length }], counts };
  const histogram: NativeHistogram = Object.freeze({
    schema: CUSTOM_BUCKETS,
    isFloat,
    isGauge: group.native.family.type === 'gaugehistogram',
    count: total,
    sum: sum >= 0 ? values[sum]! : 0,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: compactBuckets(all, isFloat ? 0 : 2),
    negative: NO_BUCKETS,
    customBounds,
  });
  return histogramFault(histogram) === undefined ? histogram : undefined;
}

function apply(page: ParsedPage, plan: Plan, made: readonly (NativeHistogram | undefined)[]): ParsedPage {
  const { layout, from, groups } = plan;
  const { times, starts, histograms: before } = page;
  const histograms = new Map<number, NativeHistogram>();
  /** Where the value of each sample is taken from. */
  const index = Uint32Array.from(from, (at) => (at >= 0 ? at : Math.max(groups[-1 - at]!.sum, groups[-1 - at]!.first)));
  const values = gather(page.values, index);
  from.forEach((at, i) => {
    const histogram = at >= 0 ? before?.get(at) : made[-1 - at];
    if (!histogram) return;
    histograms.set(i, histogram);
    if (at < 0 && groups[-1 - at]!.sum < 0) values[i] = 0;
  });
  const exemplars = movedExemplars(page, plan);
  const firsts = Uint32Array.from(from, (at) => (at >= 0 ? at : groups[-1 - at]!.first));
  return {
    layout,
    values,
    ...(times && { times: gather(times, firsts) }),
    ...(starts && { starts: gather(starts, firsts) }),
    ...(exemplars.length > 0 && { exemplars }),
    ...(histograms.size > 0 && { histograms }),
  };
}

const membersOf = ({ count, sum, buckets }: Group): number[] =>
  [count, sum, ...buckets.map(({ index }) => index)].filter((index) => index >= 0);

/** Those of buckets go to the native histogram, where they need a timestamp. */
function movedExemplars({ exemplars = [] }: ParsedPage, { from, groups }: Plan): Exemplar[] {
  if (exemplars.length === 0) return [];
  const places = new Map<number, number[]>();
  const put = (old: number, now: number) => places.set(old, [...(places.get(old) ?? []), now]);
  const natives = new Set<number>();
  from.forEach((at, i) => {
    if (at < 0) natives.add(i);
    for (const old of at < 0 ? membersOf(groups[-1 - at]!) : [at]) put(old, i);
  });
  const moved = exemplars.flatMap((one) => (places.get(one.index) ?? []).map((index) => ({ ...one, index })));
  return moved
    .filter(({ index, timestamp }) => timestamp !== undefined || !natives.has(index))
    .sort((a, b) => a.index - b.index);
}
