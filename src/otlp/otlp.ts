/** The OTLP door: the only place where flat Prometheus series become OpenTelemetry metrics. */
export * from './buckets.ts';
export * from './exemplars.ts';
export * from './json.ts';
export * from './nanos.ts';
export * from './native.ts';
export * from './plan.ts';
export * from './protobuf.ts';
export * from './response.ts';
export * from './starts.ts';
