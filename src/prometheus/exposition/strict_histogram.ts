import { labelKey } from './labels.ts';
import { parseFloatText } from './number.ts';
import type { StrictSample } from './strict.ts';

/** One histogram at one time: what its samples said. */
interface Histogram {
  readonly key: string;
  bound: number;
  cumulated: number;
  negative: boolean;
  count: number | undefined;
  sum: number | undefined;
  gauge: boolean;
}

/** What the OpenMetrics specification asks of a complete family of histograms. */
export function histogramFault(family: string, samples: readonly StrictSample[]): string | undefined {
  let histogram: Histogram | undefined;
  for (const sample of samples) {
    const key = `${sample.timestamp}${labelKey(sample.labels, sample.name === `${family}_bucket` ? 'le' : undefined)}`;
    if (histogram?.key !== key) {
      const fault = histogram && wholeFault(family, histogram);
      if (fault !== undefined) return fault;
      histogram = {
        key,
        bound: Number.NEGATIVE_INFINITY,
        cumulated: 0,
        negative: false,
        count: undefined,
        sum: undefined,
        gauge: false,
      };
    }
    const fault = add(histogram, sample, sample.name.slice(family.length), family);
    if (fault !== undefined) return fault;
  }
  return histogram && wholeFault(family, histogram);
}

function add(histogram: Histogram, sample: StrictSample, ending: string, family: string): string | undefined {
  if (ending === '_bucket') {
    const bound = parseFloatText(sample.labels.get('le')!)!;
    if (bound <= histogram.bound) return `the buckets of ${family} in rising order before this line`;
    if (sample.value < histogram.cumulated) return `buckets of ${family} that do not fall before this line`;
    histogram.bound = bound;
    histogram.cumulated = sample.value;
    histogram.negative ||= bound < 0;
  } else if (ending === '_count' || ending === '_gcount') histogram.count = sample.value;
  else if (ending === '_sum' || ending === '_gsum') {
    histogram.sum = sample.value;
    histogram.gauge = ending === '_gsum';
  }
  return undefined;
}

function wholeFault(family: string, { bound, cumulated, count, sum, gauge, negative }: Histogram): string | undefined {
  if (bound !== Infinity) return `${family} to have a bucket +Inf before this line`;
  if (count !== undefined && count !== cumulated)
    return `the count of ${family} to be its bucket +Inf before this line`;
  if ((count === undefined) !== (sum === undefined)) return `${family} to have both a sum and a count before this line`;
  if (negative && sum !== undefined && !gauge)
    return `no sum of ${family}, which has negative buckets, before this line`;
  if (!negative && sum !== undefined && sum < 0)
    return `no negative sum of ${family}, all of whose buckets are positive, before this line`;
  return undefined;
}
