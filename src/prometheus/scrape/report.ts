import type { MetricDeclaration } from '#component';
import {
  type Family,
  type Labels,
  labelsOf,
  METRIC_NAME,
  makeFamily,
  makeJoinedSeries,
  makeSet,
  type Resource,
  type SeriesSet,
  type Snapshot,
  staleValues,
} from '#metrics';
import { withExternal } from './naming.ts';

/** How one scrape went. */
export interface ScrapeOutcome {
  up: boolean;
  /** Milliseconds. */
  duration: number;
  /** Samples on the page, or in front of its fault. */
  scraped: number;
  /** Samples that relabelling left. */
  kept: number;
  /** Series that neither the last good scrape had nor the last one that failed since. */
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

interface ReportFamily {
  readonly family: Family;
  /** What a report series has besides what all series of its target have. */
  readonly own: Labels;
}

const families: readonly ReportFamily[] = [...REPORT_METRICS, ...EXTRA_METRICS].map(({ name, help }) => ({
  family: makeFamily(name, 'gauge', help),
  own: labelsOf({ [METRIC_NAME]: name }),
}));

/** The report series of one target. Their set is built once. */
export function makeReport(
  labels: Labels,
  externalLabels: ReadonlyMap<string, string>,
  extra?: { timeout: number; sampleLimit: number },
  resource?: Resource,
): Report {
  const count = extra ? families.length : REPORT_METRICS.length;
  const common = withExternal(labels, externalLabels);
  const series = families.slice(0, count).map(({ family, own }) => makeJoinedSeries(family, own, common));
  return new TargetReport(makeSet(series, resource), extra);
}

class TargetReport implements Report {
  readonly #set: SeriesSet;
  readonly #extra: { timeout: number; sampleLimit: number } | undefined;

  constructor(set: SeriesSet, extra: { timeout: number; sampleLimit: number } | undefined) {
    this.#set = set;
    this.#extra = extra;
  }

  snapshot({ up, duration, scraped, kept, added, bodySize }: ScrapeOutcome, time: number): Snapshot {
    const values = [up ? 1 : 0, duration / 1000, scraped, kept, added];
    if (this.#extra) values.push(this.#extra.timeout / 1000, this.#extra.sampleLimit, bodySize);
    return { set: this.#set, values: Float64Array.from(values), time };
  }

  stale(time: number): Snapshot {
    return { set: this.#set, values: staleValues(this.#set.series.length), time };
  }
}
