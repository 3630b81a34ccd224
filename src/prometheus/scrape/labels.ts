import { type Labels, labelMap, labelValue, METRIC_NAME, mergedLabels, sortedLabels } from '#metrics';
import type { ScrapeConfig, ScrapeLimits } from '../config/config.ts';
import { isValidLabelName } from '../relabel/relabel.ts';

/** The whole scrape fails: its page says something that cannot be stored. */
export class ScrapeError extends Error {
  override readonly name = 'ScrapeError';
  /** Which limit it was, or that the page itself is wrong. */
  readonly reason: 'sample_limit' | 'bucket_limit' | 'label_limit' | 'body_size_limit' | 'invalid';
  constructor(reason: ScrapeError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * A sample's labels joined with its target's. Where both have a label, the target's wins and the sample's is kept as
 * `exported_<name>`, with more `exported_` in front until the name is free; with `honor` the sample's wins, those in `empty`
 * too: what its page gives an empty value is then no label at all.
 */
export function joinLabels(sample: Labels, target: Labels, honor: boolean, empty: readonly string[] = []): Labels {
  if (!shareName(sample, target) && !(honor && empty.length > 0)) return mergedLabels(sample, target);
  const joined = labelMap(sample);
  const conflicts: [string, string][] = [];
  for (let i = 0; i < target.length; i += 2) {
    const name = target[i]!;
    const own = joined.get(name);
    if (honor && (own !== undefined || empty.includes(name))) continue;
    if (own) conflicts.push([name, own]);
    joined.set(name, target[i + 1]!);
  }
  // Short names first: `foo` takes `exported_foo` before the sample's own `exported_foo` looks for a place.
  conflicts.sort(([a], [b]) => a.length - b.length);
  for (const [name, value] of conflicts) {
    let free = `exported_${name}`;
    while (joined.get(free)) free = `exported_${free}`;
    joined.set(free, value);
  }
  return sortedLabels(joined);
}

/** Whether both have some label of the same name. */
export function shareName(a: Labels, b: Labels): boolean {
  for (let i = 0; i < a.length; i += 2) for (let j = 0; j < b.length; j += 2) if (a[i] === b[j]) return true;
  return false;
}

/** Throws a ScrapeError where Prometheus refuses these labels, and so the scrape. */
export function checkLabels(labels: Labels, { limits, validation }: Pick<ScrapeConfig, 'limits' | 'validation'>): void {
  const metric = labelValue(labels, METRIC_NAME);
  if (metric === '') throw new ScrapeError('invalid', 'metric name label is mandatory');
  if (validation === 'legacy') {
    const odd = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(metric)
      ? labels.find((n, i) => i % 2 === 0 && !isValidLabelName(n, 'legacy'))
      : metric;
    if (odd !== undefined) throw new ScrapeError('invalid', `invalid metric name or label name ${JSON.stringify(odd)}`);
  }
  checkLimits(labels, metric, limits);
}

const short = (text: string) => (text.length > 50 ? `${text.slice(0, 50)}…` : text);

function checkLimits(
  labels: Labels,
  metric: string,
  { labels: most, labelName, labelValue: longest }: ScrapeLimits,
): void {
  const count = labels.length / 2;
  if (most > 0 && count > most) {
    throw new ScrapeError(
      'label_limit',
      `label_limit exceeded (metric: ${short(metric)}, labels: ${count}, limit: ${most})`,
    );
  }
  if (labelName === 0 && longest === 0) return;
  for (let i = 0; i < labels.length; i++) {
    const isName = i % 2 === 0;
    const limit = isName ? labelName : longest;
    const length = Buffer.byteLength(labels[i]!);
    if (limit === 0 || length <= limit) continue;
    const option = isName ? 'label_name_length_limit' : 'label_value_length_limit';
    const label = short(labels[i - (i % 2)]!);
    const where = `metric: ${short(metric)}, label: ${label}, length: ${length}, limit: ${limit}`;
    throw new ScrapeError('label_limit', `${option} exceeded (${where})`);
  }
}
