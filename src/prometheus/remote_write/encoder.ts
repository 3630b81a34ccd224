import { type Batch, isStale, markStale, type SeriesSet, type Snapshot } from '#metrics';
import { BodyPool, type WriteBody } from './body.ts';
import { type Part, type Template, TemplateBuilder } from './template.ts';
import { createTranslator, type TranslateOptions } from './translate.ts';
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
  /** Samples that cannot be sent: their series has no name, or comes out the same as another one of its source. */
  readonly dropped: number;
}

/** Batches as bodies of Remote Write 1.0 requests. */
export interface RemoteWriteEncoder {
  encode(batch: Batch): Encoded;
  /** Takes back the memory of a body that nobody needs any more. */
  recycle(body: WriteBody): void;
}

export function createRemoteWriteEncoder(options: EncoderOptions): RemoteWriteEncoder {
  return new TemplateEncoder(options);
}

class TemplateEncoder implements RemoteWriteEncoder {
  readonly #maxLength: number;
  readonly #builder: TemplateBuilder;
  readonly #templates = new WeakMap<SeriesSet, Template>();
  readonly #memory = { out: new Scratch(), run: new Scratch(), pool: new BodyPool() };

  constructor(options: EncoderOptions) {
    this.#maxLength = options.maxLength;
    this.#builder = new TemplateBuilder(createTranslator(options), options.lanes);
  }

  encode(batch: Batch): Encoded {
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
      for (const { part, column } of parts) write(part, column, writer);
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
}

function write({ segments, index }: Part, column: Column, writer: BodyWriter): void {
  let first = 0;
  for (const segment of segments) {
    writer.add(segment, { ...column, index, first });
    first += segment.series.length;
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
  if (!times) return { set, values: more, time };
  const moreTimes = new Float64Array(more.length).fill(time);
  moreTimes.set(times);
  return { set, values: more, time, times: moreTimes };
}
