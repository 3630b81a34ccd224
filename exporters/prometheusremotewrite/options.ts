import * as s from '#config';
import { headerMap, httpClientFields, httpUrl } from '#http';
import { type Labels, makeLabels } from '#metrics';
import { isLabelName, type TranslateOptions } from '#prometheus';
import { retryOnFailure } from '#queue';

/** Set by the protocol: the specification forbids that users change them. */
const PROTOCOL_HEADERS = /^(content-encoding|content-type|user-agent|x-prometheus-remote-write-version)$/i;

const headers = s.check(headerMap(), (map, complain) => {
  for (const name of map.keys()) {
    if (PROTOCOL_HEADERS.test(name)) complain(name, 'belongs to the remote-write protocol and cannot be set');
  }
});

const labelName = s.string({
  check: (name) => (isLabelName(name) && name !== '__name__' ? undefined : 'is not a label name'),
});

const NEEDS_2 = 'needs Remote Write 2.0, which is not supported yet';

const translation = s.check(
  s.oneOf(
    'UnderscoreEscapingWithSuffixes',
    'UnderscoreEscapingWithoutSuffixes',
    'NoUTF8EscapingWithSuffixes',
    'NoTranslation',
  ),
  (strategy, complain) => {
    if (!strategy.startsWith('Underscore')) complain('', `${strategy} ${NEEDS_2}`);
  },
);

const protobufMessage = s.check(
  s.oneOf('prometheus.WriteRequest', 'io.prometheus.write.v2.Request'),
  (message, complain) => {
    if (message !== 'prometheus.WriteRequest') complain('', 'Remote Write 2.0 is not supported yet');
  },
);

const DEFAULT_REQUEST_SIZE = 960_000;
const requestSize = s.transform(s.int({ min: 0 }), (bytes) => bytes || DEFAULT_REQUEST_SIZE);

const wal = s.check(s.anything('map'), (_, complain) =>
  complain('', 'is not supported yet: what waits to be sent is kept in memory'),
);

const queueFields = {
  enabled: s.withDefault(s.bool(), true, 'Without a queue, whoever hands over a batch waits until it is sent.'),
  queue_size: s.withDefault(s.int({ min: 1 }), 10_000, 'The most requests that wait or are under way.'),
  num_consumers: s.withDefault(
    s.int({ min: 1 }),
    5,
    'How many requests are under way at once. A source (`job` and `instance`) always has the same consumer, so that its samples arrive in order.',
  ),
};

export const config = s.object({
  ...httpClientFields,
  endpoint: s.required(httpUrl(), 'Where to write: the whole URL, such as `http://prometheus:9090/api/v1/write`.'),
  headers: s.optional(headers, 'Headers to add to each request; not those of the protocol itself.'),
  timeout: s.withDefault(s.duration(), '5s', 'How long one attempt may take. Pauses between attempts do not count.'),
  compression: s.withDefault(s.oneOf('snappy', ''), 'snappy', 'The protocol knows snappy only.'),
  external_labels: s.optional(
    s.mapOf(s.string({ nonEmpty: true }), labelName),
    'Labels for every series that does not have one of that name.',
  ),
  namespace: s.withDefault(
    s.string({ check: (name) => (name === '' || isLabelName(name) ? undefined : 'is not the beginning of a name') }),
    '',
    'Put before every metric name, with `_` between.',
  ),
  add_metric_suffixes: s.withDefault(
    s.bool(),
    false,
    "Add units and `_total` to metric names. The Collector's default is true; here names stay as they came.",
  ),
  translation_strategy: s.optional(
    translation,
    'How names become legal. `UnderscoreEscapingWithSuffixes` and `…WithoutSuffixes`; goes before `add_metric_suffixes`.',
  ),
  send_metadata: s.withDefault(
    s.bool(),
    false,
    'Send type, help and unit of each metric family, when it is new and once a minute.',
  ),
  remote_write_queue: s.withDefault(s.object(queueFields), {}, ''),
  max_batch_size_bytes: s.withDefault(
    requestSize,
    DEFAULT_REQUEST_SIZE,
    'The most bytes in a request before compression, `0` for the default; what is larger is split. A request that is refused as too large is split again.',
  ),
  max_batch_request_parallelism: s.optional(
    s.int({ min: 1 }),
    'How many requests are under way at once; goes before `remote_write_queue.num_consumers`.',
  ),
  resource_to_telemetry_conversion: s.withDefault(
    s.object({
      enabled: s.withDefault(s.bool(), false, 'Make every resource attribute a label of every series.'),
      exclude_service_attributes: s.withDefault(
        s.bool(),
        false,
        'But not those that `job` and `instance` are made of.',
      ),
    }),
    {},
    '',
  ),
  target_info: s.withDefault(
    s.object({
      enabled: s.withDefault(
        s.bool(),
        true,
        "Send a resource's attributes as a series `target_info`, where it has some.",
      ),
    }),
    {},
    '',
  ),
  disable_scope_info: s.withDefault(s.bool(), false, 'Accepted; there are no scopes here to tell of.'),
  protobuf_message: s.withDefault(protobufMessage, 'prometheus.WriteRequest', 'Remote Write 1.0.'),
  retry_on_failure: retryOnFailure({ initial_interval: '50ms' }),
  wal: s.optional(wal, 'Not supported yet.'),
});

export type Config = s.Infer<typeof config>;

/** How many lanes of requests there are, each of which keeps its order. */
export function laneCount({ max_batch_request_parallelism, remote_write_queue }: Config): number {
  return max_batch_request_parallelism ?? remote_write_queue.num_consumers;
}

export function translateOptions(options: Config): TranslateOptions {
  const { translation_strategy: strategy, resource_to_telemetry_conversion: resource } = options;
  const externalLabels: Labels = makeLabels(options.external_labels ?? []);
  return {
    externalLabels,
    namespace: options.namespace,
    suffixes: strategy ? strategy === 'UnderscoreEscapingWithSuffixes' : options.add_metric_suffixes,
    resourceLabels: !resource.enabled ? 'none' : resource.exclude_service_attributes ? 'not-service' : 'all',
    targetInfo: options.target_info.enabled,
    escape: true,
  };
}
