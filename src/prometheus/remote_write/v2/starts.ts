import { type Labels, labelsKey, labelValue, METRIC_NAME, type SeriesSet, type Snapshot } from '#metrics';
import { timeOf } from '../column.ts';

/** For each series of a set, where in it its `_created` series stands; -1 where there is none. */
export type CreatedPlan = Int32Array;

const CREATED = '_created';
const PARTS: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', ''],
  histogram: ['_bucket', '_count', '_sum', ''],
  summary: ['_count', '_sum', ''],
};

/**
 * Sources that know when a counter began say so in a series of its own, `x_created`, in seconds: OpenMetrics 1.0, and in text
 * format 0.0.4 Python's client library. Undefined where there is no such series.
 */
export function planCreated({ series }: SeriesSet): CreatedPlan | undefined {
  const created = new Map<string, number>();
  series.forEach(({ labels }, i) => {
    const name = labelValue(labels, METRIC_NAME);
    if (name.endsWith(CREATED)) created.set(keyOf(labels, name.slice(0, -CREATED.length)), i);
  });
  if (created.size === 0) return undefined;
  const plan = new Int32Array(series.length).fill(-1);
  series.forEach(({ family, labels }, i) => {
    const name = labelValue(labels, METRIC_NAME);
    if (name.endsWith(CREATED)) return;
    const part = PARTS[family.type]?.find((suffix) => name.endsWith(suffix));
    if (part !== undefined) plan[i] = created.get(keyOf(labels, name.slice(0, name.length - part.length))) ?? -1;
  });
  return plan.some((at) => at >= 0) ? plan : undefined;
}

function keyOf(labels: Labels, base: string): string {
  const own = [base];
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    if (name !== METRIC_NAME && name !== 'le' && name !== 'quantile') own.push(name, labels[i + 1]!);
  }
  return labelsKey(own);
}

/** Since when each sample counts, in milliseconds since the epoch, 0 where unknown; undefined where all are. */
export function startsOf(snapshot: Snapshot, plan: CreatedPlan | undefined): Float64Array | undefined {
  const said = snapshot.starts ?? (plan && createdStarts(snapshot.values, plan));
  if (!said) return undefined;
  const future = said.findIndex((start, i) => start > timeOf(snapshot, i));
  if (future < 0) return said;
  // A counter cannot have begun after its sample: the source's clock is wrong, and receivers refuse such a sample.
  return said.map((start, i) => (start > timeOf(snapshot, i) ? 0 : start));
}

function createdStarts(values: Float64Array, plan: CreatedPlan): Float64Array {
  const starts = new Float64Array(values.length);
  for (let i = 0; i < plan.length; i++) {
    const start = plan[i]! < 0 ? 0 : Math.round(values[plan[i]!]! * 1000);
    if (start > 0 && Number.isSafeInteger(start)) starts[i] = start;
  }
  return starts;
}
