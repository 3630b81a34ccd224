import { type Labels, makeFamily, makeSeries, type Series, type SeriesSet } from '#metrics';
import { repeated, type Translator } from './translate.ts';

/** A series that is sent. */
export interface Row {
  readonly series: Series;
  /** Its place in the set. */
  readonly at: number;
  readonly labels: Labels;
}

/** What of a set is sent, whatever the version of the protocol. */
export interface Rows {
  readonly rows: readonly Row[];
  /** How many series cannot be sent: without a name, or the same as an earlier one. */
  readonly dropped: number;
  /** How many the user's rules leave out. */
  readonly relabelled: number;
  /** `target_info`, which has no value in the set; its place is behind the last one. */
  readonly info: Row | undefined;
}

const TARGET_INFO = makeFamily('target_info', 'gauge', 'Target metadata');

export function rowsOf(set: SeriesSet, translator: Translator): Rows {
  const labels = set.series.map((series) => translator.labels(series, set.resource));
  if (set.series.some((series) => translator.mayCollide(series))) {
    for (const at of repeated(labels)) labels[at] = undefined;
  }
  const rows: Row[] = [];
  let relabelled = 0;
  labels.forEach((own, at) => {
    if (own === 'rule') relabelled++;
    else if (own) rows.push({ series: set.series[at]!, at, labels: own });
  });
  const dropped = set.series.length - rows.length - relabelled;
  const info = rows[0] && infoRow(rows[0].series, set, translator);
  return { rows, dropped, relabelled, info };
}

/** `target_info` of the source that `series` is of; undefined where there is nothing to tell. */
export function infoRow(series: Series, set: SeriesSet, translator: Translator): Row | undefined {
  const info = translator.targetInfo(series, set.resource);
  return info && { series: makeSeries(TARGET_INFO, info), at: set.series.length, labels: info };
}
