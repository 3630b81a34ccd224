import { delimited, encodeMessage, type Message, type ProtoSchema } from './protobuf.ts';

const label = { name: 'label', type: 'LabelPair', repeated: true } as const;
const created = { name: 'createdTimestamp', type: 'Timestamp' } as const;
const value = { 1: { name: 'value', type: 'double' } } as const;
const spans = (name: string) => ({ name, type: 'BucketSpan', repeated: true }) as const;
const deltas = (name: string) => ({ name, type: 'sint64', repeated: true, unpacked: true }) as const;
const counts = (name: string) => ({ name, type: 'double', repeated: true, unpacked: true }) as const;

/** io.prometheus.client of prometheus/client_model, written as proto2 does it. */
export const CLIENT_MODEL: ProtoSchema = {
  LabelPair: { 1: { name: 'name', type: 'string' }, 2: { name: 'value', type: 'string' } },
  Timestamp: { 1: { name: 'seconds', type: 'int64' }, 2: { name: 'nanos', type: 'int32' } },
  Gauge: value,
  Untyped: value,
  Counter: { ...value, 2: { name: 'exemplar', type: 'Exemplar' }, 3: created },
  Quantile: { 1: { name: 'quantile', type: 'double' }, 2: { name: 'value', type: 'double' } },
  Summary: {
    1: { name: 'sampleCount', type: 'uint64' },
    2: { name: 'sampleSum', type: 'double' },
    3: { name: 'quantile', type: 'Quantile', repeated: true },
    4: created,
  },
  Histogram: {
    1: { name: 'sampleCount', type: 'uint64' },
    4: { name: 'sampleCountFloat', type: 'double' },
    2: { name: 'sampleSum', type: 'double' },
    3: { name: 'bucket', type: 'Bucket', repeated: true },
    15: created,
    5: { name: 'schema', type: 'sint32' },
    6: { name: 'zeroThreshold', type: 'double' },
    7: { name: 'zeroCount', type: 'uint64' },
    8: { name: 'zeroCountFloat', type: 'double' },
    9: spans('negativeSpan'),
    10: deltas('negativeDelta'),
    11: counts('negativeCount'),
    12: spans('positiveSpan'),
    13: deltas('positiveDelta'),
    14: counts('positiveCount'),
    16: { name: 'exemplars', type: 'Exemplar', repeated: true },
  },
  Bucket: {
    1: { name: 'cumulativeCount', type: 'uint64' },
    4: { name: 'cumulativeCountFloat', type: 'double' },
    2: { name: 'upperBound', type: 'double' },
    3: { name: 'exemplar', type: 'Exemplar' },
  },
  BucketSpan: { 1: { name: 'offset', type: 'sint32' }, 2: { name: 'length', type: 'uint32' } },
  Exemplar: { 1: label, 2: { name: 'value', type: 'double' }, 3: { name: 'timestamp', type: 'Timestamp' } },
  Metric: {
    1: label,
    2: { name: 'gauge', type: 'Gauge' },
    3: { name: 'counter', type: 'Counter' },
    4: { name: 'summary', type: 'Summary' },
    5: { name: 'untyped', type: 'Untyped' },
    7: { name: 'histogram', type: 'Histogram' },
    6: { name: 'timestampMs', type: 'int64' },
  },
  MetricFamily: {
    1: { name: 'name', type: 'string' },
    2: { name: 'help', type: 'string' },
    3: { name: 'type', type: 'enum' },
    4: { name: 'metric', type: 'Metric', repeated: true },
    5: { name: 'unit', type: 'string' },
  },
};

const TYPES = { counter: 0, gauge: 1, summary: 2, untyped: 3, histogram: 4, gaugehistogram: 5 } as const;
const FIELDS = ['counter', 'gauge', 'summary', 'untyped', 'histogram', 'histogram'];

/** A family of metrics: `[labels, value, timestampMs?]` each. */
export function family(
  type: keyof typeof TYPES,
  name: string,
  metrics: [labels: Record<string, string>, value: Message, timestampMs?: number][],
  more: Message = {},
): Message {
  const field = FIELDS[TYPES[type]]!;
  return {
    name,
    help: `Help of ${name}.`,
    type: TYPES[type],
    metric: metrics.map(([labels, value, timestampMs]) => ({ label: pairs(labels), [field]: value, timestampMs })),
    ...more,
  };
}

export const pairs = (labels: Record<string, string>): Message[] =>
  Object.entries(labels).map(([name, value]) => ({ name, value }));

export const protobufPage = (families: readonly Message[], schema = CLIENT_MODEL): Buffer =>
  Buffer.concat(families.map((one) => delimited(encodeMessage(schema, 'MetricFamily', one))));

/** The same, written as proto3 does it, and with a field that nobody knows in each message. */
export const NEWER_MODEL: ProtoSchema = Object.fromEntries(
  Object.entries(CLIENT_MODEL).map(([name, fields]) => [
    name,
    {
      ...Object.fromEntries(Object.entries(fields).map(([number, field]) => [number, { ...field, unpacked: false }])),
      99: { name: 'unknown', type: 'string' },
    },
  ]),
);

export const PROTOBUF_TYPE =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
