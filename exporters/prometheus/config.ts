import * as s from '#config';
import { httpServerFields } from '#http';

const STRATEGIES = [
  'UnderscoreEscapingWithSuffixes',
  'UnderscoreEscapingWithoutSuffixes',
  'NoUTF8EscapingWithSuffixes',
  'NoTranslation',
] as const;

const labelName = s.string({
  check: (name) =>
    /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && !name.startsWith('__') ? undefined : 'is not a label name',
});

export const config = s.object({
  ...httpServerFields,
  path: s.withDefault(
    s.string({ check: (path) => (/^\/[^?#\s]*$/.test(path) ? undefined : 'must begin with / and hold no ? or #') }),
    '/metrics',
    'Where the page is.',
  ),
  exact_path: s.withDefault(s.bool(), false, 'Answer 404 when the path has a query behind it.'),
  methods: s.withDefault(
    s.list(s.oneOf('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'), { min: 1 }),
    ['GET', 'HEAD'],
    'Which get the page; others are answered with 405.',
  ),
  namespace: s.withDefault(
    s.string({ check: (name) => (/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/.test(name) ? undefined : 'is not a metric name') }),
    '',
    'Put before each name, with `_`.',
  ),
  const_labels: s.optional(
    s.mapOf(s.string(), labelName),
    'Labels for every series; one that a series has itself wins.',
  ),
  send_timestamps: s.withDefault(s.bool(), false, 'Write the time of each sample.'),
  metric_expiration: s.withDefault(
    s.duration({ min: 1 }),
    '5m',
    'How long a series is shown that is not reported again. One that is reported as ended leaves at once.',
  ),
  wait_for_metrics: s.withDefault(
    s.duration(),
    '0s',
    'How long a request that comes before the first metrics waits for them, in place of an empty page.',
  ),
  idle_exit: s.withDefault(
    s.duration(),
    '0s',
    'End the agent, with exit code 0, when the page was not asked for this long; `0s`: never. For socket activation, which starts it again.',
  ),
  enable_open_metrics: s.withDefault(s.bool(), false, 'Write OpenMetrics for readers that ask for it.'),
  resource_to_telemetry_conversion: s.optional(
    s.object({
      enabled: s.withDefault(s.bool(), false, "The resource's attributes become labels."),
      exclude_service_attributes: s.withDefault(
        s.bool(),
        false,
        'But for service.name, service.namespace and service.instance.id.',
      ),
    }),
    '',
  ),
  add_metric_suffixes: s.withDefault(
    s.bool(),
    false,
    "Add unit and type to names. The Collector's default is true; here names stay as they came.",
  ),
  translation_strategy: s.optional(
    s.oneOf(...STRATEGIES),
    'How names are changed; add_metric_suffixes has no say then.',
  ),
  without_scope_info: s.withDefault(s.bool(), false, 'Accepted; there is no scope information to leave out.'),
  sending_queue: s.optional(
    s.anything('map'),
    'Accepted; the page is always the newest state, so nothing waits to be sent.',
  ),
});

export type Config = s.Infer<typeof config>;
