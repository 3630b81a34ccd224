/** The names that the Collector's Prometheus exporter would give, with unit and type in them (its translator package). */
import type { Family } from '#metrics';

/** UCUM, as OpenTelemetry writes units, in Prometheus' words. */
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
  '1': '',
  '%': 'percent',
};
const PER_UNITS: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
};

const SAMPLE_SUFFIX = /_(?:bucket|sum|count|created|total|gsum|gcount|info)$/;

/** `name` of a sample of `family`, with the unit and `_total` or `_ratio` where they are missing. */
export function suffixedName(name: string, family: Family): string {
  const suffix = name === family.name && family.type !== 'counter' ? '' : (SAMPLE_SUFFIX.exec(name)?.[0] ?? '');
  const base = name.slice(0, name.length - suffix.length);
  const words = unitWords(family);
  const full = words.reduce((text, word) => (hasWord(text, word) ? text : `${text}_${word}`), base);
  return full + (family.type === 'counter' && suffix === '' ? '_total' : suffix);
}

function unitWords({ type, unit }: Family): string[] {
  if (unit === '1' && type === 'gauge') return ['ratio'];
  const [main = '', per] = unit.replace(/\{[^}]*\}/g, '').split('/', 2);
  const words = [UNITS[main] ?? main];
  if (per) words.push(`per_${PER_UNITS[per] ?? per}`);
  return words.map((word) => word.replace(/[^a-zA-Z0-9_]+/g, '_').replace(/^_+|_+$/g, '')).filter(Boolean);
}

const hasWord = (name: string, word: string): boolean => `_${name}_`.includes(`_${word}_`);
