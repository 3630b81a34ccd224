/** Names for Remote Write 1.0, which knows the classic character set only. */
import type { Family } from '#metrics';

export const isMetricName = (name: string): boolean => /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
export const isLabelName = (name: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);

/** Every character that is not allowed becomes `_`; so does what a leading digit would make illegal. */
export function escapeMetricName(name: string): string {
  const escaped = name.replace(/[^a-zA-Z0-9_:]/gu, '_');
  return /^[0-9]/.test(escaped) ? `_${escaped}` : escaped;
}

/** As the Collector's translation does: a leading digit is kept behind `key_`. */
export function escapeLabelName(name: string): string {
  const escaped = name.replace(/[^a-zA-Z0-9_]/gu, '_');
  return /^[0-9]/.test(escaped) ? `key_${escaped}` : escaped;
}

/** UCUM units as OpenTelemetry writes them, in the words of Prometheus' naming practice. */
const UNITS: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  TiBy: 'tibibytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  TBy: 'terabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '%': 'percent',
  '1': '',
};
const PER: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
};

/** `By/s` as `bytes_per_second`; annotations in braces say nothing. */
function unitWords(unit: string): string {
  const [main = '', per = ''] = unit.split('/', 2).map((part) => part.replace(/\{.*?\}/g, '').trim());
  const words = escapeMetricName(UNITS[main] ?? main);
  const divisor = per && `per_${escapeMetricName(PER[per] ?? per)}`;
  return [words, divisor].filter(Boolean).join('_');
}

const PARTS: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['_sum', '_count', '_created'],
  counter: ['_total', '_created'],
};

/** The name with its unit and, on a counter, `_total`, where it does not end so already. */
export function withSuffixes(name: string, family: Family): string {
  const part = PARTS[family.type]?.find((suffix) => name.endsWith(suffix)) ?? '';
  let stem = part ? name.slice(0, -part.length) : name;
  const unit = unitWords(family.unit);
  if (unit && !stem.endsWith(`_${unit}`) && stem !== unit) stem += `_${unit}`;
  if (family.type === 'gauge' && family.unit === '1' && !stem.endsWith('_ratio')) stem += '_ratio';
  return stem + (part || (family.type === 'counter' ? '_total' : ''));
}
