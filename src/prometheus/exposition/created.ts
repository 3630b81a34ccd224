import { labelsKey, labelValue, METRIC_NAME } from '#metrics';
import type { Layout, ParsedPage, RawSample } from './types.ts';

interface Plan {
  /** Per sample, the index of the `_created` sample that tells when it began to count, or -1. */
  readonly created: Int32Array;
  /** The column that was given last: they seldom change. */
  last: Float64Array;
}

/** Nothing for layouts without a `_created` sample. */
const plans = new WeakMap<Layout, Plan | undefined>();

/**
 * An OpenMetrics page with the start times that its `_created` samples give to the counters, histograms and summaries they
 * belong to. They stay samples themselves, as in a Prometheus that is not told otherwise.
 */
export function withCreated(page: ParsedPage): ParsedPage {
  const { layout, values } = page;
  if (!plans.has(layout)) plans.set(layout, planOf(layout));
  const plan = plans.get(layout);
  if (!plan) return page;
  const { created } = plan;
  let starts = plan.last;
  for (let i = 0; i < created.length; i++) {
    const start = created[i]! < 0 ? 0 : startOf(values[created[i]!]!);
    if (start === starts[i]) continue;
    if (starts === plan.last) starts = starts.slice();
    starts[i] = start;
  }
  plan.last = starts;
  return { ...page, starts };
}

/** Milliseconds from seconds; 0 for what is no time. */
function startOf(seconds: number): number {
  const start = Math.trunc(seconds * 1000);
  return start > 0 && start < Infinity ? start : 0;
}

const COUNTING: ReadonlySet<string> = new Set(['counter', 'histogram', 'summary']);

function planOf({ samples }: Layout): Plan | undefined {
  const created = new Map<string, number>();
  samples.forEach((sample, i) => {
    if (isCreated(sample)) created.set(metricKey(sample), i);
  });
  if (created.size === 0) return undefined;
  const indexes = Int32Array.from(samples, (sample) => {
    const counts = COUNTING.has(sample.family.type) && !isCreated(sample);
    return (counts ? created.get(metricKey(sample)) : undefined) ?? -1;
  });
  return { created: indexes, last: new Float64Array(samples.length) };
}

function isCreated({ family, labels }: RawSample): boolean {
  return COUNTING.has(family.type) && labelValue(labels, METRIC_NAME) === `${family.name}_created`;
}

/** What all samples of one metric share. */
function metricKey({ family, labels }: RawSample): string {
  const own = labels.filter((_, i) => !isApart(labels[i - (i % 2)]!));
  return `${family.name}\n${labelsKey(own)}`;
}

const isApart = (name: string): boolean => name === METRIC_NAME || name === 'le' || name === 'quantile';
