import { hostname } from 'node:os';
import { type Consumer, type Host, type Receiver, receiver } from '#component';
import { createDiscover, EXTRA_METRICS, Job, REPORT_METRICS, readScrapeFiles, scrapeMetrics } from '#prometheus';
import { type ReceiverConfig, receiverConfig } from './config.ts';

/** Scrapes what speaks a Prometheus text format, as Prometheus does. */
export default receiver<ReceiverConfig>({
  type: 'prometheus',
  summary: 'Scrapes Prometheus and OpenMetrics pages, with discovery by file, DNS, HTTP and Kubernetes.',
  stability: 'beta',
  transport: 'http',
  config: receiverConfig,
  metrics: [...REPORT_METRICS, ...EXTRA_METRICS],
  create: createPrometheusReceiver,
});

function createPrometheusReceiver(options: ReceiverConfig, host: Host, next: Consumer): Receiver {
  const { global, scrapes } = options.config;
  const externalLabels = global.external_labels;
  let jobs: Job[] = [];
  return {
    async start() {
      const seed = JSON.stringify([hostname(), ...externalLabels]);
      const metrics = scrapeMetrics(host.meter);
      const configs = [...scrapes, ...readScrapeFiles(options.config)];
      if (configs.length === 0) host.log.warn('there is nothing to scrape: config has no scrape_configs');
      const initialOffset = options.initial_scrape_offset ?? 0;
      const discover = createDiscover(host);
      jobs = configs.map(
        (config) => new Job({ config, discover, host, next, metrics, externalLabels, seed, initialOffset }),
      );
      await Promise.all(jobs.map((job) => job.start()));
      host.report('ok');
    },
    async stop(signal = new AbortController().signal) {
      await Promise.all(jobs.map((job) => job.stop(signal, options.scrape_on_shutdown)));
      jobs = [];
    },
  };
}
