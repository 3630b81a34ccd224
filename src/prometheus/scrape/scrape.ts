/** The scrape engine: finds the targets of a job, asks each for its page in time, and hands on series and marks. */
export { Heritage, type Shown } from './heritage.ts';
export { Job, type JobParts } from './job.ts';
export { type ScrapeMetrics, scrapeMetrics } from './metrics.ts';
export { EXTRA_METRICS, REPORT_METRICS } from './report.ts';
export type { Target } from './target.ts';
