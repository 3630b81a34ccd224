import { readFileSync } from 'node:fs';
import { AggregationTemporalityPreference, OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { type IMetricReader, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import type { Secret } from '#config';

/** `service.telemetry.metrics.readers[].periodic`, the Collector's keys. Milliseconds. */
export interface PushOptions {
  interval: number;
  timeout: number;
  exporter: {
    otlp?: {
      endpoint: string;
      insecure: boolean;
      headers: ReadonlyMap<string, Secret>;
      compression: 'gzip' | 'none';
      timeout: number;
      temporality_preference: 'cumulative' | 'delta' | 'lowmemory';
      certificate?: string;
      client_certificate?: string;
      client_key?: string;
    };
  };
}

const TEMPORALITY = {
  cumulative: AggregationTemporalityPreference.CUMULATIVE,
  delta: AggregationTemporalityPreference.DELTA,
  lowmemory: AggregationTemporalityPreference.LOWMEMORY,
};

/**
 * Pushes the agent's own metrics by OTLP/HTTP. The SDK's exporter speaks the JSON encoding, which every OTLP/HTTP receiver
 * takes beside protobuf.
 */
export function pushReader({ interval, timeout, exporter: { otlp } }: PushOptions): IMetricReader {
  const { endpoint, insecure, headers, compression, temporality_preference } = otlp!;
  const exporter = new OTLPMetricExporter({
    url: metricsUrl(endpoint, insecure),
    headers: Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
    timeoutMillis: otlp!.timeout || timeout,
    temporalityPreference: TEMPORALITY[temporality_preference],
    compression: compression as NonNullable<ConstructorParameters<typeof OTLPMetricExporter>[0]>['compression'],
    httpAgentOptions: {
      ...read('ca', otlp!.certificate),
      ...read('cert', otlp!.client_certificate),
      ...read('key', otlp!.client_key),
    },
  });
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: interval,
    exportTimeoutMillis: Math.min(timeout, interval),
  });
}

function metricsUrl(endpoint: string, insecure: boolean): string {
  const url = new URL(/^[a-z]+:\/\//i.test(endpoint) ? endpoint : `http${insecure ? '' : 's'}://${endpoint}`);
  if (url.pathname === '/') url.pathname = '/v1/metrics';
  return url.href;
}

function read(option: 'ca' | 'cert' | 'key', file: string | undefined): Record<string, Buffer> {
  return file === undefined ? {} : { [option]: readFileSync(file) };
}
