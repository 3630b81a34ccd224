import { equalLabels, type Labels, labelsKey, type Resource, type SeriesSet } from '#metrics';
import { laneOf, sourceOf } from './lanes.ts';
import { type Row, rowsOf } from './rows.ts';
import { buildSegment, type Segment } from './segment.ts';
import type { Translator } from './translate.ts';

/** Series in a segment. More saves a little, fewer costs less when one of them changes. */
const FULL = 128;
/** A changed run shorter than this takes the unchanged segment behind it in, so that churn does not leave crumbs. */
const SMALL = 32;

/** What a series set is in remote write: for each lane the segments that hold its series. */
export interface Template {
  readonly parts: readonly Part[];
  /** Native histograms, which no segment holds. */
  readonly natives: readonly Native[];
  /** How many series cannot be sent. */
  readonly dropped: number;
  /** How many series the user's rules leave out. */
  readonly relabelled: number;
  /** `target_info`, a part of one series with a value of its own. */
  readonly info: { readonly part: Part; readonly key: string } | undefined;
}

export interface Native {
  /** Its place in the set. */
  readonly at: number;
  readonly labels: Labels;
  readonly lane: number;
}

export interface Part {
  readonly lane: number;
  readonly segments: readonly Segment[];
  /** `index[i]` is the place in the set of the part's i-th series; absent where they are the same. */
  readonly index: Uint32Array | undefined;
  readonly resource: Resource;
}

/** Builds templates, with what a source's last one had and the new one still has. */
export class TemplateBuilder {
  readonly #translator: Translator;
  readonly #lanes: number;
  /** By lane and source: the last part made, for as long as its set lives. */
  readonly #last = new Map<string, WeakRef<Part>>();
  #sweepAt = 64;

  constructor(translator: Translator, lanes: number) {
    this.#translator = translator;
    this.#lanes = lanes;
  }

  build(set: SeriesSet): Template {
    const { rows, dropped, relabelled, info } = rowsOf(set, this.#translator);
    const parts = this.#byLane(rows.filter(({ series }) => !series.native)).map(([lane, own]) =>
      this.#part(lane, own, set.resource),
    );
    const natives = rows.flatMap(({ series, at, labels }) =>
      series.native ? [{ at, labels, lane: laneOf(series, this.#lanes) }] : [],
    );
    return { parts, natives, dropped, relabelled, info: info && this.#info(info, set.resource) };
  }

  #info(row: Row, resource: Resource): Template['info'] {
    const lane = laneOf(row.series, this.#lanes);
    const part = { lane, segments: [make([row])], index: undefined, resource };
    return { part, key: labelsKey(row.labels) };
  }

  #byLane(rows: readonly Row[]): [number, readonly Row[]][] {
    if (this.#lanes === 1) return rows.length ? [[0, rows]] : [];
    const lanes = new Map<number, Row[]>();
    for (const row of rows) {
      const lane = laneOf(row.series, this.#lanes);
      const own = lanes.get(lane);
      if (own) own.push(row);
      else lanes.set(lane, [row]);
    }
    return [...lanes];
  }

  #part(lane: number, rows: readonly Row[], resource: Resource): Part {
    const source = `${lane} ${sourceOf(rows[0]!.series)}`;
    const last = this.#last.get(source)?.deref();
    const before = last && equalLabels(last.resource.attributes, resource.attributes) ? last.segments : [];
    const index = rows.every((row, i) => row.at === i) ? undefined : Uint32Array.from(rows, (row) => row.at);
    const part = { lane, segments: assemble(rows, before), index, resource };
    this.#last.set(source, new WeakRef(part));
    this.#sweep();
    return part;
  }

  /** Sources come and go; their dead references must not pile up. */
  #sweep(): void {
    if (this.#last.size < this.#sweepAt) return;
    for (const [source, part] of this.#last) if (!part.deref()) this.#last.delete(source);
    this.#sweepAt = Math.max(64, this.#last.size * 2);
  }
}

function assemble(rows: readonly Row[], before: readonly Segment[]): readonly Segment[] {
  const byFirst = new Map(before.map((segment) => [segment.series[0]!, segment]));
  const segments: Segment[] = [];
  let from = 0;
  const build = (to: number) => {
    for (const cut of evenly(from, to)) segments.push(make(rows.slice(cut.from, cut.to)));
    from = to;
  };
  for (let at = 0; at < rows.length; ) {
    const known = byFirst.get(rows[at]!.series);
    if (!known || !continuesWith(rows, at, known)) {
      at++;
      continue;
    }
    const changed = at - from;
    at += known.series.length;
    if (changed > 0 && changed < SMALL) continue;
    build(at - known.series.length);
    segments.push(known);
    from = at;
  }
  build(rows.length);
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

const make = (rows: readonly Row[]): Segment =>
  buildSegment(
    rows.map((row) => row.series),
    rows.map((row) => row.labels),
  );
