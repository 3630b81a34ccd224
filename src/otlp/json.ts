import { isStale, type Labels, type SeriesSet, type Snapshot } from '#metrics';
import { countOf, forEachBucket } from './buckets.ts';
import { exemplarsAt, partsOf } from './exemplars.ts';
import { nanosText } from './nanos.ts';
import { type DenseBuckets, explicitOf, exponentialOf, type NativeGroup, nativeGroups } from './native.ts';
import {
  type HistogramPoint,
  type MetricPlan,
  type NativeMetric,
  type NativePoint,
  type NumberPoint,
  planOf,
  type Scope,
  type ScopePlan,
  type SummaryPoint,
} from './plan.ts';
import type { Stamped } from './starts.ts';

/** Texts that stay are kept for as long as their series sets live. */
export interface JsonEncoder {
  /** An ExportMetricsServiceRequest as OTLP/JSON, in one line without a line end. */
  encode(stamped: readonly Stamped[]): string;
}

/** One `resourceMetrics` item as text that stays and points that change. */
type Piece = string | PointWriter;
type PointWriter = (snapshot: Snapshot, starts: Float64Array) => string;

/**
 * OTLP/JSON is protobuf's JSON mapping with lowerCamelCase names, numbers for enums, and text for 64-bit integers and for
 * the doubles that JSON does not have. A field that has its default is left out.
 */
export function createJsonEncoder(scope: Scope): JsonEncoder {
  const compiled = new WeakMap<SeriesSet, readonly Piece[]>();
  const piecesOf = (set: SeriesSet): readonly Piece[] => {
    const pieces = compiled.get(set) ?? compile(set, scope);
    compiled.set(set, pieces);
    return pieces;
  };
  return {
    encode(stamped) {
      const parts: string[] = [];
      for (const { snapshot, starts } of stamped) {
        let text = '';
        for (const piece of piecesOf(snapshot.set)) text += typeof piece === 'string' ? piece : piece(snapshot, starts);
        if (text) parts.push(text);
      }
      return `{"resourceMetrics":[${parts.join(',')}]}`;
    },
  };
}

function compile(set: SeriesSet, scope: Scope): Piece[] {
  const pieces: Piece[] = [];
  planOf(set).resources.forEach(({ attributes, scopes }, i) => {
    pieces.push(`${i ? ',' : ''}{"resource":{"attributes":${pairs(attributes)}},"scopeMetrics":[`);
    scopes.forEach((one, j) => {
      pieces.push(`${j ? ',' : ''}{"scope":${scopeText(one, scope)},"metrics":[`);
      one.metrics.forEach((metric, k) => {
        if (k) pieces.push(',');
        // One at a time: a metric may have more points than fit on the stack.
        for (const piece of metricPieces(metric)) pieces.push(piece);
      });
      pieces.push(`]${one.schemaUrl ? `,"schemaUrl":${JSON.stringify(one.schemaUrl)}` : ''}}`);
    });
    pieces.push(']}');
  });
  return pieces;
}

function scopeText({ name, version, attributes }: ScopePlan, own: Scope): string {
  const shown = name === undefined ? own : { name, version };
  return JSON.stringify(shown).slice(0, -1) + (attributes.length ? `,"attributes":${pairs(attributes)}}` : '}');
}

function headText({ name, description, unit, type }: MetricPlan): string {
  const texts = { name, description: description || undefined, unit: unit || undefined };
  return `${JSON.stringify(texts).slice(0, -1)},"metadata":${pairs(['prometheus.type', type])},`;
}

function metricPieces(metric: MetricPlan): Piece[] {
  if (metric.data === 'native') return [nativeWriter(metric)];
  const { data } = metric;
  const head = `${headText(metric)}"${data}":{`;
  const traits = data === 'sum' || data === 'histogram' ? '"aggregationTemporality":2,' : '';
  const monotonic = data === 'sum' && metric.monotonic ? '"isMonotonic":true,' : '';
  const pieces: Piece[] = [`${head}${traits}${monotonic}"dataPoints":[`];
  pointWriters(metric).forEach((writer, i) => {
    if (i) pieces.push(',');
    pieces.push(writer);
  });
  pieces.push(']}}');
  return pieces;
}

function pointWriters(metric: Exclude<MetricPlan, NativeMetric>): PointWriter[] {
  if (metric.data === 'histogram') return metric.points.map(histogramWriter);
  if (metric.data === 'summary') return metric.points.map(summaryWriter);
  return metric.points.map(numberWriter);
}

function numberWriter({ attributes, value, start }: NumberPoint): PointWriter {
  const head = headOf(attributes);
  return (snapshot, starts) => {
    const span = head + spanText(snapshot, value, starts, start);
    if (isStale(snapshot.values, value)) return `${span},"flags":1}`;
    return `${span},"asDouble":${double(snapshot.values[value]!)}${exemplarsText(snapshot, [value])}}`;
  };
}

function histogramWriter(point: HistogramPoint): PointWriter {
  const { attributes, count, sum, start } = point;
  const head = headOf(attributes);
  const bounds = point.bounds.length ? `,"explicitBounds":[${point.bounds.map(double)}]` : '';
  const none = point.bucketed ? `,"bucketCounts":[${point.bounds.map(() => '"0",').join('')}"0"]` : '';
  return (snapshot, starts) => {
    const { values } = snapshot;
    const span = head + spanText(snapshot, count, starts, start);
    if (isStale(values, count)) return `${span}${none}${bounds},"flags":1}`;
    const buckets: string[] = [];
    const total = forEachBucket(point, values, (bucket) => buckets.push(`"${bucket}"`));
    const sumText = sum < 0 ? '' : `,"sum":${double(values[sum]!)}`;
    const exemplars = snapshot.exemplars ? exemplarsText(snapshot, partsOf(point)) : '';
    const counts = point.bucketed ? `,"bucketCounts":[${buckets}]` : '';
    return `${span},"count":"${total}"${sumText}${counts}${bounds}${exemplars}}`;
  };
}

function summaryWriter({ attributes, count, sum, quantiles, start }: SummaryPoint): PointWriter {
  const head = headOf(attributes);
  return (snapshot, starts) => {
    const { values } = snapshot;
    const span = head + spanText(snapshot, count, starts, start);
    const stale = isStale(values, count);
    const at = quantiles.map(({ quantile, index }) =>
      stale ? `{"quantile":${double(quantile)}}` : `{"quantile":${double(quantile)},"value":${double(values[index]!)}}`,
    );
    const list = at.length ? `,"quantileValues":[${at}]` : '';
    if (stale) return `${span}${list},"flags":1}`;
    return `${span},"count":"${countOf(values[count]!)}","sum":${double(values[sum]!)}${list}}`;
  };
}

function nativeWriter(metric: NativeMetric): PointWriter {
  const head = headText(metric);
  const heads = new Map(metric.points.map((point) => [point, headOf(point.attributes)]));
  const groupText = ({ data, points }: NativeGroup, snapshot: Snapshot, starts: Float64Array): string => {
    const texts = points.map((point) => {
      const span = heads.get(point)! + spanText(snapshot, point.index, starts, point.start);
      return `${span}${nativeText(data, point, snapshot)}}`;
    });
    return `${head}"${data}":{"aggregationTemporality":2,"dataPoints":[${texts}]}}`;
  };
  return (snapshot, starts) =>
    nativeGroups(metric, snapshot)
      .map((group) => groupText(group, snapshot, starts))
      .join();
}

function nativeText(data: NativeGroup['data'], { index }: NativePoint, snapshot: Snapshot): string {
  const histogram = snapshot.histograms?.get(index);
  if (!histogram) return ',"flags":1';
  const exemplars = exemplarsText(snapshot, [index]);
  if (data === 'histogram') {
    const { count, sum, bounds, counts } = explicitOf(histogram);
    const explicit = bounds.length ? `,"explicitBounds":[${Array.from(bounds, double)}]` : '';
    return `,"count":"${count}","sum":${double(sum)},"bucketCounts":[${counts.map((one) => `"${one}"`)}]${explicit}${exemplars}`;
  }
  const { scale, count, sum, zeroCount, zeroThreshold, positive, negative } = exponentialOf(histogram);
  const numbers = `,"count":"${count}","sum":${double(sum)},"scale":${scale},"zeroCount":"${zeroCount}"`;
  const buckets = denseText('positive', positive) + denseText('negative', negative);
  return `${numbers}${buckets}${exemplars}${zeroThreshold ? `,"zeroThreshold":${double(zeroThreshold)}` : ''}`;
}

function denseText(side: string, { offset, counts }: DenseBuckets): string {
  if (counts.length === 0) return '';
  return `,"${side}":{"offset":${offset},"bucketCounts":[${counts.map((one) => `"${one}"`)}]}`;
}

function exemplarsText(snapshot: Snapshot, indexes: readonly number[]): string {
  if (!snapshot.exemplars) return '';
  const texts = exemplarsAt(snapshot, indexes).map(({ attributes, time, value, spanId, traceId }) => {
    const filtered = attributes.length ? `"filteredAttributes":${pairs(attributes)},` : '';
    const ids = (spanId && `,"spanId":"${spanId}"`) + (traceId && `,"traceId":"${traceId}"`);
    return `{${filtered}"timeUnixNano":"${nanosText(time)}","asDouble":${double(value)}${ids}}`;
  });
  return texts.length ? `,"exemplars":[${texts}]` : '';
}

const headOf = (attributes: Labels): string => (attributes.length ? `{"attributes":${pairs(attributes)},` : '{');

function spanText({ time, times }: Snapshot, of: number, starts: Float64Array, start: number): string {
  const begin = start < 0 ? '' : `"startTimeUnixNano":"${startText(starts[start]!)}",`;
  return `${begin}"timeUnixNano":"${timeText(times ? times[of]! : time)}"`;
}

/** Most points of a scrape have the same times. */
function remembering(text: (ms: number) => string): (ms: number) => string {
  let last = 0;
  let made = text(last);
  return (ms) => {
    if (ms === last) return made;
    last = ms;
    made = text(ms);
    return made;
  };
}
const startText = remembering(nanosText);
const timeText = remembering(nanosText);

function pairs(attributes: Labels): string {
  const items: string[] = [];
  for (let i = 0; i < attributes.length; i += 2) {
    items.push(`{"key":${JSON.stringify(attributes[i])},"value":{"stringValue":${JSON.stringify(attributes[i + 1])}}}`);
  }
  return `[${items}]`;
}

function double(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  return `"${value}"`;
}
