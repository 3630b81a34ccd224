import type { BodyPool, WriteBody } from './body.ts';
import type { Packed } from './pack.ts';
import { hasSixBytes, type Raw, reframe, reframedLength, STAMP_BACK, VALUE_BACK } from './segment.ts';
import { compressElements, maxCompressedLength } from './snappy.ts';
import { varintLength, writeVarint } from './wire.ts';

/** Compressed by then, so that scratch memory stays small: snappy looks back no further than 64 KiB anyway. */
const LONG_RUN = 48 * 1024;

/** The values of one segment. */
export interface Column {
  /** As bits, so that a NaN keeps its own; a copy from one such array to bytes makes no BigInt. */
  bits: BigUint64Array;
  /** Sample i has value `index ? index[first + i] : first + i`. */
  index: Uint32Array | undefined;
  first: number;
  time: number;
  times: Float64Array | undefined;
}

/**
 * Writes segments into request bodies of at most `maxLength` message bytes (a single larger series has a body to itself).
 * Packed segments go straight to the output; the records of others gather in a run that is compressed when one ends.
 */
export class BodyWriter {
  readonly #maxLength: number;
  readonly #lane: number;
  readonly #bodies: WriteBody[] = [];
  #length = 0;
  #samples = 0;
  readonly #out: Scratch;
  readonly #run: Scratch;
  readonly #pool: BodyPool;

  constructor(maxLength: number, lane: number, memory: { out: Scratch; run: Scratch; pool: BodyPool }) {
    this.#maxLength = maxLength;
    this.#lane = lane;
    this.#out = memory.out;
    this.#run = memory.run;
    this.#pool = memory.pool;
    this.#out.used = 0;
    this.#run.used = 0;
  }

  /** Whether a segment of so many bytes can go into one body; makes room for it when it can. */
  fits(length: number): boolean {
    if (length > this.#maxLength) return false;
    this.#roomFor(length);
    return true;
  }

  /** A packed segment, all of it with the column's one `time`. `fits` has been asked. */
  addPacked(packed: Packed, length: number, column: Column): void {
    this.#closeRun();
    const out = this.#out;
    const base = out.reserve(packed.bytes.length);
    out.bytes.set(packed.bytes, base);
    const { bits, index, first } = column;
    const { values, stamps } = packed;
    const { view } = out;
    for (let i = 0; i < values.length; i++) {
      view.setBigUint64(base + values[i]!, bits[index ? index[first + i]! : first + i]!, true);
    }
    const stamp = stampOf(column.time);
    for (const place of stamps) out.bytes[base + (place >>> 3)] = stamp[place & 7]!;
    this.#count(length, values.length);
  }

  /** All records at once. `fits` has been asked. */
  addRaw(raw: Raw, column: Column): void {
    const run = this.#run;
    const base = run.reserve(raw.bytes.length);
    run.bytes.set(raw.bytes, base);
    for (let i = 0; i < raw.ends.length; i++) this.#patch(base + raw.ends[i]!, column, i);
    this.#count(raw.bytes.length, raw.ends.length);
    if (run.used >= LONG_RUN) this.#closeRun();
  }

  /** Record by record, over as many bodies as it takes, with timestamps of any length. */
  addEach(raw: Raw, column: Column): void {
    let start = 0;
    for (let i = 0; i < raw.ends.length; i++) {
      const record = raw.bytes.subarray(start, raw.ends[i]!);
      start = raw.ends[i]!;
      const time = Math.trunc(column.times ? column.times[valueIndex(column, i)]! : column.time);
      const length = hasSixBytes(time) ? record.length : reframedLength(record, time);
      this.#roomFor(length);
      const at = this.#run.reserve(length);
      if (length === record.length && hasSixBytes(time)) {
        this.#run.bytes.set(record, at);
        this.#patch(at + length, column, i);
      } else {
        reframe(record, time, column.bits[valueIndex(column, i)]!, this.#run.bytes, at);
      }
      this.#count(length, 1);
      if (this.#run.used >= LONG_RUN) this.#closeRun();
    }
  }

  finish(): WriteBody[] {
    this.#close();
    return this.#bodies;
  }

  #patch(end: number, column: Column, i: number): void {
    const at = valueIndex(column, i);
    this.#run.view.setBigUint64(end - VALUE_BACK, column.bits[at]!, true);
    const stamp = stampOf(column.times ? column.times[at]! : column.time);
    for (let k = 0; k < STAMP_BACK; k++) this.#run.bytes[end - STAMP_BACK + k] = stamp[k]!;
  }

  #count(length: number, samples: number): void {
    this.#length += length;
    this.#samples += samples;
  }

  #roomFor(length: number): void {
    if (this.#length && this.#length + length > this.#maxLength) this.#close();
  }

  #closeRun(): void {
    const { used, bytes } = this.#run;
    if (!used) return;
    const at = this.#out.reserve(maxCompressedLength(used));
    this.#out.used = compressElements(bytes, used, this.#out.bytes, at);
    this.#run.used = 0;
  }

  #close(): void {
    this.#closeRun();
    if (!this.#length) return;
    const preamble = varintLength(this.#length);
    const bytes = this.#pool.take(preamble + this.#out.used);
    writeVarint(bytes, 0, this.#length);
    this.#out.bytes.copy(bytes, preamble, 0, this.#out.used);
    this.#bodies.push({ bytes, length: this.#length, samples: this.#samples, lane: this.#lane });
    this.#out.used = 0;
    this.#length = 0;
    this.#samples = 0;
  }
}

const valueIndex = ({ index, first }: Column, i: number): number => (index ? index[first + i]! : first + i);

const stamp = new Uint8Array(STAMP_BACK);
let stampTime = Number.NaN;

/** The six bytes of a timestamp; the same array each time. */
function stampOf(time: number): Uint8Array {
  if (time !== stampTime) writeVarint(stamp, 0, time);
  stampTime = time;
  return stamp;
}

/** Bytes to write into, kept from one body to the next and grown as needed. */
export class Scratch {
  bytes = Buffer.allocUnsafeSlow(1 << 16);
  view = new DataView(this.bytes.buffer);
  used = 0;

  /** Makes room for so many more bytes, and gives where they begin. */
  reserve(length: number): number {
    const at = this.used;
    this.used += length;
    if (this.used > this.bytes.length) this.#grow(at);
    return at;
  }

  #grow(keep: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.used, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, keep);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}
