import { type Counts, eachField } from './fields.ts';
import { recordEnds } from './records.ts';
import { compress, decompress, joinElements } from './snappy.ts';
import { varintLength } from './wire.ts';

/** One request body, packed with snappy: a WriteRequest of Remote Write 1.0 or a Request of 2.0. */
export interface WriteBody {
  readonly version: 1 | 2;
  readonly bytes: Buffer;
  /** Bytes of the message before packing. */
  readonly length: number;
  /** Native histograms included. */
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  /** Bodies of one lane hold the same sources' samples and must be sent in order; those of different lanes need not. */
  readonly lane: number;
}

/** Several WriteRequests of a lane as one. Both protobuf's repeated fields and snappy's elements can simply follow one another. */
export function joinWriteRequests(bodies: readonly WriteBody[]): WriteBody {
  const sum = (of: 'length' | keyof Counts) => bodies.reduce((total, body) => total + body[of], 0);
  const length = sum('length');
  const elements = bodies.map((body) => body.bytes.subarray(varintLength(body.length)));
  const counts = { samples: sum('samples'), histograms: sum('histograms'), exemplars: sum('exemplars') };
  return { version: 1, bytes: joinElements(length, elements), length, ...counts, lane: bodies[0]!.lane };
}

/** A WriteRequest as two of about half its bytes, in order; undefined when it holds but one series. */
export function halveWriteRequest(body: WriteBody): [WriteBody, WriteBody] | undefined {
  const message = decompress(body.bytes, body.length);
  const ends = recordEnds(message);
  if (ends.length < 2) return undefined;
  let first = 1;
  while (first < ends.length - 1 && ends[first]! <= message.length / 2) first++;
  const cut = ends[first - 1]!;
  return [makeWriteRequest(message.subarray(0, cut), body.lane), makeWriteRequest(message.subarray(cut), body.lane)];
}

export function makeWriteRequest(message: Uint8Array, lane: number): WriteBody {
  return { version: 1, bytes: compress(message), length: message.length, ...countsOf(message), lane };
}

function countsOf(message: Uint8Array): Counts {
  const counts = { samples: 0, histograms: 0, exemplars: 0 };
  eachField(message, 0, message.length, (kind, from, to) => {
    // Metadata has no samples.
    if (kind !== 1) return;
    eachField(message, from, to, (field) => {
      if (field === 2 || field === 4) counts.samples++;
      if (field === 3) counts.exemplars++;
      if (field === 4) counts.histograms++;
    });
  });
  return counts;
}

const PAGE = 4096;
const MOST_KEPT = 16;

/**
 * Memory for bodies, used again. It lies outside of the collector's heap, so without this each body would wait for a
 * collection that so little JavaScript garbage seldom brings.
 */
export class BodyPool {
  readonly #free: ArrayBuffer[] = [];
  /** What was taken and not given back: anything else, Node's own pooled memory above all, must not get in. */
  readonly #lent = new WeakSet<ArrayBufferLike>();

  take(length: number): Buffer {
    const at = this.#free.findIndex(({ byteLength }) => byteLength >= length && byteLength <= 2 * length + PAGE);
    const memory = at < 0 ? new ArrayBuffer(Math.ceil((length * 1.125) / PAGE) * PAGE) : this.#free.splice(at, 1)[0]!;
    this.#lent.add(memory);
    return Buffer.from(memory, 0, length);
  }

  /** `bytes` came from `take`; what did not is left to the collector. */
  give(bytes: Buffer): void {
    if (this.#lent.delete(bytes.buffer) && this.#free.length < MOST_KEPT) this.#free.push(bytes.buffer as ArrayBuffer);
  }
}
