import type { Labels } from '#metrics';
import { planOf, type Scope, type Stamped } from '#otlp';
import { exponentialBuckets, mapPairs, pointsOf, type Value } from './points.ts';

/** `verbosity: normal`: a line for each resource, scope and data point. */
export function normalText(stamped: readonly Stamped[], own: Scope): string {
  const lines: string[] = [];
  let number = 0;
  for (const one of stamped) {
    for (const { attributes, scopes } of planOf(one.snapshot.set).resources) {
      lines.push(`ResourceMetrics #${number++}${listed(attributes)}`);
      scopes.forEach((scope, i) => {
        const { name, version } = scope.name === undefined ? own : { name: scope.name, version: scope.version };
        lines.push(`ScopeMetrics #${i} ${name}${version && `@${version}`}${listed(scope.attributes)}`);
        for (const metric of scope.metrics) {
          for (const { points } of pointsOf(metric, one)) {
            for (const { attributes, value } of points) {
              lines.push(`${metric.name}{${mapPairs(attributes, pair)}} ${valueText(value)}`);
            }
          }
        }
      });
    }
  }
  return lines.join('\n');
}

const pair = (name: string, value: string): string => `${name}=${value}`;
const listed = (attributes: Labels): string => mapPairs(attributes, (name, value) => ` ${pair(name, value)}`).join('');

function valueText(value: Value): string {
  switch (value.kind) {
    case 'stale':
      return 'stale';
    case 'number':
      return String(value.number);
    case 'histogram': {
      const { bounds, buckets, count, sum } = value;
      const own = buckets.map((bucket, i) => ` ${i < bounds.length ? `le${bounds[i]}=` : ''}${bucket}`);
      return `count=${count}${sum === undefined ? '' : ` sum=${sum}`}${own.join('')}`;
    }
    case 'exponential': {
      const { count, sum } = value.numbers;
      return `count=${count} sum=${sum}${exponentialBuckets(value.numbers)
        .map(([range, n]) => ` ${range}=${n}`)
        .join('')}`;
    }
    case 'summary':
      return `count=${value.count} sum=${value.sum}${value.quantiles.map((q) => ` q${q.quantile}=${q.value}`).join('')}`;
  }
}
