import { type Exemplar, type MetricType, type Series, type Snapshot, seriesName } from '#metrics';
import { formatFloat } from './number.ts';
import { type Escaping, escapeLabel, escapeValue, isClassicLabel, quoted } from './write_names.ts';

/** Whether samples of families of this type may have exemplars. */
export const isExemplary = (type: MetricType): boolean =>
  type === 'counter' || type === 'histogram' || type === 'gaugehistogram';

const known = new WeakMap<readonly Exemplar[], ReadonlyMap<number, Exemplar>>();

/** Of each sample the last one: OpenMetrics has room for one. */
export function lastExemplars({ exemplars = [] }: Snapshot): ReadonlyMap<number, Exemplar> {
  const found = known.get(exemplars) ?? new Map(exemplars.map((one) => [one.index, one]));
  known.set(exemplars, found);
  return found;
}

/** OpenMetrics allows so many characters for all names and values together. */
const LONGEST = 128;

/** ` # {trace_id="…"} 0.5 1700000000.123`; nothing at samples that may have none. */
export function exemplarText(
  { labels, value, timestamp }: Exemplar,
  series: Series,
  type: MetricType,
  escaping: Escaping,
): string {
  if (!seriesName(series).endsWith(type === 'counter' ? '_total' : '_bucket')) return '';
  const shown: string[] = [];
  let length = 0;
  for (let i = 0; i < labels.length; i += 2) {
    const name = escapeLabel(labels[i]!, escaping);
    length += [...name].length + [...labels[i + 1]!].length;
    shown.push(`${isClassicLabel(name) ? name : quoted(name)}="${escapeValue(labels[i + 1]!)}"`);
  }
  if (length > LONGEST) return '';
  const at = timestamp === undefined ? '' : ` ${secondsText(timestamp)}`;
  return ` # {${shown.join()}} ${formatFloat(value)}${at}`;
}

/** OpenMetrics counts in seconds. Put together from digits, because a division would make `1.7e+09`. */
export function secondsText(milliseconds: number): string {
  const whole = Math.floor(milliseconds / 1000);
  const rest = Math.round(milliseconds - whole * 1000);
  return rest ? `${whole}.${String(rest).padStart(3, '0')}` : `${whole}`;
}
