import { hostname } from 'node:os';
import { type Consumer, type Host, type Receiver, receiver } from '#component';
import {
  createDiscover,
  EXTRA_METRICS,
  Heritage,
  Job,
  REPORT_METRICS,
  readScrapeFiles,
  type Shown,
  scrapeMetrics,
} from '#prometheus';
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
  let heritage: Heritage | undefined;
  let left: Shown[] | undefined;
  return {
    async start() {
      const seed = JSON.stringify([hostname(), ...externalLabels]);
      const metrics = scrapeMetrics(host.meter);
      const configs = [...scrapes, ...readScrapeFiles(options.config)];
      if (configs.length === 0) host.log.warn('there is nothing to scrape: config has no scrape_configs');
      const initialOffset = options.initial_scrape_offset ?? 0;
      const discover = createDiscover(host);
      const { clock, log } = host;
      heritage = new Heritage((host.inherited() as Shown[]) ?? [], { clock, log, next, externalLabels });
      const shared = { discover, host, next, metrics, externalLabels, seed, initialOffset, heritage };
      jobs = configs.map((config) => new Job({ config, ...shared }));
      await Promise.all(jobs.map((job) => job.start()));
      heritage.start();
      host.report('ok');
    },
    async stop(signal = new AbortController().signal) {
      await Promise.all(jobs.map((job) => job.stop(signal, options.scrape_on_shutdown)));
      left = [...jobs.flatMap((job) => job.left()), ...(heritage?.stop() ?? [])];
      jobs = [];
    },
    legacy: () => left,
  };
}
