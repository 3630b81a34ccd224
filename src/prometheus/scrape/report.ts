import type { MetricDeclaration } from '#component';
import {
  type Labels,
  labelMap,
  METRIC_NAME,
  makeFamily,
  makeSeries,
  makeSet,
  type Resource,
  type Snapshot,
  sortedLabels,
  staleValues,
} from '#metrics';

/** How one scrape went. */
export interface ScrapeOutcome {
  up: boolean;
  /** Milliseconds. */
  duration: number;
  /** Samples on the page. */
  scraped: number;
  /** Samples that relabelling left. */
  kept: number;
  /** Series that the last good scrape did not have. */
  added: number;
  /** Bytes of the page, unpacked; -1 when it was larger than allowed, 0 when there was none. */
  bodySize: number;
}

const gauge = (name: string, help: string): MetricDeclaration => ({ name, type: 'gauge', help });

/** What Prometheus adds to every target's series. */
export const REPORT_METRICS: readonly MetricDeclaration[] = [
  gauge('up', 'Whether the last scrape of the target succeeded: 1 or 0.'),
  gauge('scrape_duration_seconds', 'How long the last scrape took.'),
  gauge('scrape_samples_scraped', 'Samples on the page.'),
  gauge('scrape_samples_post_metric_relabeling', 'Samples that metric_relabel_configs left.'),
  gauge('scrape_series_added', 'Series that the scrape before did not have.'),
];

/** What it adds with extra_scrape_metrics. */
export const EXTRA_METRICS: readonly MetricDeclaration[] = [
  gauge('scrape_timeout_seconds', 'The time that a scrape of the target may take.'),
  gauge('scrape_sample_limit', 'The sample limit of the target; 0 for none.'),
  gauge('scrape_body_size_bytes', 'Size of the last page, unpacked; -1 when it was larger than body_size_limit.'),
];

export interface Report {
  snapshot(outcome: ScrapeOutcome, time: number): Snapshot;
  stale(time: number): Snapshot;
}

const families = [...REPORT_METRICS, ...EXTRA_METRICS].map(({ name, help }) => makeFamily(name, 'gauge', help));

/** The report series of one target. Their set is built once. */
export function makeReport(
  labels: Labels,
  externalLabels: ReadonlyMap<string, string>,
  extra?: { timeout: number; sampleLimit: number },
  resource?: Resource,
): Report {
  const count = extra ? families.length : REPORT_METRICS.length;
  const common = new Map([...labelMap(labels), ...externalLabels]);
  const set = makeSet(
    families
      .slice(0, count)
      .map((family) => makeSeries(family, sortedLabels(new Map([...common, [METRIC_NAME, family.name]])))),
    resource,
  );
  return {
    snapshot({ up, duration, scraped, kept, added, bodySize }, time) {
      const values = [up ? 1 : 0, duration / 1000, scraped, kept, added];
      if (extra) values.push(extra.timeout / 1000, extra.sampleLimit, bodySize);
      return { set, values: Float64Array.from(values), time };
    },
    stale: (time) => ({ set, values: staleValues(count), time }),
  };
}
