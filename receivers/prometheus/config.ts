import * as s from '#config';
import { type PrometheusConfig, promDuration, prometheusConfig } from '#prometheus';

/** Keys that the Collector's receiver has for what dnscol does not do. */
const apiServer = s.check(
  s.object({
    enabled: s.withDefault(s.bool(), false, 'Only false is supported.'),
    server_config: s.optional(s.anything('map'), 'Accepted while `enabled` is false.'),
  }),
  (value, complain) => {
    if (value.enabled) complain('enabled', 'is not supported: dnscol has no copy of the Prometheus API');
  },
);

const onlyFalse = (why: string): s.Schema<boolean> =>
  s.check(s.bool(), (value, complain) => {
    if (value) complain('', why);
  });

const targetAllocator: s.Schema<undefined> = {
  typeName: 'map',
  read(node, path, report) {
    if (node.kind === 'scalar' && node.value === null) return undefined;
    report.issue(path, 'is not supported: dnscol runs on every node and takes its targets from config', node.place);
    return s.INVALID;
  },
  json: () => ({ type: 'null' }),
};

export const receiverConfig = s.object({
  config: s.required(prometheusConfig as s.Schema<PrometheusConfig>, 'The scrape part of a Prometheus configuration.'),
  scrape_on_shutdown: s.withDefault(s.bool(), false, 'Scrape every target once more when the agent stops.'),
  initial_scrape_offset: s.optional(promDuration(), 'Time to wait before the first scrapes, besides their spread.'),
  discovery_reload_on_startup: s.optional(s.bool(), 'Accepted; targets are always scraped as soon as they are found.'),
  trim_metric_suffixes: s.withDefault(
    onlyFalse('is not supported: series keep the names that their targets give them'),
    false,
    'Only false is supported.',
  ),
  api_server: s.optional(apiServer, 'Only disabled.'),
  target_allocator: s.optional(targetAllocator, 'Not supported.'),
});
export type ReceiverConfig = s.Infer<typeof receiverConfig>;
