import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import type { IMetricReader } from '@opentelemetry/sdk-metrics';
import { createHttpServer, type HttpServer } from '#http';

/** `service.telemetry.metrics.readers[].pull.exporter.prometheus`, the Collector's keys. */
export interface PullOptions {
  host: string;
  port: number;
  /** Counters keep the name they have, without `_total`. */
  without_type_suffix: boolean;
  /** Names get no unit such as `_seconds` or `_bytes`. */
  without_units: boolean;
  without_scope_info: boolean;
  with_resource_constant_labels?: { included: readonly string[]; excluded: readonly string[] };
}

export interface PullReader {
  readonly reader: IMetricReader;
  readonly address: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const PATH = '/metrics';

/**
 * The agent's own metrics for a scraper. The SDK's exporter collects and serialises; the page is served by our own server,
 * which has limits, and is given the Collector's names: the SDK always adds `_total` and never a unit.
 */
export function pullReader(options: PullOptions): PullReader {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const labels = constantLabels(options.with_resource_constant_labels);
  const serializer = new PrometheusSerializer('', false, labels, false, options.without_scope_info);
  const page = async (): Promise<string> => {
    const { resourceMetrics } = await reader.collect();
    const units = new Map(
      resourceMetrics.scopeMetrics.flatMap((s) =>
        s.metrics.map((m) => [m.descriptor.name, m.descriptor.unit] as const),
      ),
    );
    return collectorNames(serializer.serialize(resourceMetrics), units, options);
  };
  const server: HttpServer = createHttpServer({
    endpoint: `${options.host}:${options.port}`,
    async handle(request) {
      if (request.path !== PATH) return { status: 404, body: `not here: the metrics are at ${PATH}\n` };
      const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
      return { status: 200, headers, body: await page() };
    },
  });
  return {
    reader,
    get address() {
      return `http://${server.address()}${PATH}`;
    },
    start: () => server.start(),
    stop: () => server.stop(AbortSignal.abort()),
  };
}

/** The resource attributes that become labels, as one expression; none when nothing is included. */
function constantLabels(options: PullOptions['with_resource_constant_labels']): RegExp | undefined {
  if (!options?.included.length) return undefined;
  const any = (patterns: readonly string[]) =>
    patterns.map((p) => p.replace(/[.*+?^${}()|[\]\\]/g, (c) => (c === '*' ? '.*' : `\\${c}`))).join('|');
  const not = options.excluded.length ? `(?!(?:${any(options.excluded)})$)` : '';
  return new RegExp(`^${not}(?:${any(options.included)})$`);
}

const UNIT_WORDS: Readonly<Record<string, string>> = { s: 'seconds', ms: 'milliseconds', By: 'bytes' };

/** Rewrites the names in a page; drops `# UNIT` lines, which text format 0.0.4 does not know. */
export function collectorNames(
  page: string,
  units: ReadonlyMap<string, string>,
  options: Pick<PullOptions, 'without_type_suffix' | 'without_units'>,
): string {
  const rename = (name: string): string => {
    const base = units.has(name) ? name : name.replace(/_(total|bucket|sum|count)$/, '');
    if (!units.has(base)) return name;
    const word = options.without_units ? undefined : UNIT_WORDS[units.get(base)!];
    const withUnit = word && !base.endsWith(`_${word}`) ? `${base}_${word}` : base;
    const suffix = name.slice(base.length);
    return withUnit + (suffix === '_total' && options.without_type_suffix ? '' : suffix);
  };
  return page
    .split('\n')
    .filter((line) => !line.startsWith('# UNIT '))
    .map((line) => line.replace(/^(# (?:HELP|TYPE) )?([a-zA-Z_:][\w:]*)/, (_, head = '', name) => head + rename(name)))
    .join('\n')
    .replace(/\n*$/, '\n');
}
