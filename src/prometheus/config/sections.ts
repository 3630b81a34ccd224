import * as s from '#config';
import { apart, laxString } from './lax.ts';
import { resolveScrape, SCRAPE_RULES, type ScrapeConfig } from './resolve.ts';
import { type GlobalConfig, globalConfig, scrapeConfig, type WrittenScrape } from './scrape.ts';

/** What the scrape part of a Prometheus configuration comes to. */
export interface PrometheusConfig {
  readonly global: GlobalConfig;
  readonly scrapes: readonly ScrapeConfig[];
  /** Paths and patterns of more scrape configurations. */
  readonly scrapeFiles: readonly string[];
}

const pattern = laxString({
  check: (path) => (/^[^*]*(\*[^/]*)?$/.test(path) ? undefined : 'may have * only in its last part'),
});

const written = s.object({
  global: s.withDefault(globalConfig, {}, 'What holds for all scrape configurations.'),
  scrape_configs: s.withDefault(s.list(scrapeConfig), [], 'What to scrape, and how.'),
  scrape_config_files: s.withDefault(
    s.list(pattern),
    [],
    'Files with more `scrape_configs`; `*` may stand in the last part of a path. They are read when the configuration is, and when the receiver starts.',
  ),
});

/** The top sections of a Prometheus configuration, as the Collector's prometheus receiver takes them under `config`. */
export const prometheusSections: s.Schema<PrometheusConfig> = apart(
  s.transform(
    s.check(written, (value, complain) => checkAll(value.scrape_configs, value.global, new Set(), complain)),
    ({ global, scrape_configs, scrape_config_files }) => ({
      global,
      scrapes: scrape_configs.map((scrape) => resolveScrape(scrape, global)),
      scrapeFiles: scrape_config_files,
    }),
  ),
  otherSection,
);

/** A file of `scrape_config_files`: nothing but scrape configurations. */
export const scrapeConfigFile = s.object({
  scrape_configs: s.withDefault(s.list(scrapeConfig), [], 'Scrape configurations.'),
});

/** Complains of jobs that were named before, and of what does not fit `global`. `jobs` gains their names. */
export function checkAll(
  scrapes: readonly WrittenScrape[],
  global: GlobalConfig,
  jobs: Set<string>,
  complain: (inner: string, message: string) => void,
): void {
  for (const i of scrapes.keys()) {
    const at = `scrape_configs[${i}]`;
    s.whereRead(() => {
      const name = scrapes[i]!.job_name;
      if (jobs.has(name)) {
        complain(`${at}.job_name`, `${JSON.stringify(name)} is another scrape configuration's job_name`);
      }
      jobs.add(name);
    });
    for (const rule of SCRAPE_RULES) {
      s.whereRead(() => rule(scrapes[i]!, global, (inner, message) => complain(`${at}.${inner}`, message)));
    }
  }
}

function otherSection(key: string): { refuse?: string; warn?: string } | undefined {
  switch (key) {
    case 'alerting':
    case 'rule_files':
      return { refuse: 'is not for a receiver: rules and alerts belong to Prometheus itself' };
    case 'remote_write':
      return { refuse: 'is not for a receiver: use a prometheusremotewrite exporter' };
    case 'remote_read':
      return { refuse: 'is not for a receiver: there is nothing here to read' };
    case 'storage':
    case 'tracing':
    case 'otlp':
    case 'runtime':
      return { warn: 'has no effect: it belongs to the Prometheus server' };
  }
  return undefined;
}
