/** What of a page does not change while a source reports the same series: the text of each line up to its value. */
import { type Family, type Labels, METRIC_NAME, type MetricType, type SeriesSet, seriesName } from '#metrics';
import { formatBound, parseFloatText } from './number.ts';
import type { PageFormat } from './write_format.ts';
import { escapeLabel, escapeMetric, escapeValue, isClassicLabel, isClassicMetric, quoted } from './write_names.ts';

/** Lines that stand under one HELP and TYPE. */
export interface Part {
  /** The name on the TYPE line, before escaping. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
  /** The distinct names of the samples. */
  readonly names: readonly string[];
  /** Which series of the set, in the order of the lines. */
  readonly index: Uint32Array;
  /** `name{labels} `, for each of them. */
  readonly lines: readonly string[];
  /** Some name had to be escaped: two series may look the same now. */
  readonly escaped: boolean;
}

const templates = new WeakMap<SeriesSet, Map<string, readonly Part[]>>();

/** The parts of a set, made once for each way of writing. Series without a name, which no page can hold, are left out. */
export function templateOf(set: SeriesSet, format: PageFormat): readonly Part[] {
  const byFormat = templates.get(set) ?? new Map<string, readonly Part[]>();
  templates.set(set, byFormat);
  const known = byFormat.get(styleOf(format)) ?? makeParts(set, format);
  byFormat.set(styleOf(format), known);
  return known;
}

export function hasTemplate(set: SeriesSet, format: PageFormat): boolean {
  return templates.get(set)?.has(styleOf(format)) ?? false;
}

/** All of a format that changes the lines. */
const styleOf = (format: PageFormat): string => `${format.openMetrics} ${format.escaping}`;

/** The name and type under which a sample stands. */
interface Heading {
  name: string;
  type: MetricType;
}

function makeParts(set: SeriesSet, format: PageFormat): Part[] {
  const names = set.series.map(seriesName);
  const headings = format.openMetrics ? openMetricsHeadings(set, names) : textHeadings(set, names);
  const groups = new Map<string, number[]>();
  for (const [i, { name, type }] of headings.entries()) {
    if (names[i] === '') continue;
    const key = `${type} ${name}`;
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  }
  return [...groups.values()].map((group) => {
    const { name, type } = headings[group[0]!]!;
    return makePart(set, name, type, type === 'gauge' || type === 'unknown' ? group : together(set, group), format);
  });
}

/** Cuts a part down to one sample name, under a heading of its own: for what does not fit under a shared one. */
export function narrowed(part: Part, set: SeriesSet, sampleName: string, type: MetricType): Part {
  const kept = [...part.index.keys()].filter((k) => seriesName(set.series[part.index[k]!]!) === sampleName);
  return {
    ...part,
    name: sampleName,
    type,
    unit: '',
    names: [sampleName],
    index: Uint32Array.from(kept, (k) => part.index[k]!),
    lines: kept.map((k) => part.lines[k]!),
  };
}

function makePart(set: SeriesSet, name: string, type: MetricType, group: number[], format: PageFormat): Part {
  const { help, unit } = set.series[group[0]!]!.family;
  const series = group.map((i) => set.series[i]!);
  return {
    name,
    type,
    help,
    unit,
    names: [...new Set(series.map(seriesName))],
    index: Uint32Array.from(group),
    lines: series.map((one) => lineStart(one.labels, boundLabel(type), format)),
    escaped: format.escaping !== 'allow-utf-8' && series.some((one) => !isClassic(one.labels)),
  };
}

/** Brings together the samples of one metric (a histogram's buckets, sum and count), which OpenMetrics does not let mix. */
function together(set: SeriesSet, group: number[]): number[] {
  const metrics = new Map<string, number[]>();
  for (const i of group) {
    const key = metricKey(set.series[i]!.labels);
    const metric = metrics.get(key);
    if (metric) metric.push(i);
    else metrics.set(key, [i]);
  }
  return [...metrics.values()].flat();
}

function metricKey(labels: Labels): string {
  let key = '';
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    if (name !== METRIC_NAME && name !== 'le' && name !== 'quantile') key += `${name}\xff${labels[i + 1]}\xff`;
  }
  return key;
}

const boundLabel = (type: MetricType): string =>
  type === 'histogram' || type === 'gaugehistogram' ? 'le' : type === 'summary' ? 'quantile' : '';

function isClassic(labels: Labels): boolean {
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    if (name === METRIC_NAME ? !isClassicMetric(labels[i + 1]!) : !isClassicLabel(name)) return false;
  }
  return true;
}

function lineStart(labels: Labels, bound: string, format: PageFormat): string {
  let name = '';
  const pairs = new Map<string, string>();
  for (let i = 0; i < labels.length; i += 2) {
    const [key, value] = [labels[i]!, labels[i + 1]!];
    if (key === METRIC_NAME) {
      name = escapeMetric(value, format.escaping);
      continue;
    }
    const label = escapeLabel(key, format.escaping);
    const other = pairs.get(label);
    const text = format.openMetrics && key === bound ? canonicalBound(value) : value;
    // Two labels that look the same now: the Collector joins their values, so that nothing is lost.
    pairs.set(label, other === undefined ? text : `${other};${text}`);
  }
  const shown = [...pairs].map(([key, value]) => `${isClassicLabel(key) ? key : quoted(key)}="${escapeValue(value)}"`);
  // Joined, and not added up, so that the string is flat in memory.
  if (!isClassicMetric(name)) return ['{', [quoted(name), ...shown].join(','), '} '].join('');
  return shown.length ? [name, '{', shown.join(','), '} '].join('') : [name, ' '].join('');
}

/** OpenMetrics wants `1.0` where the text format has `1`. */
function canonicalBound(text: string): string {
  const value = parseFloatText(text);
  return value === undefined || Number.isNaN(value) ? text : formatBound(value);
}

/** Text format 0.0.4 knows five types, and names a counter by its sample's full name. */
function textHeadings(set: SeriesSet, names: readonly string[]): Heading[] {
  return set.series.map(({ family }, i) => textHeading(family, names[i]!));
}

function textHeading(family: Family, name: string): Heading {
  const suffix = suffixOf(name);
  const base = name.slice(0, name.length - suffix.length);
  switch (family.type) {
    case 'counter':
      return { name, type: suffix === '_created' && name !== family.name ? 'gauge' : 'counter' };
    case 'histogram':
      if (suffix === '_bucket' || suffix === '_sum' || suffix === '_count') return { name: base, type: 'histogram' };
      return { name, type: suffix === '_created' ? 'gauge' : 'unknown' };
    case 'summary':
      if (name !== family.name && (suffix === '_sum' || suffix === '_count')) return { name: base, type: 'summary' };
      if (name !== family.name && suffix === '_created') return { name, type: 'gauge' };
      return { name, type: 'summary' };
    // As `histogram` its buckets would lack their sum and count, which are called _gsum and _gcount.
    case 'gaugehistogram':
    case 'unknown':
      return { name, type: 'unknown' };
    default:
      return { name, type: 'gauge' };
  }
}

function openMetricsHeadings(set: SeriesSet, names: readonly string[]): Heading[] {
  const headings = set.series.map(({ family }, i) => openMetricsHeading(family, names[i]!));
  // From the text format `x_created` comes as a gauge beside the counter `x_total`; here the name is the counter's.
  const bases = new Set(headings.filter(({ type }) => type === 'counter').map(({ name }) => name));
  return headings.map((heading, i) => {
    const base = names[i]!.replace(/_created$/, '');
    return heading.name !== base && heading.name === names[i] && bases.has(base)
      ? { name: base, type: 'counter' }
      : heading;
  });
}

const OPEN_METRICS_SUFFIXES: Readonly<Record<MetricType, readonly string[]>> = {
  counter: ['_total', '_created'],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['_sum', '_count', '_created'],
  info: ['_info'],
  gauge: [],
  stateset: [],
  unknown: [],
};

function openMetricsHeading(family: Family, name: string): Heading {
  const suffix = suffixOf(name);
  const { type } = family;
  const asNamed = name === family.name && (type === 'summary' || type === 'gauge' || type === 'stateset');
  if (!asNamed && OPEN_METRICS_SUFFIXES[type].includes(suffix)) {
    return { name: name.slice(0, name.length - suffix.length), type };
  }
  if (asNamed || type === 'summary' || type === 'gauge' || type === 'stateset') return { name, type };
  // A counter without `_total`, an info without `_info`: to keep the name, the type has to go.
  return { name, type: type === 'info' ? 'gauge' : 'unknown' };
}

const SUFFIX = /_(?:total|created|bucket|sum|count|gsum|gcount|info)$/;
const suffixOf = (name: string): string => SUFFIX.exec(name)?.[0] ?? '';

/** Sample names that a heading may have besides its own, and whether its own is one. */
export function memberNames({ name, type }: Heading, openMetrics: boolean): { members: string[]; reserved: string[] } {
  const suffixes = openMetrics ? OPEN_METRICS_SUFFIXES[type] : TEXT_SUFFIXES[type];
  const members = suffixes.map((suffix) => name + suffix);
  const bare = suffixes.length === 0 || type === 'summary';
  return bare ? { members: [name, ...members], reserved: [] } : { members, reserved: [name] };
}

const TEXT_SUFFIXES: Readonly<Record<MetricType, readonly string[]>> = {
  counter: [],
  histogram: ['_bucket', '_sum', '_count'],
  gaugehistogram: [],
  summary: ['_sum', '_count'],
  info: [],
  gauge: [],
  stateset: [],
  unknown: [],
};
