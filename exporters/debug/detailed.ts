import type { Labels } from '#metrics';
import { type MetricPlan, planOf, type Scope, type ScopePlan, type Stamped } from '#otlp';
import { mapPairs, type Point, pointsOf, type Value } from './points.ts';

/** `verbosity: detailed`: everything there is, a fact a line. */
export function detailedText(stamped: readonly Stamped[], own: Scope): string {
  const lines: string[] = [];
  let number = 0;
  for (const one of stamped) {
    for (const { attributes, scopes } of planOf(one.snapshot.set).resources) {
      lines.push(`ResourceMetrics #${number++}`, ...listed('Resource attributes', attributes));
      scopes.forEach((scope, i) => {
        lines.push(`ScopeMetrics #${i}`, ...scopeLines(scope, own));
        scope.metrics.forEach((metric, j) => {
          lines.push(`Metric #${j}`, ...descriptorLines(metric));
          pointsOf(metric, one).forEach((point, k) => {
            lines.push(`${POINTS[metric.data]} #${k}`, ...pointLines(point));
          });
        });
      });
    }
  }
  return lines.join('\n');
}

const TITLES = { gauge: 'Gauge', sum: 'Sum', histogram: 'Histogram', summary: 'Summary' } as const;
const POINTS = {
  gauge: 'NumberDataPoints',
  sum: 'NumberDataPoints',
  histogram: 'HistogramDataPoints',
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

function descriptorLines(metric: MetricPlan): string[] {
  const { name, description, unit, type, data } = metric;
  return [
    'Descriptor:',
    fact('Name', name),
    fact('Description', description),
    fact('Unit', unit),
    fact('DataType', TITLES[data]),
    '     -> Metadata:',
    `     ${fact('prometheus.type', `Str(${type})`)}`,
    ...(data === 'sum' ? [fact('IsMonotonic', String(metric.monotonic))] : []),
    ...(data === 'sum' || data === 'histogram' ? [fact('AggregationTemporality', 'Cumulative')] : []),
  ];
}

function pointLines({ attributes, start, time, value }: Point): string[] {
  return [
    ...listed('Data point attributes', attributes),
    ...(start ? [`StartTimestamp: ${new Date(start).toISOString()}`] : []),
    `Timestamp: ${new Date(time).toISOString()}`,
    ...valueLines(value),
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
