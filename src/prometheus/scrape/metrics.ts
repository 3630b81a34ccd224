import type { Counter, Meter } from '#component';
import type { ScrapeError } from './labels.ts';
import type { Refused } from './timestamps.ts';

export interface TargetCounts {
  active: number;
  down: number;
  dropped: number;
  /** Milliseconds since all that was discovered was last known to hold; undefined where nobody is asked. */
  stale: number | undefined;
}

/** The receiver's own metrics, under Prometheus' names where it has them. */
export interface ScrapeMetrics {
  /** A scrape failed. */
  failed(job: string, error: unknown): void;
  /** Samples and exemplars that arrived in a page and may not pass. */
  refused(refused: Refused): void;
  /** Samples handed on. */
  scraped(job: string, samples: number): void;
  /** Moments at which a target was due while its last scrape was still being taken. */
  skipped(job: string, scrapes: number): void;
  targetLimit: Counter;
  syncFailed(job: string): Counter;
  /** Classic histograms that were to be converted and could not. */
  unconverted(job: string): Counter;
  /** Registers what is read when somebody asks. */
  targets(job: string, read: () => TargetCounts): void;
}

export function scrapeMetrics(meter: Meter): ScrapeMetrics {
  const scrapes = 'prometheus_target_scrapes';
  const limits: Record<ScrapeError['reason'], Counter | undefined> = {
    body_size_limit: meter.counter(`${scrapes}_exceeded_body_size_limit_total`, {
      help: 'Scrapes whose page was larger than body_size_limit.',
    }),
    sample_limit: meter.counter(`${scrapes}_exceeded_sample_limit_total`, {
      help: 'Scrapes rejected because of sample_limit.',
    }),
    bucket_limit: meter.counter(`${scrapes}_exceeded_native_histogram_bucket_limit_total`, {
      help: 'Scrapes rejected because of native_histogram_bucket_limit.',
    }),
    label_limit: meter.counter('prometheus_target_scrape_pool_exceeded_label_limits_total', {
      help: 'Scrapes rejected because of label_limit, label_name_length_limit or label_value_length_limit.',
    }),
    invalid: undefined,
  };
  const duplicate = meter.counter(`${scrapes}_sample_duplicate_timestamp_total`, {
    help: 'Samples dropped because their series already had one with that timestamp.',
  });
  const outOfOrder = meter.counter(`${scrapes}_sample_out_of_order_total`, {
    help: 'Samples dropped because they were older than the last of their series.',
  });
  const outOfBounds = meter.counter(`${scrapes}_sample_out_of_bounds_total`, {
    help: 'Samples dropped because their timestamp was more than 10 minutes ahead.',
  });
  const longExemplars = meter.counter('dnscol_prometheus_long_exemplars_dropped_total', {
    help: 'Exemplars dropped because their labels had more than 128 characters together.',
  });
  const perJob = (name: string, help: string) =>
    remembered((job) => meter.counter(name, { help, attributes: { scrape_job: job } }));
  const failures = perJob('dnscol_prometheus_scrapes_failed_total', 'Scrapes that failed, so that up is 0.');
  const skips = perJob(
    'dnscol_prometheus_scrapes_skipped_total',
    'Scrapes left out because the samples of the one before were still being taken.',
  );
  const points = remembered((job) =>
    meter.counter('otelcol_scraper_scraped_metric_points', {
      help: 'Samples that scrapes gave.',
      unit: '{datapoints}',
      attributes: { scraper: job },
    }),
  );
  return {
    failed(job, error) {
      failures(job).add(1);
      const reason = (error as Partial<ScrapeError> | undefined)?.reason;
      if (reason) limits[reason]?.add(1);
    },
    refused(refused) {
      if (refused.duplicate) duplicate.add(refused.duplicate);
      if (refused.outOfOrder) outOfOrder.add(refused.outOfOrder);
      if (refused.outOfBounds) outOfBounds.add(refused.outOfBounds);
      if (refused.longExemplars) longExemplars.add(refused.longExemplars);
    },
    scraped: (job, samples) => points(job).add(samples),
    skipped: (job, count) => skips(job).add(count),
    targetLimit: meter.counter('prometheus_target_scrape_pool_exceeded_target_limit_total', {
      help: 'Times that a job had more targets than target_limit.',
    }),
    syncFailed: perJob('prometheus_target_sync_failed_total', 'Discovered targets that cannot be scraped.'),
    unconverted: perJob(
      'dnscol_prometheus_histograms_not_converted_total',
      'Classic histograms left out because their numbers contradict each other, so that they cannot be converted.',
    ),
    targets(job, read) {
      const attributes = { scrape_job: job };
      const gauge = (name: string, help: string, value: () => number | undefined) =>
        meter.gauge(name, value, { help, attributes });
      gauge('prometheus_target_scrape_pool_targets', 'Targets of the job.', () => read().active);
      gauge('dnscol_prometheus_targets_down', 'Targets of the job whose last scrape failed.', () => read().down);
      gauge('dnscol_prometheus_targets_dropped', 'Targets that relabelling dropped.', () => read().dropped);
      gauge(
        'dnscol_prometheus_discovery_stale_seconds',
        'How long those who are asked for targets have not answered; 0 while they do.',
        () => seconds(read().stale),
      );
    },
  };
}

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);

function remembered(make: (job: string) => Counter): (job: string) => Counter {
  const made = new Map<string, Counter>();
  return (job) => {
    const known = made.get(job) ?? make(job);
    made.set(job, known);
    return known;
  };
}
