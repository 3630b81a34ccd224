import { recordEnds } from './records.ts';
import { compress, decompress, joinElements } from './snappy.ts';
import { varintLength } from './wire.ts';

/** One request body: a WriteRequest, packed with snappy. */
export interface WriteBody {
  readonly bytes: Buffer;
  /** Bytes of the message before packing. */
  readonly length: number;
  readonly samples: number;
  /** Bodies of one lane hold the same sources' samples and must be sent in order; those of different lanes need not. */
  readonly lane: number;
}

/** Several bodies of a lane as one. Both protobuf's repeated fields and snappy's elements can simply follow one another. */
export function joinBodies(bodies: readonly WriteBody[]): WriteBody {
  if (bodies.length === 1) return bodies[0]!;
  const length = bodies.reduce((sum, body) => sum + body.length, 0);
  const samples = bodies.reduce((sum, body) => sum + body.samples, 0);
  const elements = bodies.map((body) => body.bytes.subarray(varintLength(body.length)));
  return { bytes: joinElements(length, elements), length, samples, lane: bodies[0]!.lane };
}

/** A body as two of about half its bytes, in order; undefined when it holds but one series. */
export function halveBody(body: WriteBody): [WriteBody, WriteBody] | undefined {
  const message = decompress(body.bytes, body.length);
  const ends = recordEnds(message);
  if (ends.length < 2) return undefined;
  let first = 1;
  while (first < ends.length - 1 && ends[first]! <= message.length / 2) first++;
  const cut = ends[first - 1]!;
  const samples = countSeries(message, ends.subarray(0, first));
  const half = (from: number, to: number, count: number): WriteBody => ({
    bytes: compress(message.subarray(from, to)),
    length: to - from,
    samples: count,
    lane: body.lane,
  });
  return [half(0, cut, samples), half(cut, message.length, body.samples - samples)];
}

/** How many of a message's fields are series, each of which has one sample; metadata has none. */
function countSeries(message: Uint8Array, ends: Uint32Array): number {
  return ends.reduce((count, _, i) => count + (message[i ? ends[i - 1]! : 0] === 0x0a ? 1 : 0), 0);
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
