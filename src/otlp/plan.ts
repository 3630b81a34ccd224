import { type Labels, labelsKey, type MetricType, NO_LABELS, type Series, type SeriesSet } from '#metrics';
import { createFamilies, type Families } from './families.ts';
import { type Identity, identify, resourceAttributes, SCOPE_PREFIX } from './resource.ts';

/**
 * How the flat series of a set regroup into OTLP metrics. Every number that is called an index points into `set.series`;
 * -1 is none. Every `start` is a place in the column that `StartTimes` keeps; -1 where OTLP knows no start.
 */
export interface Plan {
  readonly resources: readonly ResourcePlan[];
  /** Whose series these are, and the labels of their `target_info`, where the set has it. */
  readonly targets: readonly { readonly key: string; readonly info: Labels }[];
  /** OTLP data points: a histogram is one, however many series it is made of. */
  readonly points: number;
  readonly metrics: number;
  /** Series that should have formed a histogram or a summary and could not, so that they go as single numbers. */
  readonly flattened: number;
  /** By `start`: what to watch for a reset, and the `_created` series. */
  readonly starts: readonly {
    readonly watch: number;
    readonly created: number;
    /** It is a native histogram, whose count is watched. */
    readonly native: boolean;
  }[];
}

export interface ResourcePlan {
  readonly attributes: Labels;
  readonly scopes: readonly ScopePlan[];
}

/** Who is named as the instrumentation scope of series that carry no `otel_scope_*` labels. */
export interface Scope {
  readonly name: string;
  readonly version: string;
}

export interface ScopePlan {
  /** undefined: dnscol's own scope. */
  readonly name: string | undefined;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: Labels;
  readonly metrics: readonly MetricPlan[];
}

interface MetricBase {
  readonly name: string;
  readonly description: string;
  /** UCUM. */
  readonly unit: string;
  /** Kept as the metadata `prometheus.type`, so that nothing is lost where OTLP has no such type. */
  readonly type: MetricType;
}
export interface NumberMetric extends MetricBase {
  /** A sum is cumulative. */
  readonly data: 'gauge' | 'sum';
  readonly monotonic: boolean;
  readonly points: readonly NumberPoint[];
}
export interface HistogramMetric extends MetricBase {
  readonly data: 'histogram';
  readonly points: readonly HistogramPoint[];
}
export interface SummaryMetric extends MetricBase {
  readonly data: 'summary';
  readonly points: readonly SummaryPoint[];
}
/** Native histograms: which OTLP type each becomes, its samples tell. */
export interface NativeMetric extends MetricBase {
  readonly data: 'native';
  readonly points: readonly NativePoint[];
}
export type MetricPlan = NumberMetric | HistogramMetric | SummaryMetric | NativeMetric;

export interface NumberPoint {
  readonly attributes: Labels;
  readonly value: number;
  readonly start: number;
}
export interface HistogramPoint {
  readonly attributes: Labels;
  readonly start: number;
  /** `_count`, or the bucket `+Inf` where there is no `_count`. */
  readonly count: number;
  readonly sum: number;
  /** Ascending, without +Inf. */
  readonly bounds: readonly number[];
  /** The cumulative `_bucket` series of each bound. The last bucket, up to infinity, follows from the count. */
  readonly buckets: readonly number[];
  /** The bucket `+Inf`. */
  readonly infinite: number;
  /** False when there is no `_bucket` series at all: then OTLP gets no buckets either. */
  readonly bucketed: boolean;
}
export interface NativePoint {
  readonly attributes: Labels;
  readonly start: number;
  readonly index: number;
}
export interface SummaryPoint {
  readonly attributes: Labels;
  readonly start: number;
  readonly count: number;
  readonly sum: number;
  readonly quantiles: readonly { readonly quantile: number; readonly index: number }[];
}

const plans = new WeakMap<SeriesSet, Plan>();

export function planOf(set: SeriesSet): Plan {
  const known = plans.get(set);
  if (known) return known;
  const made = makePlan(set);
  plans.set(set, made);
  return made;
}

interface Target {
  job: string;
  instance: string;
  info: Labels;
  scopes: Map<string, { labels: Labels; families: Families }>;
}

function makePlan(set: SeriesSet): Plan {
  const targets = new Map<string, Target>();
  const starts: Plan['starts'][number][] = [];
  const addStart = (watch: number, created: number) =>
    starts.push({ watch, created, native: set.series[watch]!.native === true }) - 1;
  let last: Target | undefined;
  const totals = { points: 0, metrics: 0, flattened: 0 };
  set.series.forEach((series, index) => {
    const identity = identify(series.labels, takes(series));
    // Series of one target mostly stand together.
    const target: Target = last && isOf(last, identity) ? last : targetOf(targets, identity);
    last = target;
    if (isTargetInfo(series, identity)) target.info = identity.attributes;
    else familiesOf(target, identity.scope, addStart).add(index, series, identity);
  });
  const resources = [...targets.values()].map(({ job, instance, info, scopes }) => ({
    attributes: resourceAttributes(job, instance, info, set.resource.attributes),
    scopes: [...scopes.values()].map(({ labels, families }) => {
      const { metrics, flattened } = families.finish();
      totals.flattened += flattened;
      totals.metrics += metrics.length;
      for (const metric of metrics) totals.points += metric.points.length;
      return { ...scopeOf(labels), metrics };
    }),
  }));
  return {
    resources: resources.filter((resource) => resource.scopes.length > 0),
    targets: [...targets].map(([key, { info }]) => ({ key, info })),
    ...totals,
    starts,
  };
}

function takes({ family, native }: Series): 'le' | 'quantile' | undefined {
  if (native) return undefined;
  return family.type === 'histogram' ? 'le' : family.type === 'summary' ? 'quantile' : undefined;
}

/** `target_info` describes the target, not a measurement. Without job and instance there is no telling which target. */
function isTargetInfo({ family }: Series, { name, job, instance }: Identity): boolean {
  return name === 'target_info' && (job !== '' || instance !== '') && /^(info|gauge|unknown)$/.test(family.type);
}

const isOf = (target: Target, { job, instance }: Identity): boolean =>
  target.job === job && target.instance === instance;

function targetOf(targets: Map<string, Target>, { job, instance }: Identity): Target {
  const key = `${job.length}:${job}${instance}`;
  const known = targets.get(key);
  if (known) return known;
  const made = { job, instance, info: NO_LABELS, scopes: new Map() };
  targets.set(key, made);
  return made;
}

function familiesOf(target: Target, labels: Labels, addStart: (watch: number, created: number) => number): Families {
  const key = labelsKey(labels);
  const known = target.scopes.get(key);
  if (known) return known.families;
  const families = createFamilies(addStart);
  target.scopes.set(key, { labels, families });
  return families;
}

function scopeOf(labels: Labels): Omit<ScopePlan, 'metrics'> {
  const scope = { name: labels.length ? '' : undefined, version: '', schemaUrl: '' } as {
    name: string | undefined;
    version: string;
    schemaUrl: string;
  };
  const attributes: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    const key = labels[i]!.slice(SCOPE_PREFIX.length);
    const value = labels[i + 1]!;
    if (key === 'name') scope.name = value;
    else if (key === 'version') scope.version = value;
    else if (key === 'schema_url') scope.schemaUrl = value;
    else attributes.push(key, value);
  }
  return { ...scope, attributes };
}
