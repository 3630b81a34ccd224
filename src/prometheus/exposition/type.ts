import type { MetricType } from '#metrics';
import type { Reader } from './reader.ts';

const TEXT: ReadonlyMap<string, MetricType> = new Map([
  ['counter', 'counter'],
  ['gauge', 'gauge'],
  ['histogram', 'histogram'],
  ['summary', 'summary'],
  ['untyped', 'unknown'],
]);
/** What expfmt takes beyond that, in any case. */
const EXPFMT: ReadonlyMap<string, MetricType> = new Map([
  ...TEXT,
  ['gaugehistogram', 'gaugehistogram'],
  ['gauge_histogram', 'gaugehistogram'],
]);
const OPENMETRICS: ReadonlyMap<string, MetricType> = new Map(
  (['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown'] as const).map(
    (type) => [type, type],
  ),
);

/** The type that the TYPE line just read gives. */
export function readType(reader: Reader): MetricType {
  const types = reader.openMetrics ? OPENMETRICS : reader.strict ? EXPFMT : TEXT;
  const type = types.get(types === EXPFMT ? reader.text.toLowerCase() : reader.text);
  return type ?? reader.fail(`a type (${[...types.keys()].join(', ')})`, reader.textAt);
}
