import type { Labels, SeriesSet, Snapshot } from '#metrics';
import { exemplarsAt, partsOf } from './exemplars.ts';
import { nanosOf } from './nanos.ts';
import { type DenseBuckets, explicitOf, exponentialOf, nativeGroups } from './native.ts';
import {
  type HistogramPoint,
  type MetricPlan,
  type NativeMetric,
  type NativePoint,
  type NumberPoint,
  planOf,
  type ResourcePlan,
  type Scope,
  type ScopePlan,
  type SummaryPoint,
} from './plan.ts';
import { ReverseWriter } from './wire.ts';

/** An encoded request of one series set with every number zero, and where each number goes. Offsets are in bytes. */
export interface Template {
  readonly bytes: Uint8Array;
  /** Where times go, and the series whose time it is. */
  readonly timeAt: Uint32Array;
  readonly timeOf: Uint32Array;
  /** Where start times go, and which `start` of the plan each is. */
  readonly startAt: Uint32Array;
  readonly startOf: Uint32Array;
  readonly numbers: {
    readonly index: Uint32Array;
    readonly valueAt: Uint32Array;
    readonly flagsAt: Uint32Array;
    readonly timeAt: Uint32Array;
  };
  readonly histograms: readonly TemplateHistogram[];
  readonly summaries: readonly TemplateSummary[];
}
interface Place {
  readonly timeAt: number;
  readonly flagsAt: number;
  readonly countAt: number;
  /** -1: there is none. */
  readonly sumAt: number;
}
export interface TemplateHistogram extends Place {
  readonly point: HistogramPoint;
  readonly bucketsAt: number;
}
export interface TemplateSummary extends Place {
  readonly point: SummaryPoint;
  readonly quantileAt: readonly number[];
}

/** A part of a set's metrics. */
export type Wanted = (metric: MetricPlan) => boolean;

/**
 * Field numbers and wire types: opentelemetry/proto/metrics/v1/metrics.proto. A tag is number × 8 + type. With a snapshot
 * the template has its native histograms and exemplars too, and so serves for this one alone.
 */
export function compile(set: SeriesSet, scope: Scope, wanted: Wanted, snapshot?: Snapshot): Template {
  const compiler = new Compiler(scope, snapshot);
  for (const resource of planOf(set).resources.toReversed()) {
    const some = partOf(resource, wanted);
    if (some) compiler.resourceMetrics(some);
  }
  return compiler.finish();
}

function partOf(resource: ResourcePlan, wanted: Wanted): ResourcePlan | undefined {
  const scopes = resource.scopes
    .map((scope) => ({ ...scope, metrics: scope.metrics.filter(wanted) }))
    .filter(({ metrics }) => metrics.length > 0);
  return scopes.length > 0 ? { ...resource, scopes } : undefined;
}

const CUMULATIVE = 2;
export const NO_RECORDED_VALUE = 1;

class Compiler {
  readonly #w = new ReverseWriter();
  readonly #scope: Scope;
  readonly #snapshot: Snapshot | undefined;
  // All of these hold distances from the end until the message is whole.
  readonly #times: { at: number; of: number }[] = [];
  readonly #starts: { at: number; start: number }[] = [];
  readonly #numbers: { index: number; valueAt: number; flagsAt: number; timeAt: number }[] = [];
  readonly #histograms: TemplateHistogram[] = [];
  readonly #summaries: TemplateSummary[] = [];

  constructor(scope: Scope, snapshot?: Snapshot) {
    this.#scope = scope;
    this.#snapshot = snapshot;
  }

  resourceMetrics({ attributes, scopes }: ResourcePlan): void {
    const whole = this.#w.size;
    for (const scope of scopes.toReversed()) this.#scopeMetrics(scope);
    const resource = this.#w.size;
    this.#attributes(0x0a, attributes);
    this.#w.close(0x0a, resource);
    this.#w.close(0x0a, whole);
  }

  finish(): Template {
    const bytes = this.#w.finish();
    const end = bytes.length;
    const place = <P extends Place>(one: P): P => ({
      ...one,
      timeAt: end - one.timeAt,
      flagsAt: end - one.flagsAt,
      countAt: end - one.countAt,
      sumAt: one.sumAt < 0 ? -1 : end - one.sumAt,
    });
    return {
      bytes,
      timeAt: Uint32Array.from(this.#times, ({ at }) => end - at),
      timeOf: Uint32Array.from(this.#times, ({ of }) => of),
      startAt: Uint32Array.from(this.#starts, ({ at }) => end - at),
      startOf: Uint32Array.from(this.#starts, ({ start }) => start),
      numbers: {
        index: Uint32Array.from(this.#numbers, ({ index }) => index),
        valueAt: Uint32Array.from(this.#numbers, ({ valueAt }) => end - valueAt),
        flagsAt: Uint32Array.from(this.#numbers, ({ flagsAt }) => end - flagsAt),
        timeAt: Uint32Array.from(this.#numbers, ({ timeAt }) => end - timeAt),
      },
      histograms: this.#histograms.map((one) => ({ ...place(one), bucketsAt: end - one.bucketsAt })),
      summaries: this.#summaries.map((one) => ({ ...place(one), quantileAt: one.quantileAt.map((at) => end - at) })),
    };
  }

  #scopeMetrics({ name, version, schemaUrl, attributes, metrics }: ScopePlan): void {
    const w = this.#w;
    const whole = w.size;
    if (schemaUrl) w.string(0x1a, schemaUrl);
    for (const metric of metrics.toReversed()) this.#metric(metric);
    const scope = w.size;
    this.#attributes(0x1a, attributes);
    w.string(0x12, name === undefined ? this.#scope.version : version);
    w.string(0x0a, name ?? this.#scope.name);
    w.close(0x0a, scope);
    w.close(0x12, whole);
  }

  #metric(metric: MetricPlan): void {
    if (metric.data === 'native') {
      this.#native(metric);
      return;
    }
    const w = this.#w;
    const whole = w.size;
    this.#attributes(0x62, ['prometheus.type', metric.type]);
    const data = w.size;
    if (metric.data === 'histogram') {
      w.small(0x10, CUMULATIVE);
      for (const point of metric.points.toReversed()) this.#histogram(point);
      w.close(0x4a, data);
    } else if (metric.data === 'summary') {
      for (const point of metric.points.toReversed()) this.#summary(point);
      w.close(0x5a, data);
    } else {
      const sum = metric.data === 'sum';
      if (sum && metric.monotonic) w.small(0x18, 1);
      if (sum) w.small(0x10, CUMULATIVE);
      for (const point of metric.points.toReversed()) this.#number(point);
      w.close(sum ? 0x3a : 0x2a, data);
    }
    this.#descriptor(metric, whole);
  }

  #descriptor({ unit, description, name }: MetricPlan, whole: number): void {
    const w = this.#w;
    if (unit) w.string(0x1a, unit);
    if (description) w.string(0x12, description);
    w.string(0x0a, name);
    w.close(0x12, whole);
  }

  #native(metric: NativeMetric): void {
    const w = this.#w;
    const snapshot = this.#snapshot;
    if (!snapshot) return;
    for (const { data, points } of nativeGroups(metric, snapshot).toReversed()) {
      const exponential = data === 'exponentialHistogram';
      const whole = w.size;
      this.#attributes(0x62, ['prometheus.type', metric.type]);
      const since = w.size;
      w.small(0x10, CUMULATIVE);
      for (const point of points.toReversed()) {
        if (exponential) this.#exponential(point, snapshot);
        else this.#explicit(point, snapshot);
      }
      w.close(exponential ? 0x52 : 0x4a, since);
      this.#descriptor(metric, whole);
    }
  }

  #exponential({ attributes, index, start }: NativePoint, snapshot: Snapshot): void {
    const w = this.#w;
    const whole = w.size;
    const histogram = snapshot.histograms?.get(index);
    const numbers = histogram && exponentialOf(histogram);
    if (numbers && numbers.zeroThreshold !== 0) w.eight(0x71, numbers.zeroThreshold);
    this.#exemplars(0x5a, [index]);
    if (!numbers) w.small(0x50, NO_RECORDED_VALUE);
    else {
      this.#dense(0x4a, numbers.negative);
      this.#dense(0x42, numbers.positive);
      w.words(0x39, numbers.zeroCount % 2 ** 32, numbers.zeroCount / 2 ** 32);
      w.signed(0x30, numbers.scale);
      w.eight(0x29, numbers.sum);
      w.words(0x21, numbers.count % 2 ** 32, numbers.count / 2 ** 32);
    }
    this.#span(index, start);
    this.#attributes(0x0a, attributes);
    w.close(0x0a, whole);
  }

  #dense(tag: number, { offset, counts }: DenseBuckets): void {
    if (counts.length === 0) return;
    const w = this.#w;
    const whole = w.size;
    for (let i = counts.length - 1; i >= 0; i--) w.bareNumber(counts[i]!);
    w.close(0x12, whole);
    w.signed(0x08, offset);
    w.close(tag, whole);
  }

  #explicit({ attributes, index, start }: NativePoint, snapshot: Snapshot): void {
    const w = this.#w;
    const whole = w.size;
    const histogram = snapshot.histograms?.get(index);
    if (!histogram) w.small(0x50, NO_RECORDED_VALUE);
    this.#attributes(0x4a, attributes);
    this.#exemplars(0x42, [index]);
    if (histogram) {
      const { bounds, counts, sum, count } = explicitOf(histogram);
      const first = w.size;
      for (const bound of bounds.toReversed()) w.bareEight(bound);
      if (bounds.length) w.close(0x3a, first);
      const second = w.size;
      for (const one of counts.toReversed()) w.bareWords(one % 2 ** 32, one / 2 ** 32);
      w.close(0x32, second);
      w.eight(0x29, sum);
      w.words(0x21, count % 2 ** 32, count / 2 ** 32);
    }
    this.#span(index, start);
    w.close(0x0a, whole);
  }

  #exemplars(tag: number, indexes: readonly number[]): void {
    if (!this.#snapshot?.exemplars) return;
    const w = this.#w;
    for (const { attributes, time, value, spanId, traceId } of exemplarsAt(this.#snapshot, indexes).reverse()) {
      const whole = w.size;
      this.#attributes(0x3a, attributes);
      if (traceId) w.bytes(0x2a, Buffer.from(traceId, 'hex'));
      if (spanId) w.bytes(0x22, Buffer.from(spanId, 'hex'));
      w.eight(0x19, value);
      const { low, high } = nanosOf(time);
      w.words(0x11, low, high);
      w.close(tag, whole);
    }
  }

  #number({ attributes, value, start }: NumberPoint): void {
    const w = this.#w;
    const whole = w.size;
    const flagsAt = w.small(0x40, 0);
    this.#attributes(0x3a, attributes);
    this.#exemplars(0x2a, [value]);
    const valueAt = w.eight(0x21);
    const timeAt = this.#span(value, start);
    w.close(0x0a, whole);
    this.#numbers.push({ index: value, valueAt, flagsAt, timeAt });
  }

  #histogram(point: HistogramPoint): void {
    const w = this.#w;
    const whole = w.size;
    const flagsAt = w.small(0x50, 0);
    this.#attributes(0x4a, point.attributes);
    if (this.#snapshot) this.#exemplars(0x42, partsOf(point));
    const bounds = w.size;
    for (const bound of point.bounds.toReversed()) w.bareEight(bound);
    if (point.bounds.length) w.close(0x3a, bounds);
    const counts = w.size;
    if (point.bucketed) for (let i = 0; i <= point.bounds.length; i++) w.bareEight();
    const bucketsAt = w.size;
    if (point.bucketed) w.close(0x32, counts);
    const sumAt = point.sum < 0 ? -1 : w.eight(0x29);
    const countAt = w.eight(0x21);
    const timeAt = this.#span(point.count, point.start);
    w.close(0x0a, whole);
    this.#histograms.push({ point, timeAt, flagsAt, countAt, sumAt, bucketsAt });
  }

  #summary(point: SummaryPoint): void {
    const w = this.#w;
    const whole = w.size;
    const flagsAt = w.small(0x40, 0);
    this.#attributes(0x3a, point.attributes);
    const quantileAt: number[] = [];
    for (const { quantile } of point.quantiles.toReversed()) {
      const since = w.size;
      quantileAt.unshift(w.eight(0x11));
      w.eight(0x09, quantile);
      w.close(0x32, since);
    }
    const sumAt = w.eight(0x29);
    const countAt = w.eight(0x21);
    const timeAt = this.#span(point.count, point.start);
    w.close(0x0a, whole);
    this.#summaries.push({ point, timeAt, flagsAt, countAt, sumAt, quantileAt });
  }

  /** Both times of a point. Returns where the later one stands. */
  #span(of: number, start: number): number {
    const at = this.#w.eight(0x19);
    this.#times.push({ at, of });
    if (start >= 0) this.#starts.push({ at: this.#w.eight(0x11), start });
    return at;
  }

  /** KeyValue messages with string values. */
  #attributes(tag: number, attributes: Labels): void {
    const w = this.#w;
    for (let i = attributes.length - 2; i >= 0; i -= 2) {
      const pair = w.size;
      w.string(0x0a, attributes[i + 1]!);
      w.close(0x12, pair);
      w.string(0x0a, attributes[i]!);
      w.close(tag, pair);
    }
  }
}
