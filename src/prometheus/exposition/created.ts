import { labelsKey, labelValue, METRIC_NAME } from '#metrics';
import type { Layout, ParsedPage, RawSample } from './types.ts';

/** Per sample, the index of the `_created` sample that tells when it began to count, or -1; undefined when no sample is one. */
const plans = new WeakMap<Layout, Int32Array | undefined>();

/**
 * An OpenMetrics page with the start times that its `_created` samples give to the counters, histograms and summaries they
 * belong to. They stay samples themselves, as in a Prometheus that is not told otherwise.
 */
export function withCreated(page: ParsedPage): ParsedPage {
  const { layout, values } = page;
  if (!plans.has(layout)) plans.set(layout, planOf(layout));
  const created = plans.get(layout);
  if (!created) return page;
  const starts = new Float64Array(values.length);
  for (let i = 0; i < created.length; i++) {
    if (created[i]! < 0) continue;
    const start = Math.trunc(values[created[i]!]! * 1000);
    if (start > 0 && start < Infinity) starts[i] = start;
  }
  return { ...page, starts };
}

const COUNTING: ReadonlySet<string> = new Set(['counter', 'histogram', 'summary']);

function planOf({ samples }: Layout): Int32Array | undefined {
  const created = new Map<string, number>();
  samples.forEach((sample, i) => {
    if (isCreated(sample)) created.set(metricKey(sample), i);
  });
  if (created.size === 0) return undefined;
  return Int32Array.from(samples, (sample) => {
    const counts = COUNTING.has(sample.family.type) && !isCreated(sample);
    return (counts ? created.get(metricKey(sample)) : undefined) ?? -1;
  });
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
