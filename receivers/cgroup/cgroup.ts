import { receiver } from '#component';
import { bool, didYouMean, list, mapOf, object, string, withDefault } from '#config';
import { collecting, collectionFields, rootPathField } from '#kit';
import { createRoot } from '#linux';
import { CgroupCollector } from './collector.ts';
import { ALL_METRICS, COMMON_LABELS } from './metrics.ts';

const pattern = string({ nonEmpty: true });

const names = ALL_METRICS.map((metric) => metric.name);
const metricName = string({
  check: (name) => (names.includes(name) ? undefined : `is not a metric of this receiver${didYouMean(name, names)}`),
});
const toggle = object({ enabled: withDefault(bool(), true, 'Whether to make this metric.') });
const toggles = {
  ...mapOf(toggle, metricName),
  json: () => ({
    type: ['object', 'null'],
    properties: Object.fromEntries(
      ALL_METRICS.map(({ name, help }) => [name, { ...toggle.json(), description: help }]),
    ),
    additionalProperties: false,
  }),
};

const config = object({
  ...collectionFields,
  root_path: rootPathField,
  cgroups: withDefault(
    list(pattern, { min: 1 }),
    ['/', '/*'],
    'Paths below the root of the cgroups. `*` and `?` match within one step, `**` any number of steps.',
  ),
  exclude: withDefault(list(pattern), [], 'Paths, written the same way, that are left out.'),
  metrics: withDefault(toggles, {}, 'By metric name: `{enabled: false}` leaves one out, `{enabled: true}` adds one.'),
});

export default receiver({
  type: 'cgroup',
  summary: "CPU, memory, pids, pressure and io of control groups, from the kernel's files (v1 and v2)",
  stability: 'beta',
  config,
  metrics: ALL_METRICS.map(({ name, type, help, labels }) => ({
    name,
    type,
    help,
    labels: [...COMMON_LABELS, ...labels],
  })),
  create(options, host, next) {
    const isEnabled = new Map(
      ALL_METRICS.map((metric) => [metric, options.metrics.get(metric.name)?.enabled ?? metric.enabled]),
    );
    const collector = new CgroupCollector(createRoot(options.root_path), host, {
      cgroups: options.cgroups,
      exclude: options.exclude,
      isEnabled: (metric) => isEnabled.get(metric) === true,
    });
    const rounds = collecting(options, host, next, 'cgroups', (signal) => collector.collect(signal));
    return {
      async start() {
        rounds.start();
      },
      stop: () => rounds.stop(),
    };
  },
});
