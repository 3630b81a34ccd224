import { type Family, type MetricType, makeFamily } from '#metrics';

/** What a series' name may have behind its family's name, by type (OpenMetrics 1.0; text format 0.0.4 where it differs). */
const SUFFIXES: Readonly<Record<MetricType, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['_sum', '_count', '_created'],
  info: ['_info'],
  stateset: [],
  unknown: [],
};

/**
 * Gives the family of a series whose name a rule changed, the same object for the same question. A name that keeps the
 * family's suffix moves the whole family: `h_bucket` as `x_h_bucket` belongs to the histogram `x_h`. One that loses it is a
 * number of unknown meaning, but a counter stays one, as text format 0.0.4 lets it have any name.
 */
export function familyRenamer(): (family: Family, from: string, to: string) => Family {
  const known = new WeakMap<Family, Map<string, Family>>();
  return (family, from, to) => {
    const made = rename(family, from, to);
    const byName = known.get(family) ?? new Map<string, Family>();
    known.set(family, byName);
    const key = `${made.type} ${made.name}`;
    const same = byName.get(key) ?? made;
    byName.set(key, same);
    return same;
  };
}

function rename(family: Family, from: string, to: string): Family {
  const suffix = from.slice(family.name.length);
  const isWhole = from.startsWith(family.name) && (suffix === '' || SUFFIXES[family.type].includes(suffix));
  if (isWhole && to.endsWith(suffix) && to.length > suffix.length) {
    const name = to.slice(0, to.length - suffix.length);
    // OpenMetrics wants the unit at the end of the name.
    return makeFamily(name, family.type, family.help, name.endsWith(`_${family.unit}`) ? family.unit : '');
  }
  const isCounter = family.type === 'counter' && suffix !== '_created';
  return makeFamily(to, isCounter ? 'counter' : 'unknown', family.help);
}
