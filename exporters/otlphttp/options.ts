import * as s from '#config';
import { httpClientFields, httpUrl } from '#http';
import { retryOnFailure, sendingQueue } from '#queue';

const METRICS_ONLY = 'Accepted; dnscol sends metrics alone.';

const fields = {
  ...httpClientFields,
  endpoint: s.optional(httpUrl(), 'Where to send, without the path: `/v1/metrics` is added.'),
  metrics_endpoint: s.optional(httpUrl(), 'Where to send, the whole URL as it is; goes before `endpoint`.'),
  traces_endpoint: s.optional(httpUrl(), METRICS_ONLY),
  logs_endpoint: s.optional(httpUrl(), METRICS_ONLY),
  profiles_endpoint: s.optional(httpUrl(), METRICS_ONLY),
  encoding: s.withDefault(s.oneOf('proto', 'json'), 'proto', 'Binary protobuf or OTLP/JSON.'),
  timeout: s.withDefault(s.duration(), '30s', 'How long one attempt may take; 0 for no limit.'),
  compression: { ...httpClientFields.compression, default: 'gzip', hasDefault: true },
  retry_on_failure: retryOnFailure(),
  sending_queue: sendingQueue(),
};

export const config = s.check(s.object(fields), ({ endpoint, metrics_endpoint }, complain) => {
  if (!endpoint && !metrics_endpoint) complain('', 'needs endpoint or metrics_endpoint');
});

export type Config = s.Infer<typeof config>;

export function metricsUrl({ endpoint, metrics_endpoint }: Config): URL {
  return new URL(metrics_endpoint ?? `${endpoint?.replace(/\/$/, '')}/v1/metrics`);
}
