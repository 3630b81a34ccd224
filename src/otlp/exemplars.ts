import type { Exemplar, Labels, Snapshot } from '#metrics';
import type { HistogramPoint } from './plan.ts';

/** The numbers and texts of an OTLP Exemplar. Ids in hexadecimal, '' for none. */
export interface OtlpExemplar {
  readonly attributes: Labels;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly value: number;
  readonly spanId: string;
  readonly traceId: string;
}

const byIndex = new WeakMap<readonly Exemplar[], ReadonlyMap<number, readonly Exemplar[]>>();

/** Those of some of a snapshot's samples. One that has no time has its sample's. */
export function exemplarsAt(snapshot: Snapshot, indexes: readonly number[]): OtlpExemplar[] {
  const { exemplars, times, time } = snapshot;
  if (!exemplars) return [];
  let known = byIndex.get(exemplars);
  if (!known) {
    known = grouped(exemplars);
    byIndex.set(exemplars, known);
  }
  const found: OtlpExemplar[] = [];
  for (const index of indexes) {
    for (const one of known.get(index) ?? []) found.push(otlpExemplar(one, times ? times[index]! : time));
  }
  return found;
}

/** All samples that a histogram is made of. */
export const partsOf = ({ buckets, infinite, count, sum }: HistogramPoint): number[] => [
  ...new Set([...buckets, infinite, count, sum]),
];

function grouped(exemplars: readonly Exemplar[]): Map<number, Exemplar[]> {
  const groups = new Map<number, Exemplar[]>();
  for (const one of exemplars) {
    const group = groups.get(one.index);
    if (group) group.push(one);
    else groups.set(one.index, [one]);
  }
  return groups;
}

function otlpExemplar({ labels, value, timestamp }: Exemplar, time: number): OtlpExemplar {
  const attributes: string[] = [];
  const ids = { trace_id: '', span_id: '' };
  for (let i = 0; i < labels.length; i += 2) {
    const [name, text] = [labels[i]!, labels[i + 1]!];
    const known = name.toLowerCase();
    const id = known === 'trace_id' ? idOf(text, 32) : known === 'span_id' ? idOf(text, 16) : '';
    if (id) ids[known as keyof typeof ids] = id;
    else attributes.push(name, text);
  }
  return { attributes, time: timestamp ?? time, value, spanId: ids.span_id, traceId: ids.trace_id };
}

/** Padded to `length` digits, as the Collector does it; '' for what is no id. */
function idOf(text: string, length: number): string {
  const fits = text.length > 0 && text.length <= length && text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text);
  return fits ? text.toLowerCase().padStart(length, '0') : '';
}
