import type { Labels } from '#metrics';
import { type MetricPlan, type OtlpExemplar, planOf, type Scope, type ScopePlan, type Stamped } from '#otlp';
import { exponentialBuckets, mapPairs, type Point, type Points, pointsOf, type Value } from './points.ts';

/** `verbosity: detailed`: everything there is, a fact a line. */
export function detailedText(stamped: readonly Stamped[], own: Scope): string {
  const lines: string[] = [];
  let number = 0;
  for (const one of stamped) {
    for (const { attributes, scopes } of planOf(one.snapshot.set).resources) {
      lines.push(`ResourceMetrics #${number++}`, ...listed('Resource attributes', attributes));
      scopes.forEach((scope, i) => {
        lines.push(`ScopeMetrics #${i}`, ...scopeLines(scope, own));
        const shown = scope.metrics.flatMap((metric) =>
          pointsOf(metric, one).map(({ data, points }) => ({ metric, data, points })),
        );
        shown.forEach(({ metric, data, points }, j) => {
          lines.push(`Metric #${j}`, ...descriptorLines(metric, data));
          points.forEach((point, k) => {
            lines.push(`${POINTS[data]} #${k}`, ...pointLines(point));
          });
        });
      });
    }
  }
  return lines.join('\n');
}

const TITLES = {
  gauge: 'Gauge',
  sum: 'Sum',
  histogram: 'Histogram',
  exponentialHistogram: 'ExponentialHistogram',
  summary: 'Summary',
} as const;
const POINTS = {
  gauge: 'NumberDataPoints',
  sum: 'NumberDataPoints',
  histogram: 'HistogramDataPoints',
  exponentialHistogram: 'ExponentialHistogramDataPoints',
  summary: 'SummaryDataPoints',
} as const;

function scopeLines(scope: ScopePlan, own: Scope): string[] {
  const { name, version } = scope.name === undefined ? own : { name: scope.name, version: scope.version };
  return [
    ...(scope.schemaUrl ? [`ScopeMetrics SchemaURL: ${scope.schemaUrl}`] : []),
    `InstrumentationScope ${name} ${version}`,
    ...listed('InstrumentationScope attributes', scope.attributes),
  ];
}

function descriptorLines(metric: MetricPlan, data: Points['data']): string[] {
  const { name, description, unit, type } = metric;
  return [
    'Descriptor:',
    fact('Name', name),
    fact('Description', description),
    fact('Unit', unit),
    fact('DataType', TITLES[data]),
    '     -> Metadata:',
    `     ${fact('prometheus.type', `Str(${type})`)}`,
    ...(metric.data === 'sum' ? [fact('IsMonotonic', String(metric.monotonic))] : []),
    ...(data === 'gauge' || data === 'summary' ? [] : [fact('AggregationTemporality', 'Cumulative')]),
  ];
}

function pointLines({ attributes, start, time, value, exemplars }: Point): string[] {
  return [
    ...listed('Data point attributes', attributes),
    ...(start ? [`StartTimestamp: ${new Date(start).toISOString()}`] : []),
    `Timestamp: ${new Date(time).toISOString()}`,
    ...valueLines(value),
    ...(exemplars.length ? ['Exemplars:'] : []),
    ...exemplars.flatMap(exemplarLines),
  ];
}

function exemplarLines({ attributes, time, value, spanId, traceId }: OtlpExemplar, i: number): string[] {
  return [
    `Exemplar #${i}`,
    ...(traceId ? [fact('Trace ID', traceId)] : []),
    ...(spanId ? [fact('Span ID', spanId)] : []),
    fact('Timestamp', new Date(time).toISOString()),
    fact('Value', String(value)),
    ...listed('FilteredAttributes', attributes).map((line) => `     ${line}`),
  ];
}

function valueLines(value: Value): string[] {
  switch (value.kind) {
    case 'stale':
      return ['Flags: NoRecordedValue'];
    case 'number':
      return [`Value: ${value.number}`];
    case 'histogram':
      return [
        `Count: ${value.count}`,
        ...(value.sum === undefined ? [] : [`Sum: ${value.sum}`]),
        ...value.bounds.map((bound, i) => `ExplicitBounds #${i}: ${bound}`),
        ...value.buckets.map((bucket, i) => `Buckets #${i}, Count: ${bucket}`),
      ];
    case 'exponential':
      return [
        `Count: ${value.numbers.count}`,
        `Sum: ${value.numbers.sum}`,
        ...exponentialBuckets(value.numbers).map(([range, count]) => `Bucket ${range}, Count: ${count}`),
      ];
    case 'summary':
      return [
        `Count: ${value.count}`,
        `Sum: ${value.sum}`,
        ...value.quantiles.map((q, i) => `QuantileValue #${i}: Quantile ${q.quantile}, Value ${q.value}`),
      ];
  }
}

const fact = (name: string, value: string): string => `     -> ${name}: ${value}`;

function listed(title: string, attributes: Labels): string[] {
  return attributes.length ? [`${title}:`, ...mapPairs(attributes, (name, value) => fact(name, `Str(${value})`))] : [];
}
