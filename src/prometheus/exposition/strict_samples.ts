import type { MetricType } from '#metrics';
import { parseFloatText } from './number.ts';
import type { StrictSample } from './strict.ts';

/** Code points that an exemplar's label names and values may have together. */
const EXEMPLAR_LENGTH = 128;

/** What the OpenMetrics specification asks of one sample of a family. */
export function sampleFault(family: string, type: MetricType, sample: StrictSample): string | undefined {
  const ending = sample.name.slice(family.length);
  return (
    labelFault(family, type, ending, sample) ??
    valueFault(type, ending, sample.value) ??
    exemplarFault(type, ending, sample)
  );
}

function labelFault(family: string, type: MetricType, ending: string, { labels }: StrictSample): string | undefined {
  if (type === 'stateset' && !labels.has(family)) return `the label ${family} of a stateset`;
  if (ending === '_bucket') {
    const bound = numberOf(labels.get('le'));
    if (Number.isNaN(bound)) return 'a bucket with a number in its label le';
    if (bound === Infinity && labels.get('le') !== '+Inf') return '+Inf spelled as such in the label le';
  }
  if (type === 'summary' && ending === '') {
    const quantile = numberOf(labels.get('quantile'));
    if (!(quantile >= 0 && quantile <= 1)) return 'a label quantile between 0 and 1';
  }
  return undefined;
}

const numberOf = (text: string | undefined): number => parseFloatText(text ?? 'NaN') ?? Number.NaN;

const COUNTING: ReadonlySet<string> = new Set(['_total', '_sum', '_count', '_bucket', '_gcount']);

function valueFault(type: MetricType, ending: string, value: number): string | undefined {
  if (type === 'stateset' && value !== 0 && value !== 1) return 'a stateset of 0 or 1';
  if (type === 'info' && value !== 1) return 'an info of 1';
  if (type === 'summary' && ending === '' && value < 0) return 'a quantile that is not negative';
  if ((COUNTING.has(ending) || ending === '_gsum') && Number.isNaN(value)) return `no NaN in ${ending}`;
  if (COUNTING.has(ending) && value < 0) return `nothing negative in ${ending}`;
  const whole = ending === '_bucket' || ending === '_count' || ending === '_gcount';
  return whole && !Number.isInteger(value) ? `a whole number in ${ending}` : undefined;
}

function exemplarFault(type: MetricType, ending: string, { exemplar }: StrictSample): string | undefined {
  if (!exemplar) return undefined;
  const bucket = ending === '_bucket' && (type === 'histogram' || type === 'gaugehistogram');
  if (!bucket && !(type === 'counter' && ending === '_total')) return 'exemplars on buckets and counters only';
  const length = [...[...exemplar].flat().join('')].length;
  return length > EXEMPLAR_LENGTH ? `an exemplar's labels to have at most ${EXEMPLAR_LENGTH} characters` : undefined;
}
