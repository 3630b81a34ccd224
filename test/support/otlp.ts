import {
  type Batch,
  labelsOf,
  type MetricType,
  makeFamily,
  makeSeries,
  makeSet,
  type Resource,
  type SeriesSet,
} from '#metrics';
import { createProtobufEncoder, type Scope, StartTimes } from '#otlp';
import { decodeMessage, type Message, type ProtoSchema } from './protobuf.ts';

const attributes = { name: 'attributes', type: 'KeyValue', repeated: true } as const;
const start = { name: 'startTimeUnixNano', type: 'fixed64' } as const;
const time = { name: 'timeUnixNano', type: 'fixed64' } as const;
const count = { name: 'count', type: 'fixed64' } as const;
const sum = { name: 'sum', type: 'double' } as const;
const flags = { name: 'flags', type: 'uint32' } as const;
const points = (type: string) => ({ name: 'dataPoints', type, repeated: true }) as const;
const exemplars = { name: 'exemplars', type: 'Exemplar', repeated: true } as const;
const temporality = { name: 'aggregationTemporality', type: 'enum' } as const;

/** The part of OTLP that dnscol writes and reads; the suite `otlp` compares it with the official files. */
export const OTLP: ProtoSchema = {
  ExportMetricsServiceRequest: { 1: { name: 'resourceMetrics', type: 'ResourceMetrics', repeated: true } },
  ExportMetricsServiceResponse: { 1: { name: 'partialSuccess', type: 'ExportMetricsPartialSuccess' } },
  ExportMetricsPartialSuccess: {
    1: { name: 'rejectedDataPoints', type: 'int64' },
    2: { name: 'errorMessage', type: 'string' },
  },
  ResourceMetrics: {
    1: { name: 'resource', type: 'Resource' },
    2: { name: 'scopeMetrics', type: 'ScopeMetrics', repeated: true },
    3: { name: 'schemaUrl', type: 'string' },
  },
  Resource: { 1: attributes },
  ScopeMetrics: {
    1: { name: 'scope', type: 'InstrumentationScope' },
    2: { name: 'metrics', type: 'Metric', repeated: true },
    3: { name: 'schemaUrl', type: 'string' },
  },
  InstrumentationScope: { 1: { name: 'name', type: 'string' }, 2: { name: 'version', type: 'string' }, 3: attributes },
  Metric: {
    1: { name: 'name', type: 'string' },
    2: { name: 'description', type: 'string' },
    3: { name: 'unit', type: 'string' },
    5: { name: 'gauge', type: 'Gauge' },
    7: { name: 'sum', type: 'Sum' },
    9: { name: 'histogram', type: 'Histogram' },
    10: { name: 'exponentialHistogram', type: 'ExponentialHistogram' },
    11: { name: 'summary', type: 'Summary' },
    12: { name: 'metadata', type: 'KeyValue', repeated: true },
  },
  Gauge: { 1: points('NumberDataPoint') },
  Sum: { 1: points('NumberDataPoint'), 2: temporality, 3: { name: 'isMonotonic', type: 'bool' } },
  Histogram: { 1: points('HistogramDataPoint'), 2: temporality },
  ExponentialHistogram: { 1: points('ExponentialHistogramDataPoint'), 2: temporality },
  Summary: { 1: points('SummaryDataPoint') },
  NumberDataPoint: {
    2: start,
    3: time,
    4: { name: 'asDouble', type: 'double' },
    5: exemplars,
    6: { name: 'asInt', type: 'sfixed64' },
    7: attributes,
    8: flags,
  },
  HistogramDataPoint: {
    2: start,
    3: time,
    4: count,
    5: sum,
    6: { name: 'bucketCounts', type: 'fixed64', repeated: true },
    7: { name: 'explicitBounds', type: 'double', repeated: true },
    8: exemplars,
    9: attributes,
    10: flags,
    11: { name: 'min', type: 'double' },
    12: { name: 'max', type: 'double' },
  },
  ExponentialHistogramDataPoint: {
    1: attributes,
    2: start,
    3: time,
    4: count,
    5: sum,
    6: { name: 'scale', type: 'sint32' },
    7: { name: 'zeroCount', type: 'fixed64' },
    8: { name: 'positive', type: 'Buckets' },
    9: { name: 'negative', type: 'Buckets' },
    10: flags,
    11: exemplars,
    12: { name: 'min', type: 'double' },
    13: { name: 'max', type: 'double' },
    14: { name: 'zeroThreshold', type: 'double' },
  },
  Buckets: {
    1: { name: 'offset', type: 'sint32' },
    2: { name: 'bucketCounts', type: 'uint64', repeated: true },
  },
  Exemplar: {
    2: time,
    3: { name: 'asDouble', type: 'double' },
    4: { name: 'spanId', type: 'bytes' },
    5: { name: 'traceId', type: 'bytes' },
    6: { name: 'asInt', type: 'sfixed64' },
    7: { name: 'filteredAttributes', type: 'KeyValue', repeated: true },
  },
  SummaryDataPoint: {
    2: start,
    3: time,
    4: count,
    5: sum,
    6: { name: 'quantileValues', type: 'ValueAtQuantile', repeated: true },
    7: attributes,
    8: flags,
  },
  ValueAtQuantile: { 1: { name: 'quantile', type: 'double' }, 2: { name: 'value', type: 'double' } },
  KeyValue: { 1: { name: 'key', type: 'string' }, 2: { name: 'value', type: 'AnyValue' } },
  AnyValue: { 1: { name: 'stringValue', type: 'string' }, 3: { name: 'intValue', type: 'int64' } },
};

/** An ExportMetricsServiceRequest in the shape of OTLP/JSON, for comparisons. */
export const decodeRequest = (bytes: Uint8Array): Message => decodeMessage(OTLP, 'ExportMetricsServiceRequest', bytes);

export interface FlatPoint {
  resource: Record<string, string>;
  scope: string;
  metric: string;
  data: string;
  attributes: Record<string, string>;
  /** All of the point but its attributes. */
  point: Message;
}

interface Pair {
  key: string;
  value: { stringValue: string };
}
const record = (pairs: unknown): Record<string, string> =>
  Object.fromEntries(((pairs ?? []) as Pair[]).map(({ key, value }) => [key, value.stringValue]));

/** Every data point of a decoded request, with what stands above it. */
export function flatPoints(request: Message): FlatPoint[] {
  const flat: FlatPoint[] = [];
  for (const one of (request.resourceMetrics ?? []) as Message[]) {
    const resource = record((one.resource as Message | undefined)?.attributes);
    for (const scoped of (one.scopeMetrics ?? []) as Message[]) {
      const { name, version } = (scoped.scope ?? {}) as Message;
      for (const metric of (scoped.metrics ?? []) as Message[]) {
        const data = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'].find((key) => key in metric)!;
        for (const { attributes: pairs, ...point } of (metric[data] as Message).dataPoints as Message[]) {
          flat.push({
            resource,
            scope: `${name}@${version}`,
            metric: String(metric.name),
            data,
            attributes: record(pairs),
            point,
          });
        }
      }
    }
  }
  return flat;
}

export const SCOPE: Scope = { name: 'dnscol', version: '0.0.0-test' };

/** What a batch looks like to a receiver of OTLP. */
export function otlpOf(batch: Batch, starts = new StartTimes()): Message {
  return decodeRequest(createProtobufEncoder(SCOPE).encode(starts.stamp(batch)));
}

/** Fields that have protobuf's default are the same there or not: for comparing encodings. */
export function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  // The oneof of a point's value has no default.
  const kept = Object.entries(value).filter(([key, v]) => key === 'asDouble' || (v !== 0 && v !== '0'));
  return Object.fromEntries(kept.map(([key, v]) => [key, withoutDefaults(v)]));
}

/** `[type, family, …[series name, labels]]` a family; every series is of one target unless its labels say otherwise. */
export function pageOf(
  families: [MetricType, string, ...[string, Record<string, string>?][]][],
  resource?: Resource,
  target: Record<string, string> = { job: 'coredns', instance: '10.0.0.7:9153' },
): SeriesSet {
  return makeSet(
    families.flatMap(([type, name, ...series]) => {
      const family = makeFamily(name, type, `Help of ${name}.`, name.endsWith('_seconds') ? 'seconds' : '');
      return series.map(([own, labels]) => makeSeries(family, labelsOf({ __name__: own, ...target, ...labels })));
    }),
    resource,
  );
}

/** A page with a metric of every type. */
export const everyType = (): SeriesSet =>
  pageOf([
    ['counter', 'dns_requests_total', ['dns_requests_total', { zone: '.' }], ['dns_requests_total', { zone: 'a.' }]],
    ['gauge', 'cache_entries', ['cache_entries']],
    ['unknown', 'odd', ['odd', { 'utf8.läbel': 'ü' }]],
    [
      'histogram',
      'took_seconds',
      ['took_seconds_bucket', { zone: '.', le: '0.5' }],
      ['took_seconds_bucket', { zone: '.', le: '2' }],
      ['took_seconds_bucket', { zone: '.', le: '+Inf' }],
      ['took_seconds_sum', { zone: '.' }],
      ['took_seconds_count', { zone: '.' }],
    ],
    [
      'summary',
      'gc_seconds',
      ['gc_seconds', { quantile: '0.5' }],
      ['gc_seconds', { quantile: '1' }],
      ['gc_seconds_sum'],
      ['gc_seconds_count'],
    ],
    ['info', 'build', ['build_info', { version: '1.12' }]],
    ['stateset', 'health', ['health', { health: 'ok' }]],
  ]);
export const EVERY_VALUE = [3, 0, -1.5, Number.NaN, 2, 5, 6, 7.25, 6, 0.01, Number.POSITIVE_INFINITY, 1.5, 9, 1, 1];
