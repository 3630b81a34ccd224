import type { Steps } from '#kit';
import { equalLabels, type Labels, labelsKey, makeFamily, makeSeries, type Series, type SeriesSet } from '#metrics';
import { ownInfoOf, ownInfos } from './own-info.ts';
import type { Translator } from './translate.ts';

/** A series that is sent. */
export interface Row {
  readonly series: Series;
  /** Its place in the set. */
  readonly at: number;
  readonly labels: Labels;
}

/** A `target_info` that is made. */
export interface InfoRow extends Row {
  /** The source has one among its series, which takes its place: the same labels, or others; undefined where it has none. */
  readonly own: 'same' | 'other' | undefined;
}

/** What of a set is sent, whatever the version of the protocol. */
export interface Rows {
  readonly rows: readonly Row[];
  /** How many series cannot be sent: without a name, or the same as an earlier one. */
  readonly dropped: number;
  /** How many the user's rules leave out. */
  readonly relabelled: number;
  /** `target_info`, which has no value in the set; its place is behind the last one. */
  readonly info: InfoRow | undefined;
}

const TARGET_INFO = makeFamily('target_info', 'gauge', 'Target metadata');

/** So many series between two pauses. */
const STEP = 256;

/** Pauses now and then: labels are made, translated and compared here for the first time. */
export function* rowsOf(set: SeriesSet, translator: Translator): Steps<Rows> {
  const labels: (Labels | undefined | 'rule')[] = [];
  let mayCollide = ownInfos(set).length > 1;
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
export function infoRow(series: Series, set: SeriesSet, translator: Translator): InfoRow | undefined {
  const labels = translator.targetInfo(series, set.resource);
  if (!labels) return undefined;
  const at = ownInfoOf(series, set);
  const told = at === undefined ? undefined : translator.labels(set.series[at]!, set.resource);
  const own = Array.isArray(told) ? (equalLabels(told, labels) ? 'same' : 'other') : undefined;
  return { series: makeSeries(TARGET_INFO, labels), at: set.series.length, labels, own };
}
