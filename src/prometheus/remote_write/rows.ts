import type { Steps } from '#kit';
import { type Labels, labelsKey, makeFamily, makeSeries, type Series, type SeriesSet } from '#metrics';
import type { Translator } from './translate.ts';

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

/** So many series between two pauses. */
const STEP = 256;

/** Pauses now and then: labels are made, translated and compared here for the first time. */
export function* rowsOf(set: SeriesSet, translator: Translator): Steps<Rows> {
  const labels: (Labels | undefined | 'rule')[] = [];
  let mayCollide = false;
  for (const series of set.series) {
    if (labels.length % STEP === STEP - 1) yield;
    labels.push(translator.labels(series, set.resource));
    mayCollide ||= translator.mayCollide(series);
  }
  if (mayCollide) for (const at of yield* repeated(labels)) labels[at] = undefined;
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

/** Which of these are equal to an earlier one. */
function* repeated(all: readonly (Labels | undefined | 'rule')[]): Steps<Set<number>> {
  const seen = new Set<string>();
  const again = new Set<number>();
  for (let i = 0; i < all.length; i++) {
    if (i % STEP === STEP - 1) yield;
    const labels = all[i];
    if (!labels || labels === 'rule') continue;
    const key = labelsKey(labels);
    if (seen.has(key)) again.add(i);
    seen.add(key);
  }
  return again;
}

/** `target_info` of the source that `series` is of; undefined where there is nothing to tell. */
export function infoRow(series: Series, set: SeriesSet, translator: Translator): Row | undefined {
  const info = translator.targetInfo(series, set.resource);
  return info && { series: makeSeries(TARGET_INFO, info), at: set.series.length, labels: info };
}
