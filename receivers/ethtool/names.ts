import type { MetricDeclaration } from '#component';

const TOTALS = new Set([
  'received_bytes',
  'received_dropped',
  'received_errors',
  'received_packets',
  'transmitted_bytes',
  'transmitted_errors',
  'transmitted_packets',
]);

/**
 * The name that node_exporter's ethtool collector gives a statistic (collector/ethtool_linux.go): odd characters become one
 * `_`, lower case, `rx` and `tx` spelled out where they stand alone, `_total` for seven.
 */
export function nodeExporterName(statistic: string): string {
  const plain = statistic
    .replace(/_*[^0-9A-Za-z_]+_*/g, '_')
    .toLowerCase()
    .replace(/^_/, '');
  const spelled = plain.replace(/(^|_)rx(_|$)/g, '$1received$2').replace(/(^|_)tx(_|$)/g, '$1transmitted$2');
  return `node_ethtool_${spelled}${TOTALS.has(spelled) ? '_total' : ''}`;
}

/** The metrics of a device's statistics, without those whose names clash: node_exporter drops all of them. */
export function nodeExporterMetrics(statistics: readonly string[]): Map<string, MetricDeclaration> {
  const byName = new Map<string, string[]>();
  for (const statistic of statistics) {
    const name = nodeExporterName(statistic);
    byName.set(name, [...(byName.get(name) ?? []), statistic]);
  }
  const metrics = new Map<string, MetricDeclaration>();
  for (const [name, from] of byName) {
    if (from.length > 1) continue;
    metrics.set(from[0]!, { name, type: 'unknown', help: `Network interface ${from[0]}`, labels: ['device'] });
  }
  return metrics;
}
