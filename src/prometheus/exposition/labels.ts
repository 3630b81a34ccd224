import { compareBytes, type Labels, METRIC_NAME, type MetricType } from '#metrics';
import { formatBound, parseFloatText } from './number.ts';

/** The label whose value Prometheus 3 rewrites for series under a TYPE line: `le="1"` becomes `le="1.0"`. */
export function boundLabel(type: MetricType | undefined): string {
  return type === 'histogram' ? 'le' : type === 'summary' ? 'quantile' : '';
}

/**
 * Labels of a sample, `__name__` among them; those with an empty value are left out. Answers the name that is given twice
 * instead. `bound` names a label whose value is written as OpenMetrics wants numbers.
 */
export function sampleLabels(name: string, pairs: readonly string[], bound: string): Labels | string {
  const flat = [METRIC_NAME, name];
  for (let i = 0; i < pairs.length; i += 2) {
    const label = pairs[i]!;
    // Insertion sort: labels mostly come sorted, and there are few.
    let at = flat.length;
    let order = 1;
    while (at > 0) {
      order = compareBytes(label, flat[at - 2]!);
      if (order >= 0) break;
      at -= 2;
    }
    if (order === 0) return label;
    const value = label === bound ? boundValue(pairs[i + 1]!) : pairs[i + 1]!;
    if (at === flat.length) flat.push(label, value);
    else flat.splice(at, 0, label, value);
  }
  return Object.freeze(flat.includes('') ? withoutEmpty(flat) : flat);
}

function withoutEmpty(flat: string[]): string[] {
  return flat.filter((_, i) => flat[i | 1] !== '');
}

function boundValue(text: string): string {
  const value = parseFloatText(text);
  return value === undefined ? text : formatBound(value);
}

/** A text that two label sets share only when they are equal, `without` aside. */
export function labelKey(labels: ReadonlyMap<string, string>, without?: string): string {
  return JSON.stringify([...labels].filter(([name]) => name !== without).sort(([a], [b]) => (a < b ? -1 : 1)));
}
