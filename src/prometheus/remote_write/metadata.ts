import type { Clock } from '#clock';
import type { Batch, Family, MetricType, SeriesSet } from '#metrics';
import { makeWriteRequest, type WriteBody } from './body.ts';
import { escapeMetricName, withSuffixes } from './names.ts';
import { fieldLength, utf8Length, writeString } from './records.ts';
import { writeVarint } from './wire.ts';

export interface MetadataOptions {
  clock: Clock;
  namespace: string;
  suffixes: boolean;
  maxLength: number;
  /** Milliseconds after which a family is told again. */
  interval: number;
}

/** MetricMetadata.MetricType of 1.0 and Metadata.MetricType of 2.0. */
export const METRIC_TYPE: Readonly<Record<MetricType, number>> = {
  unknown: 0,
  counter: 1,
  gauge: 2,
  histogram: 3,
  gaugehistogram: 4,
  summary: 5,
  info: 6,
  stateset: 7,
};

/**
 * The families of a batch as WriteRequests of metadata, which Remote Write 1.0 knows as an experiment: each family when it is
 * first seen, when it changes, and once an interval.
 */
export function createMetadataEncoder(options: MetadataOptions): (batch: Batch) => WriteBody[] {
  const told = new Map<string, { family: Family; at: number }>();
  const families = new WeakMap<SeriesSet, readonly Family[]>();
  let prunedAt = options.clock.monotonic();

  function familiesOf(set: SeriesSet): readonly Family[] {
    let known = families.get(set);
    if (!known) {
      known = [...new Set(set.series.map((series) => series.family))].filter((family) => family.name);
      families.set(set, known);
    }
    return known;
  }

  function due(family: Family, now: number): boolean {
    const last = told.get(family.name);
    if (last && now - last.at < options.interval && sameMeaning(last.family, family)) return false;
    told.set(family.name, { family, at: now });
    return true;
  }

  /** Forgets families that were not seen for long. */
  function prune(now: number): void {
    if (now - prunedAt < 10 * options.interval) return;
    for (const [name, { at }] of told) if (now - at > 5 * options.interval) told.delete(name);
    prunedAt = now;
  }

  return (batch) => {
    const now = options.clock.monotonic();
    prune(now);
    const records = batch
      .flatMap(({ set }) => familiesOf(set).filter((family) => due(family, now)))
      .map((family) => record(family, options));
    return bodies(records, options.maxLength);
  };
}

const sameMeaning = (a: Family, b: Family): boolean =>
  a === b || (a.type === b.type && a.help === b.help && a.unit === b.unit);

function record(family: Family, { namespace, suffixes }: MetadataOptions): Buffer {
  const own = escapeMetricName(suffixes ? withSuffixes(family.name, family) : family.name);
  const name = namespace ? `${namespace}_${own}` : own;
  const texts: [tag: number, text: string][] = [[0x12, name]];
  if (family.help) texts.push([0x22, family.help]);
  if (family.unit) texts.push([0x2a, family.unit]);
  const length = 2 + texts.reduce((sum, [, text]) => sum + fieldLength(utf8Length(text)), 0);
  const out = Buffer.alloc(fieldLength(length));
  out[0] = 0x1a;
  let at = writeVarint(out, 1, length);
  out[at++] = 0x08;
  out[at++] = METRIC_TYPE[family.type];
  for (const [tag, text] of texts) at = writeString(out, at, tag, text, utf8Length(text));
  return out;
}

function bodies(records: readonly Buffer[], maxLength: number): WriteBody[] {
  const made: WriteBody[] = [];
  for (let from = 0; from < records.length; ) {
    let to = from;
    let length = 0;
    while (to < records.length && (to === from || length + records[to]!.length <= maxLength)) {
      length += records[to++]!.length;
    }
    const message = Buffer.concat(records.slice(from, to));
    made.push(makeWriteRequest(message, 0));
    from = to;
  }
  return made;
}
