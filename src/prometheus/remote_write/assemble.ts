import type { Steps } from '#kit';
import type { Row } from './rows.ts';
import { buildSegment, type Segment } from './segment.ts';

/** Series in a segment. More saves a little, fewer costs less when one of them changes. */
const FULL = 128;
/** A changed run shorter than this takes the unchanged segment behind it in, so that churn does not leave crumbs. */
const SMALL = 32;

/** The segments of these rows: those of `before` that are whole in them, and new ones between. */
export function* assemble(rows: readonly Row[], before: readonly Segment[]): Steps<readonly Segment[]> {
  const byFirst = new Map(before.map((segment) => [segment.series[0]!, segment]));
  const segments: Segment[] = [];
  let from = 0;
  function* build(to: number): Steps<void> {
    for (const cut of evenly(from, to)) {
      segments.push(makeSegment(rows.slice(cut.from, cut.to)));
      yield;
    }
    from = to;
  }
  for (let at = 0; at < rows.length; ) {
    const known = byFirst.get(rows[at]!.series);
    if (!known || !continuesWith(rows, at, known)) {
      at++;
      continue;
    }
    const changed = at - from;
    at += known.series.length;
    if (changed > 0 && changed < SMALL) continue;
    yield* build(at - known.series.length);
    segments.push(known);
    from = at;
  }
  yield* build(rows.length);
  return segments;
}

function continuesWith(rows: readonly Row[], at: number, { series }: Segment): boolean {
  for (let i = 0; i < series.length; i++) if (rows[at + i]?.series !== series[i]) return false;
  return true;
}

/** Pieces of about equal size, none longer than a full segment. */
function evenly(from: number, to: number): { from: number; to: number }[] {
  const pieces = Math.ceil((to - from) / FULL);
  return Array.from({ length: pieces }, (_, i) => ({
    from: from + Math.floor(((to - from) * i) / pieces),
    to: from + Math.floor(((to - from) * (i + 1)) / pieces),
  }));
}

export const makeSegment = (rows: readonly Row[]): Segment =>
  buildSegment(
    rows.map((row) => row.series),
    rows.map((row) => row.labels),
  );
