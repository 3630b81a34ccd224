import * as s from '#config';
import { headerMap, httpClientFields, httpUrl } from '#http';
import { type Labels, makeLabels } from '#metrics';
import {
  checkRelabelNames,
  compileRelabel,
  isLabelName,
  type NameValidationScheme,
  relabelConfigsSchema,
  type TranslateOptions,
} from '#prometheus';
import { type QueueSettings, retryOnFailure } from '#queue';
import { checkQueue, DEFAULT_QUEUE, queue } from './queue.ts';

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

const translation = s.oneOf(
  'UnderscoreEscapingWithSuffixes',
  'UnderscoreEscapingWithoutSuffixes',
  'NoUTF8EscapingWithSuffixes',
  'NoTranslation',
);

const REQUEST_2 = 'io.prometheus.write.v2.Request';
const protobufMessage = s.oneOf('prometheus.WriteRequest', REQUEST_2);

const DEFAULT_REQUEST_SIZE = 960_000;
const requestSize = s.transform(s.int({ min: 0 }), (bytes) => bytes || DEFAULT_REQUEST_SIZE);

const ALWAYS_SO = 'Accepted; what was sent is deleted at once, and the metrics are always up to date.';

const walFields = {
  directory: s.required(
    s.string({ nonEmpty: true }),
    'Where the queue is on disk. Only one process may use it at a time.',
  ),
  buffer_size: s.withDefault(s.int({ min: 1 }), 300, 'Accepted; what is in memory is bounded by bytes.'),
  truncate_frequency: s.withDefault(s.duration(), '1m', ALWAYS_SO),
  lag_record_frequency: s.withDefault(s.duration(), '15s', ALWAYS_SO),
  max_size: s.withDefault(s.size({ min: 1 }), '1GiB', 'The most bytes on disk; after that the oldest are dropped.'),
};

const fields = s.object({
  ...httpClientFields,
  endpoint: s.required(httpUrl(), 'Where to write: the whole URL, such as `http://prometheus:9090/api/v1/write`.'),
  headers: s.optional(headers, 'Headers to add to each request; not those of the protocol itself.'),
  timeout: s.withDefault(
    s.duration(),
    '30s',
    "How long one attempt may take. Pauses between attempts do not count. As Prometheus has it: with the Collector's `5s`, a receiver that is slow would get the same request again and again.",
  ),
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
    'How names become legal, and whether units and `_total` are added; goes before `add_metric_suffixes`. The last two leave all characters as they are, for which Remote Write 2.0 is needed.',
  ),
  send_metadata: s.withDefault(
    s.bool(),
    false,
    'Send type, help and unit of each metric family, when it is new and once a minute. (2.0 has them with every series.)',
  ),
  remote_write_queue: s.optional(queue, ''),
  sending_queue: s.optional(queue, 'The same by the name that other exporters have for it.'),
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
        "Send a resource's attributes as a series `target_info`, where it has some. `false`: none is sent, nor that of a page.",
      ),
    }),
    {},
    '',
  ),
  disable_scope_info: s.withDefault(s.bool(), false, 'Accepted; there are no scopes here to tell of.'),
  protobuf_message: s.withDefault(
    protobufMessage,
    'prometheus.WriteRequest',
    'Remote Write 1.0, or 2.0, which falls back to 1.0 when the receiver does not know it.',
  ),
  write_relabel_configs: s.withDefault(
    relabelConfigsSchema,
    [],
    "Rules that choose what is sent and change its labels, after everything else: Prometheus' write_relabel_configs.",
  ),
  retry_on_failure: retryOnFailure({ initial_interval: '50ms', max_elapsed_time: '0s' }),
  wal: s.optional(s.object(walFields), "The Collector's name for a queue on disk, which needs no extension."),
});

type Fields = s.Infer<typeof fields>;

const isUnescaped = ({ translation_strategy: strategy }: Fields): boolean =>
  strategy === 'NoUTF8EscapingWithSuffixes' || strategy === 'NoTranslation';

const nameScheme = (options: Fields): NameValidationScheme => (isUnescaped(options) ? 'utf8' : 'legacy');

/** The queue as written, under whichever name. */
const queueOf = ({ sending_queue, remote_write_queue }: Fields) => sending_queue ?? remote_write_queue ?? DEFAULT_QUEUE;

export const config = s.check(
  fields,
  (options, complain) => {
    const { translation_strategy: strategy, protobuf_message: message, write_relabel_configs: rules } = options;
    if (isUnescaped(options) && message !== REQUEST_2) {
      complain('translation_strategy', `${strategy} needs protobuf_message: ${REQUEST_2}`);
    }
    checkRelabelNames(rules, nameScheme(options), (inner, words) => complain(`write_relabel_configs${inner}`, words));
  },
  (options, complain) => {
    if (options.sending_queue && options.remote_write_queue) {
      complain('sending_queue', 'cannot be with remote_write_queue, which is the same');
    }
    const { storage, enabled } = queueOf(options);
    if (options.wal && storage !== undefined) complain('wal', `cannot be with storage: ${storage}`);
    if (options.wal && !enabled) complain('wal', 'needs the queue enabled');
  },
  (options, complain) => {
    const { wal, sending_queue, remote_write_queue } = options;
    const key = sending_queue ? 'sending_queue' : 'remote_write_queue';
    const written = sending_queue ?? remote_write_queue;
    if (written) checkQueue(written, wal !== undefined, (inner, words) => complain(`${key}.${inner}`, words));
  },
);

export type Config = s.Infer<typeof config>;

export const wantedVersion = ({ protobuf_message }: Config): 1 | 2 => (protobuf_message === REQUEST_2 ? 2 : 1);

/** How many lanes of requests there are, each of which keeps its order. */
export function laneCount(options: Config): number {
  return options.max_batch_request_parallelism ?? queueOf(options).num_consumers;
}

const MEMORY_QUEUE_SIZE = 10_000;

export function queueSettings(options: Config): QueueSettings {
  const { queue_size, ...queue } = queueOf(options);
  const onDisk = queue.storage !== undefined || options.wal !== undefined;
  return {
    ...queue,
    queue_size: queue_size ?? (onDisk ? Number.POSITIVE_INFINITY : MEMORY_QUEUE_SIZE),
    num_consumers: laneCount(options),
    // A write-ahead log is cut off at its old end, unless who hands over is to wait.
    when_full: options.wal && !queue.block_on_overflow ? 'drop_oldest' : queue.when_full,
    // What a busy consumer finds waiting goes into one request; an idle one waits for nothing.
    batch: queue.batch ?? { flush_timeout: 0, min_size: 0, max_size: 0, sizer: 'bytes' },
  };
}

/** How series are translated; 1.0 knows escaped names only, whatever the user wants. */
export function translateOptions(options: Config, version: 1 | 2): TranslateOptions {
  const { translation_strategy: strategy, resource_to_telemetry_conversion: resource } = options;
  const externalLabels: Labels = makeLabels(options.external_labels ?? []);
  return {
    externalLabels,
    namespace: options.namespace,
    suffixes: strategy ? strategy.endsWith('WithSuffixes') : options.add_metric_suffixes,
    resourceLabels: !resource.enabled ? 'none' : resource.exclude_service_attributes ? 'not-service' : 'all',
    targetInfo: options.target_info.enabled,
    escape: version === 1 || !isUnescaped(options),
    relabel: relabelOf(options),
  };
}

function relabelOf(options: Config): TranslateOptions['relabel'] {
  const { write_relabel_configs: rules } = options;
  if (rules.length === 0) return undefined;
  const relabeler = compileRelabel(rules, nameScheme(options));
  return (labels) => relabeler.relabel(labels);
}
