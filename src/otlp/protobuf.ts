import { isStale, type SeriesSet, type Snapshot } from '#metrics';
import { countOf, forEachBucket } from './buckets.ts';
import { partsOf } from './exemplars.ts';
import { type Nanos, nanosOf } from './nanos.ts';
import { type MetricPlan, planOf, type Scope } from './plan.ts';
import type { Stamped } from './starts.ts';
import { compile, NO_RECORDED_VALUE, type Template, type TemplateHistogram, type TemplateSummary } from './template.ts';

/** Templates are kept for as long as their series sets live. */
export interface ProtobufEncoder {
  /** An ExportMetricsServiceRequest. */
  encode(stamped: readonly Stamped[]): Uint8Array;
  /** How many bytes `encode` gives, without encoding. */
  size(stamped: readonly Stamped[]): number;
}

const TIME_TAG = 0x19;

/** How a set is encoded. */
interface Encoding {
  /** Of the metrics whose points always have the same length. */
  template: Template;
  /** The others: native histograms, and metrics that have had exemplars. Their template is made each time. */
  readonly varying: Set<MetricPlan>;
}

/**
 * Everything in an OTLP data point that changes has a fixed width (times, doubles, fixed64 counts, a flag below 128), so a
 * message is a copy of the set's template with numbers written over. That a template of one set may stand after another's
 * is protobuf's rule that a repeated field is a concatenation. Native histograms and exemplars have no fixed width: the
 * metrics that have them come in a ResourceMetrics of their own, behind the others of their resource.
 */
export function createProtobufEncoder(scope: Scope): ProtobufEncoder {
  const encodings = new WeakMap<SeriesSet, Encoding>();
  const varied = new WeakMap<Stamped, readonly Template[]>();

  function encodingOf({ set, exemplars }: Snapshot): Encoding {
    let encoding = encodings.get(set);
    const varying = encoding?.varying ?? nativesOf(set);
    const before = varying.size;
    if (exemplars) for (const { index } of exemplars) addVarying(varying, set, index);
    if (!encoding || varying.size !== before) {
      encoding = { template: compile(set, scope, (metric) => !varying.has(metric)), varying };
      encodings.set(set, encoding);
    }
    return encoding;
  }

  function templatesOf(one: Stamped): readonly Template[] {
    const known = varied.get(one);
    if (known) return known;
    const { snapshot } = one;
    const { template, varying } = encodingOf(snapshot);
    if (varying.size === 0) return [template];
    const own = compile(snapshot.set, scope, (metric) => varying.has(metric), snapshot);
    varied.set(one, [template, own]);
    return [template, own];
  }

  const size = (stamped: readonly Stamped[]): number => {
    let bytes = 0;
    for (const one of stamped) for (const template of templatesOf(one)) bytes += template.bytes.length;
    return bytes;
  };
  return {
    size,
    encode(stamped) {
      const out = new Uint8Array(size(stamped));
      let at = 0;
      for (const one of stamped) {
        for (const template of templatesOf(one)) {
          out.set(template.bytes, at);
          fill(new DataView(out.buffer, at, template.bytes.length), template, one);
          at += template.bytes.length;
        }
      }
      return out;
    },
  };
}

function nativesOf(set: SeriesSet): Set<MetricPlan> {
  const natives = new Set<MetricPlan>();
  for (const metric of metricsOf(set)) if (metric.data === 'native') natives.add(metric);
  return natives;
}

function* metricsOf(set: SeriesSet): Generator<MetricPlan> {
  for (const { scopes } of planOf(set).resources) for (const { metrics } of scopes) yield* metrics;
}

/** Which metric each series of a set belongs to; made once there are exemplars. */
const owners = new WeakMap<SeriesSet, ReadonlyMap<number, MetricPlan>>();

function addVarying(varying: Set<MetricPlan>, set: SeriesSet, index: number): void {
  let known = owners.get(set);
  if (!known) {
    known = ownersOf(set);
    owners.set(set, known);
  }
  const metric = known.get(index);
  if (metric) varying.add(metric);
}

/** OTLP's summaries have no exemplars. */
function ownersOf(set: SeriesSet): Map<number, MetricPlan> {
  const found = new Map<number, MetricPlan>();
  for (const metric of metricsOf(set)) {
    if (metric.data === 'histogram') {
      for (const point of metric.points) for (const index of partsOf(point)) found.set(index, metric);
    } else if (metric.data === 'gauge' || metric.data === 'sum') {
      for (const { value } of metric.points) found.set(value, metric);
    }
  }
  return found;
}

function fill(view: DataView, template: Template, { snapshot, starts }: Stamped): void {
  const { values } = snapshot;
  const nanos = nanosOf(snapshot.time);
  fillTimes(view, template, snapshot, nanos);
  const { startAt, startOf, numbers } = template;
  let last = Number.NaN;
  for (let i = 0; i < startAt.length; i++) {
    const start = starts[startOf[i]!]!;
    // Most points of a target start together.
    if (start !== last) nanosOf(start, nanos);
    last = start;
    putWords(view, startAt[i]!, nanos);
  }
  const { index, valueAt, flagsAt } = numbers;
  for (let i = 0; i < index.length; i++) {
    const value = values[index[i]!]!;
    if (Number.isNaN(value) && isStale(values, index[i]!))
      forgetValue(view, valueAt[i]!, flagsAt[i]!, numbers.timeAt[i]!);
    else view.setFloat64(valueAt[i]!, value, true);
  }
  for (const histogram of template.histograms) fillHistogram(view, histogram, values);
  for (const summary of template.summaries) fillSummary(view, summary, values);
}

function fillTimes(view: DataView, { timeAt, timeOf }: Template, { time, times }: Snapshot, nanos: Nanos): void {
  nanosOf(time, nanos);
  for (let i = 0; i < timeAt.length; i++) {
    if (times) nanosOf(times[timeOf[i]!]!, nanos);
    putWords(view, timeAt[i]!, nanos);
  }
}

/**
 * A stale point has no value at all. Its eight bytes become a second time_unix_nano: a parser takes the last of a field
 * that is there twice, and both are the same.
 */
function forgetValue(view: DataView, valueAt: number, flagsAt: number, timeAt: number): void {
  view.setUint8(valueAt - 1, TIME_TAG);
  view.setUint32(valueAt, view.getUint32(timeAt, true), true);
  view.setUint32(valueAt + 4, view.getUint32(timeAt + 4, true), true);
  view.setUint8(flagsAt, NO_RECORDED_VALUE);
}

function fillHistogram(view: DataView, histogram: TemplateHistogram, values: Float64Array): void {
  const { point, countAt, sumAt, bucketsAt, flagsAt, timeAt } = histogram;
  if (isStale(values, point.count)) {
    view.setUint8(flagsAt, NO_RECORDED_VALUE);
    if (sumAt >= 0) forgetValue(view, sumAt, flagsAt, timeAt);
    return;
  }
  let at = bucketsAt;
  const count = forEachBucket(point, values, (bucket) => {
    putCount(view, at, bucket);
    at += 8;
  });
  putCount(view, countAt, count);
  if (sumAt >= 0) view.setFloat64(sumAt, values[point.sum]!, true);
}

function fillSummary(
  view: DataView,
  { point, countAt, sumAt, quantileAt, flagsAt }: TemplateSummary,
  values: Float64Array,
): void {
  if (isStale(values, point.count)) {
    view.setUint8(flagsAt, NO_RECORDED_VALUE);
    return;
  }
  putCount(view, countAt, countOf(values[point.count]!));
  view.setFloat64(sumAt, values[point.sum]!, true);
  for (let i = 0; i < quantileAt.length; i++) view.setFloat64(quantileAt[i]!, values[point.quantiles[i]!.index]!, true);
}

function putWords(view: DataView, at: number, { low, high }: Nanos): void {
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
}

/** The template has zeros there. */
function putCount(view: DataView, at: number, count: number): void {
  view.setUint32(at, count < 2 ** 32 ? count : count % 2 ** 32, true);
  if (count >= 2 ** 32) view.setUint32(at + 4, count / 2 ** 32, true);
}
