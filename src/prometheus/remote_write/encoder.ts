import type { Clock } from '#clock';
import { type Batch, isStale, markStale, type SeriesSet, type Snapshot } from '#metrics';
import { BodyPool, type WriteBody } from './body.ts';
import { pack } from './pack.ts';
import { hasSixBytes, rawOf, type Segment } from './segment.ts';
import { type Part, type Template, TemplateBuilder } from './template.ts';
import { createTranslator, type TranslateOptions } from './translate.ts';
import { BodyWriter, type Column, Scratch } from './writer.ts';

export interface EncoderOptions extends TranslateOptions {
  clock: Clock;
  /** Bodies are made for so many lanes. Each series has its lane for good. */
  lanes: number;
  /** The most message bytes in a body, before packing. A series that alone is larger has a body to itself. */
  maxLength: number;
}

export interface Encoded {
  /** Those of one lane in the order to send them. */
  readonly bodies: readonly WriteBody[];
  /** Samples that cannot be sent: their series has no name, or comes out the same as another one of its source. */
  readonly dropped: number;
}

/** Batches as bodies of Remote Write 1.0 requests. */
export interface RemoteWriteEncoder {
  encode(batch: Batch): Encoded;
  /** Takes back the memory of a body that nobody needs any more. */
  recycle(body: WriteBody): void;
}

/** A segment is worth packing when it has come so often unchanged. */
const STABLE = 5;
/** Packing one takes about half a millisecond: so many a second cost a tenth of a core, so many at once no visible pause. */
const PACKED_PER_MS = 0.2;
const PACKED_AT_ONCE = 16;

export function createRemoteWriteEncoder(options: EncoderOptions): RemoteWriteEncoder {
  return new TemplateEncoder(options);
}

class TemplateEncoder implements RemoteWriteEncoder {
  readonly #clock: Clock;
  readonly #maxLength: number;
  readonly #builder: TemplateBuilder;
  readonly #templates = new WeakMap<SeriesSet, Template>();
  readonly #memory = { out: new Scratch(), run: new Scratch(), pool: new BodyPool() };
  #mayPack = PACKED_AT_ONCE;
  #lastPacked: number;

  constructor(options: EncoderOptions) {
    this.#clock = options.clock;
    this.#maxLength = options.maxLength;
    this.#builder = new TemplateBuilder(createTranslator(options), options.lanes);
    this.#lastPacked = options.clock.monotonic();
  }

  encode(batch: Batch): Encoded {
    this.#earnPacking();
    const byLane = new Map<number, { part: Part; column: Column }[]>();
    let dropped = 0;
    for (const snapshot of batch) {
      const template = this.#templateOf(snapshot.set);
      const column = columnOf(snapshot, template);
      dropped += template.dropped;
      for (const part of template.parts) {
        const own = byLane.get(part.lane);
        if (own) own.push({ part, column });
        else byLane.set(part.lane, [{ part, column }]);
      }
    }
    const bodies: WriteBody[] = [];
    for (const [lane, parts] of byLane) {
      const writer = new BodyWriter(this.#maxLength, lane, this.#memory);
      for (const { part, column } of parts) this.#write(part, column, writer);
      bodies.push(...writer.finish());
    }
    return { bodies, dropped };
  }

  recycle(body: WriteBody): void {
    this.#memory.pool.give(body.bytes);
  }

  #templateOf(set: SeriesSet): Template {
    let template = this.#templates.get(set);
    if (!template) {
      template = this.#builder.build(set);
      this.#templates.set(set, template);
    }
    return template;
  }

  #write({ segments, index }: Part, column: Column, writer: BodyWriter): void {
    const regular = !column.times && hasSixBytes(column.time);
    let first = 0;
    for (const segment of segments) {
      const own = { ...column, index, first };
      first += segment.series.length;
      if (regular) this.#consider(segment);
      if (!regular && !allSixBytes(own, segment.series.length)) writer.addEach(rawOf(segment), own);
      else if (!writer.fits(segment.length)) writer.addEach(rawOf(segment), own);
      else if (regular && segment.packed) writer.addPacked(segment.packed, segment.length, own);
      else writer.addRaw(rawOf(segment), own);
    }
  }

  /** Packs a segment once it has proved stable, as far as the time for that goes. */
  #consider(segment: Segment): void {
    if (segment.packed || !segment.raw || ++segment.uses <= STABLE || this.#mayPack < 1) return;
    this.#mayPack--;
    segment.packed = pack(segment.raw);
    segment.raw = undefined;
  }

  #earnPacking(): void {
    const now = this.#clock.monotonic();
    this.#mayPack = Math.min(PACKED_AT_ONCE, this.#mayPack + (now - this.#lastPacked) * PACKED_PER_MS);
    this.#lastPacked = now;
  }
}

function columnOf(snapshot: Snapshot, template: Template): Column {
  const { values, times, time } = template.hasTargetInfo ? withTargetInfo(snapshot) : snapshot;
  const bits = new BigUint64Array(values.buffer, values.byteOffset, values.length);
  return { bits, index: undefined, first: 0, time: Math.trunc(time), times };
}

/** The snapshot with one value more: 1, or stale as soon as everything that the source reports is. */
function withTargetInfo({ set, values, time, times }: Snapshot): Snapshot {
  const more = new Float64Array(values.length + 1);
  new Uint8Array(more.buffer).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  more[values.length] = 1;
  if (values.every((_, i) => isStale(values, i))) markStale(more, values.length);
  return { set, values: more, time, ...(times ? { times: Float64Array.of(...times, time) } : {}) };
}

function allSixBytes({ times, time, index, first }: Column, count: number): boolean {
  if (!times) return hasSixBytes(time);
  for (let i = first; i < first + count; i++) if (!hasSixBytes(times[index ? index[i]! : i]!)) return false;
  return true;
}
