import { atOnce, inTurns, type Steps } from '#kit';
import { equalLabels, type Labels, labelsKey, type Resource, type SeriesSet } from '#metrics';
import { assemble, makeSegment } from './assemble.ts';
import { laneOf, sourceOf } from './lanes.ts';
import { isCurrent, type Loose, writeLoose } from './loose.ts';
import { ownInfos } from './own-info.ts';
import { type InfoRow, infoRow, type Row, rowsOf } from './rows.ts';
import type { Segment } from './segment.ts';
import type { Telling } from './target-info.ts';
import type { Translator } from './translate.ts';

/** What a series set is in remote write: for each lane the segments that hold its series. */
export interface Template {
  /** How often it was used. */
  uses: number;
  readonly parts: readonly Part[];
  /** Native histograms, which no segment holds. */
  readonly natives: readonly Native[];
  /** How many series cannot be sent. */
  readonly dropped: number;
  /** How many series the user's rules leave out. */
  readonly relabelled: number;
  /** `target_info`, a part of one series with a value of its own. */
  readonly info: (Telling & { readonly part: Part }) | undefined;
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
  /** In place of segments, while the source changes often. */
  readonly loose?: Loose;
  /** `index[i]` is the place in the set of the part's i-th series; absent where they are the same. */
  readonly index: Uint32Array | undefined;
  readonly resource: Resource;
}

/** A set that was used as often is worth packing; one whose predecessor was not, is not worth it yet. */
const STABLE = 8;
/** Series from which on a template takes long enough to let others have their turn. */
const LARGE = 1 << 14;
/** Series between two pauses. */
const STEP = 256;

/** Makes templates, with what a source's last one had and the new one still has. */
export class TemplateBuilder {
  readonly #translator: Translator;
  readonly #lanes: number;
  readonly #templates = new WeakMap<SeriesSet, Template>();
  /** By source: its last template, for as long as the set lives. */
  readonly #last = new Map<string, WeakRef<Template>>();
  #sweepAt = 64;

  constructor(translator: Translator, lanes: number) {
    this.#translator = translator;
    this.#lanes = lanes;
  }

  /** The template of a set. */
  of(set: SeriesSet): Template {
    return this.#known(set) ?? this.#keep(set, this.#lastOf(set));
  }

  /** Makes the template of a large set, where there is none, with a turn for others between its parts. */
  prepare(set: SeriesSet, turn: () => Promise<void>): Promise<void> | undefined {
    if (set.series.length < LARGE || this.#known(set)) return undefined;
    const last = this.#lastOf(set);
    return inTurns(this.#make(set, last), turn).then((template) => void this.#store(set, template, last));
  }

  /** The template of a set whose records are no longer in their book. */
  again(set: SeriesSet): Template {
    return this.#keep(set, undefined);
  }

  /** The one that is good enough. */
  #known(set: SeriesSet): Template | undefined {
    const known = this.#templates.get(set);
    return known && !(known.parts[0]?.loose && known.uses >= STABLE) ? known : undefined;
  }

  /** What the source's next template may take from; nothing where a set has become worth packing. */
  #lastOf(set: SeriesSet): Template | undefined {
    return this.#templates.has(set) ? undefined : this.#last.get(keyOf(set))?.deref();
  }

  #keep(set: SeriesSet, last: Template | undefined): Template {
    return this.#store(set, atOnce(this.#make(set, last)), last);
  }

  *#make(set: SeriesSet, last: Template | undefined): Steps<Template> {
    const unstable = last !== undefined && last.uses < STABLE && set.series.length > 0 && ownInfos(set).length < 2;
    return (unstable ? yield* this.#loose(set, last) : undefined) ?? (yield* this.#build(set, last));
  }

  #store(set: SeriesSet, template: Template, last: Template | undefined): Template {
    this.#templates.set(set, template);
    // What is said of a source beside its page (what vanished, how the scrape went) is no predecessor of its next page.
    if (!last || sizeOf(template) * 2 >= sizeOf(last)) this.#last.set(keyOf(set), new WeakRef(template));
    this.#sweep();
    return template;
  }

  *#loose(set: SeriesSet, last: Template): Steps<Template | undefined> {
    const first = set.series[0]!;
    const kept = last.parts[0]?.loose;
    const from = kept && isCurrent(kept) && sameResource(set, last) ? kept.book : undefined;
    const into = set.series.length * 2 >= sizeOf(last) ? from : undefined;
    const loose = yield* writeLoose(set, sourceOf(first), this.#translator, { from, into });
    if (!loose) return undefined;
    const part = { lane: laneOf(first, this.#lanes), segments: [], loose, index: undefined, resource: set.resource };
    const info = infoRow(first, set, this.#translator);
    return {
      uses: 0,
      parts: [part],
      natives: [],
      dropped: 0,
      relabelled: 0,
      info: info && this.#info(info, set, last),
    };
  }

  /** Pauses between series, and between segments. */
  *#build(set: SeriesSet, last: Template | undefined): Steps<Template> {
    const { rows, dropped, relabelled, info } = yield* rowsOf(set, this.#translator);
    const known = last && sameResource(set, last) ? last.parts : [];
    const parts: Part[] = [];
    for (const [lane, own] of yield* this.#byLane(rows.filter(({ series }) => !series.native))) {
      const before = known.find((part) => part.lane === lane)?.segments ?? [];
      const index = own.every((row, i) => row.at === i) ? undefined : Uint32Array.from(own, (row) => row.at);
      parts.push({ lane, segments: yield* assemble(own, before), index, resource: set.resource });
    }
    const natives = rows.flatMap(({ series, at, labels }) =>
      series.native ? [{ at, labels, lane: laneOf(series, this.#lanes) }] : [],
    );
    return { uses: 0, parts, natives, dropped, relabelled, info: info && this.#info(info, set, last) };
  }

  #info(row: InfoRow, { resource }: SeriesSet, last: Template | undefined): Template['info'] {
    const key = labelsKey(row.labels);
    const { own } = row;
    if (last?.info?.key === key) return last.info.own === own ? last.info : { ...last.info, own };
    const lane = laneOf(row.series, this.#lanes);
    return { part: { lane, segments: [makeSegment([row])], index: undefined, resource }, key, own };
  }

  *#byLane(rows: readonly Row[]): Steps<[number, readonly Row[]][]> {
    if (this.#lanes === 1) return rows.length ? [[0, rows]] : [];
    const lanes = new Map<number, Row[]>();
    for (const row of rows) {
      const lane = laneOf(row.series, this.#lanes);
      if (row.at % STEP === STEP - 1) yield;
      const own = lanes.get(lane);
      if (own) own.push(row);
      else lanes.set(lane, [row]);
    }
    return [...lanes];
  }

  /** Sources come and go; their dead references must not pile up. */
  #sweep(): void {
    if (this.#last.size < this.#sweepAt) return;
    for (const [source, template] of this.#last) if (!template.deref()) this.#last.delete(source);
    this.#sweepAt = Math.max(64, this.#last.size * 2);
  }
}

const keyOf = ({ series }: SeriesSet): string => (series[0] ? sourceOf(series[0]) : '');

const sameResource = ({ resource }: SeriesSet, { parts }: Template): boolean =>
  parts[0] !== undefined && equalLabels(parts[0].resource.attributes, resource.attributes);

/** Series that a template sends as samples. */
function sizeOf({ parts }: Template): number {
  return parts.reduce((sum, { loose, segments }) => sum + (loose ? loose.set.series.length : countOf(segments)), 0);
}

const countOf = (segments: readonly Segment[]): number => segments.reduce((sum, { series }) => sum + series.length, 0);
