/** The scrape part of a Prometheus configuration: `global` and `scrape_configs` (prometheus/config/config.go, 3.x). */
import * as s from '#config';
import { writtenGroup } from '../discovery/groups.ts';
import { type RelabelConfig, relabelConfigsSchema } from '../relabel/relabel.ts';
import { discoveryFields, otherDiscovery } from './discoveries.ts';
import { httpClientFields, httpClientRules } from './http-client.ts';
import { apart, given, laxBool, laxString, limit, promBytes, promDuration } from './lax.ts';
import { escapingScheme, protocol, protocols, validationScheme } from './protocols.ts';

/** Limits that `global` sets for all and a scrape configuration for itself; 0 leaves it to `global`, and there to nobody. */
const limits = {
  body_size_limit: s.optional(promBytes(), 'The largest page to take, unpacked; more fails the scrape. 0: no limit.'),
  sample_limit: s.withDefault(
    limit(),
    0,
    'The most samples after relabelling; more fails the scrape. 0: 200,000 on a page, or no limit where `body_size_limit` is set.',
  ),
  target_limit: s.withDefault(limit(), 0, 'The most targets of a job; with more, all its scrapes fail. 0: no limit.'),
  label_limit: s.withDefault(limit(), 0, 'The most labels of a series; more fails the scrape. 0: no limit.'),
  label_name_length_limit: s.withDefault(
    limit(),
    0,
    'The longest label name, in bytes; more fails the scrape. 0: no limit.',
  ),
  label_value_length_limit: s.withDefault(
    limit(),
    0,
    'The longest label value, in bytes; more fails the scrape. 0: no limit.',
  ),
  keep_dropped_targets: s.withDefault(limit(), 0, 'Accepted; targets that relabelling drops are counted, not kept.'),
} as const satisfies s.Fields;

const names = {
  metric_name_validation_scheme: s.optional(
    validationScheme,
    '`utf8` or `legacy`: which names are valid. Default `utf8`.',
  ),
  metric_name_escaping_scheme: s.optional(
    escapingScheme,
    'What to ask targets to do with other names: `allow-utf-8`, `underscores`, `dots`, `values`.',
  ),
} as const satisfies s.Fields;

const nativeHistograms = {
  scrape_native_histograms: s.optional(
    laxBool(),
    'Take native histograms: ask for protobuf first, unless `scrape_protocols` says otherwise. Default false.',
  ),
  convert_classic_histograms_to_nhcb: s.optional(
    laxBool(),
    'Make classic histograms native ones with custom buckets. Default false.',
  ),
  always_scrape_classic_histograms: s.optional(laxBool(), 'Keep the classic form beside a native one. Default false.'),
} as const satisfies s.Fields;

const labelName = s.string({ typeName: 'label name', nonEmpty: true });

const globalFields = s.object({
  scrape_interval: s.withDefault(promDuration(), '1m', 'How often to scrape.'),
  scrape_timeout: s.optional(promDuration(), 'When to give a scrape up; default 10s, or the interval if that is less.'),
  scrape_protocols: s.optional(protocols, 'Formats to ask for, the preferred one first.'),
  external_labels: s.withDefault(s.mapOf(laxString(), labelName), {}, 'Labels to put on every sample.'),
  extra_scrape_metrics: s.withDefault(
    laxBool(),
    false,
    'Add `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes`.',
  ),
  ...limits,
  ...names,
  ...nativeHistograms,
  evaluation_interval: s.optional(promDuration(), 'Accepted; there are no rules here.'),
  rule_query_offset: s.optional(promDuration(), 'Accepted; there are no rules here.'),
  query_log_file: s.optional(laxString(), 'Accepted; there are no queries here.'),
  scrape_failure_log_file: s.optional(laxString(), "Accepted; failures are in the agent's log."),
});

export type GlobalConfig = s.Infer<typeof globalFields>;

export const globalConfig: s.Schema<GlobalConfig> = s.check(globalFields, (global, complain) => {
  const interval = global.scrape_interval || DEFAULT_INTERVAL;
  if ((global.scrape_timeout ?? 0) > interval) complain('scrape_timeout', 'is greater than scrape_interval');
});

export const DEFAULT_INTERVAL = 60_000;
export const DEFAULT_TIMEOUT = 10_000;

const SD_FILE = /^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$/;

const fileSdConfig = given(
  s.object({
    files: s.required(
      s.list(
        laxString({
          check: (path) =>
            SD_FILE.test(path) ? undefined : 'must end in .json, .yml or .yaml, with * only in its last part',
        }),
        { min: 1 },
      ),
      'Files of target groups; `*` may stand in the last part of a path.',
    ),
    refresh_interval: s.withDefault(promDuration(), '5m', 'How often to read them again, besides when they change.'),
  }),
  'file_sd configuration',
);
export type FileSdConfig = s.Infer<typeof fileSdConfig>;

const path = laxString({ nonEmpty: true });

const scrapeFields = s.object({
  job_name: s.required(laxString({ nonEmpty: true }), 'The `job` label of its targets; no two alike.'),
  scrape_interval: s.optional(promDuration(), "How often to scrape; default `global`'s."),
  scrape_timeout: s.optional(
    promDuration(),
    "When to give a scrape up; default `global`'s, or the interval if that is less.",
  ),
  metrics_path: s.withDefault(path, '/metrics', 'The path of the page.'),
  scheme: s.withDefault(s.oneOf('http', 'https'), 'http', 'The scheme.'),
  params: s.withDefault(s.mapOf(s.list(laxString())), {}, 'URL parameters, each a list of values.'),
  honor_labels: s.withDefault(
    laxBool(),
    false,
    "Keep a series' own label, an empty one as none, where the target has one of that name; else it becomes `exported_<name>`.",
  ),
  honor_timestamps: s.withDefault(laxBool(), true, 'Keep the timestamps that the page gives.'),
  track_timestamps_staleness: s.withDefault(
    laxBool(),
    false,
    'Mark series with timestamps stale, too, when they vanish.',
  ),
  enable_compression: s.withDefault(laxBool(), true, 'Ask for gzip, which is taken in any case.'),
  scrape_protocols: s.optional(protocols, "Formats to ask for, the preferred one first; default `global`'s."),
  fallback_scrape_protocol: s.withDefault(
    protocol,
    'PrometheusText0.0.4',
    'What a page without a usable Content-Type is.',
  ),
  extra_scrape_metrics: s.optional(laxBool(), "As in `global`; default `global`'s."),
  static_configs: s.withDefault(s.list(writtenGroup), [], 'Targets.'),
  file_sd_configs: s.withDefault(s.list(fileSdConfig), [], 'Targets in files that may change.'),
  ...discoveryFields,
  relabel_configs: s.withDefault(
    relabelConfigsSchema,
    [],
    "Rules that choose targets and change their labels, Prometheus' relabel_config.",
  ),
  metric_relabel_configs: s.withDefault(relabelConfigsSchema, [], 'Rules that choose series and change their labels.'),
  ...httpClientFields,
  ...limits,
  ...names,
  ...nativeHistograms,
  scrape_classic_histograms: s.optional(laxBool(), "Prometheus 2's name of `always_scrape_classic_histograms`."),
  native_histogram_bucket_limit: s.withDefault(
    limit(),
    0,
    'The most buckets of a native histogram: one with more is made coarser; where it cannot be, the scrape fails. 0: no limit.',
  ),
  native_histogram_min_bucket_factor: s.withDefault(
    s.float(),
    0,
    'Make native histograms so coarse that each bucket is wider than the one before by this factor at least. 0: as they are.',
  ),
  scrape_failure_log_file: s.optional(laxString(), "Accepted; failures are in the agent's log."),
});

/** A scrape configuration as it was written; `resolveScrape` fills in what `global` says. */
export type WrittenScrape = s.Infer<typeof scrapeFields>;

export const scrapeConfig: s.Schema<WrittenScrape> = given(
  apart(
    s.check(scrapeFields, ...httpClientRules, (scrape, complain) => {
      // Relabelling may make an address of anything, so only what no rule can touch is checked.
      if (scrape.relabel_configs.length > 0) return;
      scrape.static_configs.forEach((group, g) => {
        group.targets.forEach((address, t) => {
          if (!address.includes('/')) return;
          complain(`static_configs[${g}].targets[${t}]`, `must be host or host:port, not ${JSON.stringify(address)}`);
        });
      });
    }),
    otherDiscovery,
  ),
  'scrape configuration',
);

export type { RelabelConfig };
