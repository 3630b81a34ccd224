/** The schema of `service.telemetry`: the Collector's keys, as its declarative configuration spells them. */

import { list, mapOf, object, strings } from './collections.ts';
import type { ConfigNode } from './node.ts';
import { bool, duration, int, oneOf, secret, string, word } from './scalars.ts';
import {
  anything,
  check,
  INVALID,
  type Infer,
  optional,
  parse,
  type Schema,
  transform,
  withDefault,
} from './schema.ts';
import type { Secret } from './secret.ts';

const level = transform(word('debug', 'info', 'warn', 'warning', 'error'), (name) =>
  name === 'warning' ? 'warn' : name,
);

const logs = object({
  level: withDefault(level, 'info', 'the least severe events to write'),
  encoding: withDefault(oneOf('console', 'json'), 'console', 'how an event is written'),
  development: withDefault(bool(), false, 'accepted; changes nothing'),
  disable_caller: withDefault(bool(), false, 'accepted; events name no source lines anyway'),
  disable_stacktrace: withDefault(bool(), false, 'leave stacks out of error events'),
  output_paths: withDefault(strings(), ['stderr'], '`stderr`, `stdout` or files that events go to'),
  error_output_paths: withDefault(strings(), ['stderr'], "where the logger's own errors go"),
  initial_fields: withDefault(mapOf(anything()), {}, 'fields on every event'),
  sampling: withDefault(
    object({
      enabled: withDefault(bool(), true, 'thin out events that repeat'),
      tick: withDefault(duration(), '10s', 'the time over which repeated events are counted'),
      initial: withDefault(int({ min: 0 }), 10, 'how many of the same event are written each tick'),
      thereafter: withDefault(int({ min: 0 }), 100, 'after those, one in this many'),
    }),
    {},
    'thinning of repeated events',
  ),
  processors: optional(list(anything()), 'accepted; events are not sent over OTLP'),
});

/** The declarative configuration has header lists, its older form maps. */
function headers(): Schema<Map<string, Secret>> {
  const map = mapOf(secret());
  const pairs = list(object({ name: withDefault(string(), '', 'header'), value: withDefault(secret(), '', 'value') }));
  return {
    typeName: 'list of name and value',
    inner: { '*': secret() as Schema<unknown> },
    read(node, path, report) {
      if (node.kind !== 'list') return map.read(node, path, report);
      const got = pairs.read(node, path, report);
      return got === INVALID ? INVALID : new Map(got.map((h) => [h.name, h.value]));
    },
    json: () => ({ anyOf: [pairs.json(), map.json()] }),
  };
}

const otlp = object({
  protocol: withDefault(oneOf('http/protobuf', 'http/json', 'grpc'), 'http/protobuf', 'how to speak OTLP'),
  endpoint: withDefault(string(), 'http://localhost:4318', 'where to; `/v1/metrics` is added when it has no path'),
  headers: withDefault(headers(), [], 'headers of each request'),
  compression: withDefault(oneOf('gzip', 'none'), 'none', 'of the body'),
  timeout: withDefault(int({ min: 0 }), 10_000, 'milliseconds a request may take'),
  insecure: withDefault(bool(), false, 'plain HTTP where the endpoint has no scheme'),
  certificate: optional(string(), 'file of CA certificates'),
  client_certificate: optional(string(), 'file of the client certificate'),
  client_key: optional(string(), 'file of its key'),
  temporality_preference: withDefault(word('cumulative', 'delta', 'lowmemory'), 'cumulative', 'of sums and histograms'),
  default_histogram_aggregation: optional(
    oneOf('explicit_bucket_histogram', 'base2_exponential_bucket_histogram'),
    'accepted; histograms have explicit buckets',
  ),
});

const prometheus = object({
  host: withDefault(string(), 'localhost', 'address to listen on'),
  port: withDefault(int({ min: 0, max: 65_535 }), 9464, 'port to listen on; 0 takes a free one'),
  without_scope_info: withDefault(bool(), false, 'leave `otel_scope_*` labels out'),
  without_units: withDefault(bool(), false, 'leave unit suffixes off names'),
  without_type_suffix: withDefault(bool(), false, 'leave `_total` off names'),
  with_resource_constant_labels: optional(
    object({
      included: withDefault(list(string()), [], 'resource attributes to put on every series; `*` matches any text'),
      excluded: withDefault(list(string()), [], 'and those not to'),
    }),
    'resource attributes as labels',
  ),
});

const pull = object({
  exporter: withDefault(object({ prometheus: optional(prometheus, 'a page to scrape') }), {}, ''),
});
const periodic = object({
  interval: withDefault(int({ min: 1 }), 60_000, 'milliseconds between two pushes'),
  timeout: withDefault(int({ min: 1 }), 30_000, 'milliseconds a push may take'),
  exporter: withDefault(object({ otlp: optional(otlp, 'push over OTLP') }), {}, ''),
});

const reader = check(
  object({
    pull: optional(pull, 'a page that somebody scrapes'),
    periodic: optional(periodic, 'a push at an interval'),
  }),
  (value, complain) => {
    if (!value.pull === !value.periodic) complain('', 'must have exactly one of pull and periodic');
    else if (value.pull && !value.pull.exporter.prometheus) complain('pull', 'must have exporter.prometheus');
    else if (value.periodic && !value.periodic.exporter.otlp) complain('periodic', 'must have exporter.otlp');
    else if (value.periodic?.exporter.otlp?.protocol === 'grpc') {
      complain('periodic.exporter.otlp.protocol', 'grpc is not supported; use http/protobuf');
    }
  },
);

/** `metrics.address`, from before there were readers: it stands for one more reader. */
const address = string({
  check: (text) => (/^(\[[^\]]*\]|[^:]*):\d{1,5}$/.test(text) ? undefined : 'must be host:port'),
});

/** A page with the names that the Collector serves by default. A reader of one's own has none of these `without_*`, there too. */
function page(host: string, port: number): Reader {
  const prometheus = { host, port, without_scope_info: true, without_units: true, without_type_suffix: true };
  return parse(reader, { pull: { exporter: { prometheus } } });
}

function legacyPage(text: string): Reader {
  const colon = text.lastIndexOf(':');
  return page(text.slice(0, colon) || '0.0.0.0', Number(text.slice(colon + 1)));
}

const metricsOptions = object({
  level: withDefault(word('none', 'basic', 'normal', 'detailed'), 'normal', "how much of the agent's own metrics"),
  readers: optional(list(reader), 'who gets them; by default a page at localhost:8888'),
  address: optional(address, 'older form of a pull reader: host:port'),
  views: optional(list(anything()), 'accepted at level `detailed`; changes nothing'),
});

const metrics = transform(
  check(metricsOptions, (value, complain) => {
    if (value.views && value.level !== 'detailed') complain('views', 'can only be set when level is detailed');
    const unread = value.level !== 'none' && value.readers?.length === 0 && value.address === undefined;
    if (unread) complain('readers', 'must name at least one reader, unless level is none');
  }),
  ({ level, readers, address: legacy }) => {
    const more = legacy === undefined ? [] : [legacyPage(legacy)];
    const own = readers ?? (legacy === undefined ? [page('localhost', 8888)] : []);
    return { level, readers: [...own, ...more] };
  },
);

const attribute = object({
  name: withDefault(string(), '', 'attribute'),
  value: withDefault(anything(), null, 'its value'),
  type: optional(string(), 'of the value'),
});

/** `resource` as a map, or the declarative list of attributes. A null takes a default attribute away. */
function resource(): Schema<Map<string, ConfigNode>> {
  const declared = object({
    attributes: withDefault(list(attribute), [], 'attributes'),
    attributes_list: optional(string(), '`a=b,c=d`'),
    schema_url: optional(string(), 'accepted'),
    detectors: optional(anything(), 'accepted'),
    'detection/development': optional(anything(), 'accepted'),
  });
  const map = mapOf(anything());
  return {
    typeName: 'map',
    read(node, path, report) {
      const isDeclared = node.kind === 'map' && node.entries.get('attributes')?.value.kind === 'list';
      if (!isDeclared) return map.read(node, path, report);
      const got = declared.read(node, path, report);
      return got === INVALID ? INVALID : new Map(got.attributes.map((a) => [a.name, a.value]));
    },
    json: () => ({ type: ['object', 'null'] }),
  };
}

/** The options of `service.telemetry`. */
export const telemetry = object({
  logs: withDefault(logs, {}, "the agent's own log"),
  metrics: withDefault(metrics, {}, "the agent's own metrics"),
  traces: optional(anything(), 'accepted; the agent makes no traces'),
  resource: withDefault(resource(), {}, "attributes of the agent's own telemetry; a null value takes one away"),
});

export type Reader = Infer<typeof reader>;
export type Telemetry = Infer<typeof telemetry>;
