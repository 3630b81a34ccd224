import type { MetricDeclaration } from '#component';
import type { MetricType } from '#metrics';

/** A column of the kernel's file, as a counter. */
export interface Column {
  /** As the file's first line spells it; the kernel's spelling has changed for some. */
  readonly column: string;
  readonly metric: MetricDeclaration;
  /** The most that it grew within a second, for those that are looked at between collections. */
  readonly peak?: MetricDeclaration;
}

const metric = (name: string, type: MetricType, help: string, labels: string[] = []): MetricDeclaration => ({
  name: `conntrack_${name}`,
  type,
  help,
  labels,
});

const counter = (name: string, help: string) => metric(`${name}_total`, 'counter', help);
const peakOf = (name: string) =>
  metric(
    `${name}_peak_per_second`,
    'gauge',
    `The most that conntrack_${name}_total grew within a second since the previous collection.`,
  );

export const ENTRIES = metric('entries', 'gauge', 'Connections in the table.');
export const ENTRIES_PEAK = metric('entries_peak', 'gauge', 'The most connections since the previous collection.');
export const ENTRIES_AT_LIMIT = metric(
  'entries_at_limit_seconds_total',
  'counter',
  'Time for which the table was full, as far as looks could tell.',
);
export const ENTRIES_LIMIT = metric('entries_limit', 'gauge', 'The most connections that the table takes.');

export const INSERT_LOSSES = counter(
  'insert_losses',
  'Packets lost because their connection could not be entered, mostly in a race with another packet of it.',
);
export const INSERT_LOSSES_PEAK = peakOf('insert_losses');

export const SEMANTICS = metric(
  'semantics_info',
  'gauge',
  'Always 1: insert_failed counts what was lost (Linux 5.10 and later), or clashes that were resolved, too (lost_or_resolved).',
  ['insert_failed'],
);

export const COLUMNS: readonly Column[] = [
  {
    column: 'insert_failed',
    metric: counter('insert_failed', 'Connections that could not be entered. Before Linux 5.10 also those resolved.'),
    peak: peakOf('insert_failed'),
  },
  {
    column: 'drop',
    metric: counter(
      'drop',
      'Packets dropped: the table was full, memory ran out, or their connection was not entered.',
    ),
    peak: peakOf('drop'),
  },
  {
    column: 'early_drop',
    metric: counter('early_drop', 'Connections thrown out before their time, to make room in a full table.'),
    peak: peakOf('early_drop'),
  },
  {
    column: 'clashres',
    metric: counter('clash_resolve', 'Clashes at entering that were resolved, so that no packet was lost.'),
  },
  {
    column: 'search_restart',
    metric: counter('search_restart', 'Searches begun again because the table was being resized meanwhile.'),
  },
  {
    column: 'chainlength',
    metric: counter('chain_too_long', 'Connections that were not entered because their hash chain was too long.'),
  },
  { column: 'invalid', metric: counter('invalid', 'Packets that belong to no connection and could begin none.') },
  { column: 'icmp_error', metric: counter('icmp_error', 'ICMP errors that were malformed or belonged to nothing.') },
];

export const METRICS: readonly MetricDeclaration[] = [
  ENTRIES,
  ENTRIES_LIMIT,
  ENTRIES_PEAK,
  ENTRIES_AT_LIMIT,
  INSERT_LOSSES,
  INSERT_LOSSES_PEAK,
  ...COLUMNS.flatMap(({ metric, peak }) => (peak ? [metric, peak] : [metric])),
  SEMANTICS,
];
