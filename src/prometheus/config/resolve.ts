import { type TargetGroup, toGroup } from '../discovery/groups.ts';
import type { ScrapeProtocol } from '../exposition/exposition.ts';
import { checkRelabelNames, type NameValidationScheme } from '../relabel/relabel.ts';
import type { DnsSdConfig, HttpSdConfig } from './discoveries.ts';
import type { HttpClientConfig } from './http-client.ts';
import type { KubernetesSdConfig } from './kubernetes-sd.ts';
import type { EscapingScheme } from './protocols.ts';
import {
  DEFAULT_INTERVAL,
  DEFAULT_TIMEOUT,
  type FileSdConfig,
  type GlobalConfig,
  type RelabelConfig,
  type WrittenScrape,
} from './scrape.ts';

/** How to scrape the targets of one job: a scrape configuration with everything that `global` adds. Times in milliseconds. */
export interface ScrapeConfig {
  readonly job: string;
  readonly interval: number;
  readonly timeout: number;
  readonly metricsPath: string;
  readonly scheme: 'http' | 'https';
  readonly params: ReadonlyMap<string, readonly string[]>;
  readonly honorLabels: boolean;
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  readonly compression: boolean;
  /** Never empty. Undefined: what goes with the forms in which a target's histograms are wanted. */
  readonly protocols: readonly ScrapeProtocol[] | undefined;
  readonly fallbackProtocol: ScrapeProtocol | undefined;
  readonly escaping: EscapingScheme;
  readonly validation: NameValidationScheme;
  readonly extraMetrics: boolean;
  readonly limits: ScrapeLimits;
  readonly nativeLabels: NativeLabels;
  readonly groups: readonly TargetGroup[];
  readonly files: readonly FileSdConfig[];
  readonly dnsSd: readonly DnsSdConfig[];
  readonly httpSd: readonly HttpSdConfig[];
  readonly kubernetesSd: readonly KubernetesSdConfig[];
  readonly relabel: readonly RelabelConfig[];
  readonly metricRelabel: readonly RelabelConfig[];
  readonly http: HttpClientConfig;
}

/** 0: none. */
export interface ScrapeLimits {
  /** Bytes; undefined where nothing was said, which is not the same as 0. */
  readonly bodySize: number | undefined;
  readonly samples: number;
  readonly targets: number;
  readonly labels: number;
  readonly labelName: number;
  readonly labelValue: number;
  /** Buckets of a native histogram. */
  readonly buckets: number;
  /** By how much each bucket of a native histogram is at least wider than the one before. */
  readonly bucketFactor: number;
}

/** What targets carry as `__…__` labels about histograms, so that rules may change it for each. */
export interface NativeLabels {
  readonly convert: boolean;
  readonly classic: boolean;
  readonly native: boolean;
}

type Complain = (inner: string, message: string) => void;

/** What has to fit together, within a scrape configuration and with `global`. */
export const SCRAPE_RULES: readonly ((scrape: WrittenScrape, global: GlobalConfig, complain: Complain) => void)[] = [
  (scrape, global, complain) => {
    const { interval, timeout } = resolveTimes(scrape, global);
    if (timeout > interval) complain('scrape_timeout', 'is greater than scrape_interval');
  },
  (scrape, global, complain) => {
    const { validation, escaping } = resolveNames(scrape, global);
    if (escaping === 'allow-utf-8' && validation === 'legacy') {
      complain(
        'metric_name_escaping_scheme',
        'asks for UTF-8 names, which metric_name_validation_scheme legacy refuses',
      );
    }
    for (const rules of ['relabel_configs', 'metric_relabel_configs'] as const) {
      checkRelabelNames(scrape[rules], validation, (inner, message) => complain(`${rules}${inner}`, message));
    }
  },
];

function resolveTimes(scrape: WrittenScrape, global: GlobalConfig) {
  const interval = scrape.scrape_interval || global.scrape_interval || DEFAULT_INTERVAL;
  const inherited = global.scrape_timeout || Math.min(DEFAULT_TIMEOUT, global.scrape_interval || DEFAULT_INTERVAL);
  return { interval, timeout: scrape.scrape_timeout || Math.min(inherited, interval) };
}

/** `scrape` completed from `global`, the rules being kept. */
export function resolveScrape(scrape: WrittenScrape, global: GlobalConfig): ScrapeConfig {
  const { interval, timeout } = resolveTimes(scrape, global);
  const { validation, escaping } = resolveNames(scrape, global);
  return {
    job: scrape.job_name,
    interval,
    timeout,
    metricsPath: scrape.metrics_path,
    scheme: scrape.scheme,
    params: scrape.params,
    honorLabels: scrape.honor_labels,
    honorTimestamps: scrape.honor_timestamps,
    trackTimestampsStaleness: scrape.track_timestamps_staleness,
    compression: scrape.enable_compression,
    protocols: scrape.scrape_protocols ?? global.scrape_protocols,
    fallbackProtocol: scrape.fallback_scrape_protocol,
    escaping,
    validation,
    extraMetrics: scrape.extra_scrape_metrics ?? global.extra_scrape_metrics,
    limits: resolveLimits(scrape, global),
    nativeLabels: {
      convert: scrape.convert_classic_histograms_to_nhcb ?? global.convert_classic_histograms_to_nhcb ?? false,
      classic:
        scrape.always_scrape_classic_histograms ??
        scrape.scrape_classic_histograms ??
        global.always_scrape_classic_histograms ??
        false,
      native: scrape.scrape_native_histograms ?? global.scrape_native_histograms ?? false,
    },
    groups: scrape.static_configs.map((group, i) => toGroup(group, `static_configs[${i}]`)),
    files: scrape.file_sd_configs,
    dnsSd: scrape.dns_sd_configs,
    httpSd: scrape.http_sd_configs,
    kubernetesSd: scrape.kubernetes_sd_configs,
    relabel: scrape.relabel_configs,
    metricRelabel: scrape.metric_relabel_configs,
    http: scrape,
  };
}

function resolveLimits(scrape: WrittenScrape, global: GlobalConfig): ScrapeLimits {
  return {
    bodySize: scrape.body_size_limit ?? global.body_size_limit,
    samples: scrape.sample_limit || global.sample_limit,
    targets: scrape.target_limit || global.target_limit,
    labels: scrape.label_limit || global.label_limit,
    labelName: scrape.label_name_length_limit || global.label_name_length_limit,
    labelValue: scrape.label_value_length_limit || global.label_value_length_limit,
    buckets: scrape.native_histogram_bucket_limit,
    bucketFactor: scrape.native_histogram_min_bucket_factor,
  };
}

/**
 * A scrape configuration that sets only its validation scheme takes the escaping that goes with it, and not global's: a
 * local `legacy` would contradict an inherited `allow-utf-8`.
 */
function resolveNames(scrape: WrittenScrape, global: GlobalConfig) {
  const fitting = (scheme: NameValidationScheme): EscapingScheme =>
    scheme === 'legacy' ? 'underscores' : 'allow-utf-8';
  const globalValidation = global.metric_name_validation_scheme ?? 'utf8';
  const validation = scrape.metric_name_validation_scheme ?? globalValidation;
  const inherited = scrape.metric_name_validation_scheme
    ? fitting(validation)
    : (global.metric_name_escaping_scheme ?? fitting(globalValidation));
  return { validation, escaping: scrape.metric_name_escaping_scheme ?? inherited };
}
