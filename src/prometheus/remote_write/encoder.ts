import type { Batch, Snapshot } from '#metrics';
import { joinBodies, shrink } from './bodies.ts';
import { BodyPool, makeWriteRequest, type WriteBody } from './body.ts';
import { Bytes } from './bytes.ts';
import { bitsOf, histogramSample } from './column.ts';
import { ExemplarFilter } from './exemplars.ts';
import { writeExemplars, writeNative } from './extras.ts';
import { laneOf } from './lanes.ts';
import { isCurrent } from './loose.ts';
import { type InfoSharing, sharingOf } from './own-info.ts';
import { TargetInfoTeller } from './target-info.ts';
import { type Part, type Template, TemplateBuilder } from './template.ts';
import { createTranslator, type TranslateOptions, type Translator } from './translate.ts';
import { BodyWriter, type Column, Scratch } from './writer.ts';

export interface EncoderOptions extends TranslateOptions {
  /** Bodies are made for so many lanes. Each series has its lane for good. */
  lanes: number;
  /** The most message bytes in a body, before packing. A series that alone is larger has a body to itself. */
  maxLength: number;
}

export interface Encoded {
  /** Those of one lane in the order to send them. */
  readonly bodies: readonly WriteBody[];
  /**
   * Samples that cannot be sent: their series has no name, or comes out the same as another one of its source.
   */
  readonly dropped: number;
  /** Samples that the user's rules leave out. */
  readonly relabelled: number;
  /** Exemplars, so far, that are left out because they are older than the last one of their series. */
  readonly oldExemplars: number;
}

/** Batches as request bodies. */
export interface RemoteWriteEncoder {
  /**
   * Does beforehand, with turns for others in between, what `encode` would do for large sets that are new; undefined when there is
   * nothing of the kind. `turn` is called between two pieces of the work.
   */
  prepare?(batch: Batch, turn: () => Promise<void>): Promise<void> | undefined;
  encode(batch: Batch): Encoded;
  /** Takes back the memory of a body that nobody needs any more. */
  recycle(body: WriteBody): void;
}

export function createRemoteWriteEncoder(options: EncoderOptions): RemoteWriteEncoder {
  return new TemplateEncoder(options);
}

class TemplateEncoder implements RemoteWriteEncoder {
  readonly #maxLength: number;
  readonly #lanes: number;
  readonly #translator: Translator;
  readonly #builder: TemplateBuilder;
  readonly #teller = new TargetInfoTeller();
  readonly #sharing: InfoSharing | undefined;
  readonly #exemplars = new ExemplarFilter();
  readonly #memory = { out: new Scratch(), run: new Scratch(), pool: new BodyPool() };

  constructor(options: EncoderOptions) {
    this.#maxLength = options.maxLength;
    this.#lanes = options.lanes;
    this.#sharing = sharingOf(options);
    this.#translator = createTranslator(options);
    this.#builder = new TemplateBuilder(this.#translator, options.lanes);
  }

  prepare(given: Batch, turn: () => Promise<void>): Promise<void> | undefined {
    let all: Promise<void> | undefined;
    for (const { set } of this.#sharing?.share(given) ?? given) {
      if (all) all = all.then(() => this.#builder.prepare(set, turn));
      else all = this.#builder.prepare(set, turn);
    }
    return all;
  }

  encode(given: Batch): Encoded {
    const batch = this.#sharing?.share(given) ?? given;
    const byLane = new Map<number, { part: Part; column: Column }[]>();
    let dropped = 0;
    let relabelled = 0;
    const extras = new Map<number, Bytes>();
    const infos = this.#teller.choose(batch, ({ set }) => this.#builder.of(set).info);
    const add = (part: Part, column: Column) => {
      const own = byLane.get(part.lane);
      if (own) own.push({ part, column });
      else byLane.set(part.lane, [{ part, column }]);
    };
    for (const snapshot of batch) {
      const template = this.#builder.of(snapshot.set);
      template.uses++;
      const column = columnOf(snapshot);
      dropped += template.dropped;
      this.#extras(snapshot, template, extras);
      relabelled += template.relabelled;
      for (const part of template.parts) add(part, column);
      const info = infos.get(snapshot);
      if (info !== undefined) add(template.info!.part, { ...column, bits: BigUint64Array.of(info), times: undefined });
    }
    const bodies: WriteBody[] = [];
    for (const lane of extras.keys()) if (!byLane.has(lane)) byLane.set(lane, []);
    for (const [lane, parts] of byLane) {
      const writer = new BodyWriter(this.#maxLength, lane, this.#memory);
      for (const { part, column } of parts) this.#write(part, column, writer);
      bodies.push(...this.#joined(writer.finish(), extraBodies(extras.get(lane), lane, this.#maxLength)));
    }
    return { bodies, dropped, relabelled, oldExemplars: this.#exemplars.outOfOrder };
  }

  #write({ segments, loose, index, lane }: Part, column: Column, writer: BodyWriter): void {
    if (loose && isCurrent(loose)) {
      writer.addLoose(loose, column);
      return;
    }
    // Another set of the source was written meanwhile, and this one comes again: it has to be packed.
    const packed = loose && this.#builder.again(loose.set).parts.find((part) => part.lane === lane);
    let first = 0;
    for (const segment of packed?.segments ?? segments) {
      writer.add(segment, { ...column, index: packed ? packed.index : index, first });
      first += segment.series.length;
    }
  }

  #extras(snapshot: Snapshot, { natives }: Template, extras: Map<number, Bytes>): void {
    const of = (lane: number) => extras.get(lane) ?? extras.set(lane, new Bytes()).get(lane)!;
    for (const { at, labels, lane } of natives) writeNative(of(lane), labels, histogramSample(snapshot, at, 0));
    const { series, resource } = snapshot.set;
    for (const [at, own] of this.#exemplars.fresh(snapshot) ?? []) {
      const labels = this.#translator.labels(series[at]!, resource);
      if (labels && labels !== 'rule') {
        writeExemplars(of(laneOf(series[at]!, this.#lanes)), labels, own);
      }
    }
  }

  /** The extras ride with the last body where they fit. */
  #joined(bodies: readonly WriteBody[], extras: readonly WriteBody[]): readonly WriteBody[] {
    const last = bodies.at(-1);
    const [first, ...rest] = extras;
    if (!last || !first || last.length + first.length > this.#maxLength) return [...bodies, ...extras];
    const joined = joinBodies([last, first]);
    this.recycle(last);
    return [...bodies.slice(0, -1), joined, ...rest];
  }

  recycle(body: WriteBody): void {
    this.#memory.pool.give(body.bytes);
  }
}

function columnOf(snapshot: Snapshot): Column {
  return { bits: bitsOf(snapshot), index: undefined, first: 0, time: Math.trunc(snapshot.time), times: snapshot.times };
}

/** What comes once in a while, behind the samples of its lane: native histograms and exemplars, as one body or more. */
function extraBodies(extras: Bytes | undefined, lane: number, maxLength: number): readonly WriteBody[] {
  return extras ? shrink(makeWriteRequest(extras.view(), lane), maxLength) : [];
}
