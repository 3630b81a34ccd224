import type { BodyPool, WriteBody } from './body.ts';
import { isCurrent, type Loose } from './loose.ts';
import { hasSixBytes, type Records, reframe, reframedLength, STAMP_BACK, VALUE_BACK } from './records.ts';
import { recordsOf, type Segment } from './segment.ts';
import { compressElements, maxCompressedLength } from './snappy.ts';
import { varintLength, writeVarint } from './wire.ts';

/** Compressed by then, so that scratch memory stays small: snappy looks back no further than 64 KiB anyway. */
const LONG_RUN = 48 * 1024;

/** The values of one segment. */
export interface Column {
  /** As bits, so that a NaN keeps its own; a copy from one such array to bytes makes no BigInt. */
  readonly bits: BigUint64Array;
  /** Sample i has value `index ? index[first + i] : first + i`. */
  readonly index: Uint32Array | undefined;
  readonly first: number;
  readonly time: number;
  readonly times: Float64Array | undefined;
}

const valueIndex = ({ index, first }: Column, i: number): number => (index ? index[first + i]! : first + i);

/** The one time that all samples of a column have, when its varint has six bytes; undefined when there is none. */
function commonTime(column: Column, count: number): number | undefined {
  const { times } = column;
  const time = times ? Math.trunc(times[valueIndex(column, 0)]!) : column.time;
  if (!hasSixBytes(time)) return undefined;
  if (times) {
    for (let i = 1; i < count; i++) if (Math.trunc(times[valueIndex(column, i)]!) !== time) return undefined;
  }
  return time;
}

/**
 * Writes segments into request bodies of at most `maxLength` message bytes (a single larger series has a body to itself).
 * Packed segments go straight to the output; records that cannot gather in a run, which is compressed when one ends.
 */
export class BodyWriter {
  readonly #maxLength: number;
  readonly #lane: number;
  readonly #bodies: WriteBody[] = [];
  readonly #out: Scratch;
  readonly #run: Scratch;
  readonly #pool: BodyPool;
  #length = 0;
  #samples = 0;

  constructor(maxLength: number, lane: number, memory: { out: Scratch; run: Scratch; pool: BodyPool }) {
    this.#maxLength = maxLength;
    this.#lane = lane;
    this.#out = memory.out;
    this.#run = memory.run;
    this.#pool = memory.pool;
    this.#out.used = 0;
    this.#run.used = 0;
  }

  add(segment: Segment, column: Column): void {
    const time = commonTime(column, segment.series.length);
    if (time === undefined || segment.length > this.#maxLength) this.#addEach(recordsOf(segment), column);
    else this.#addPacked(segment, column, time);
  }

  /** Records as they are, in runs that are compressed as one. */
  addLoose(loose: Loose, column: Column): void {
    if (!isCurrent(loose)) throw new Error('the records of this set were overwritten');
    const { bytes, ends } = loose.book;
    const time = commonTime(column, ends.length);
    if (time === undefined) {
      this.#addEach(loose.book, column);
      return;
    }
    const stamp = stampOf(time);
    for (let from = 0; from < ends.length; ) from = this.#addRun(bytes, ends, from, column, stamp);
  }

  finish(): WriteBody[] {
    this.#close();
    return this.#bodies;
  }

  #addPacked({ packed, length }: Segment, { bits, index, first }: Column, time: number): void {
    this.#roomFor(length);
    this.#closeRun();
    const out = this.#out;
    const base = out.reserve(packed.bytes.length);
    out.bytes.set(packed.bytes, base);
    const { values, stamps } = packed;
    const { view } = out;
    for (let i = 0; i < values.length; i++) {
      view.setBigUint64(base + values[i]!, bits[index ? index[first + i]! : first + i]!, true);
    }
    const stamp = stampOf(time);
    for (const place of stamps) out.bytes[base + (place >>> 3)] = stamp[place & 7]!;
    this.#length += length;
    this.#samples += values.length;
  }

  /** Records from the one at `from` on, as many as a run takes. Gives the next one. */
  #addRun(bytes: Buffer, ends: Uint32Array, from: number, { bits, index, first }: Column, stamp: Uint8Array): number {
    const start = from === 0 ? 0 : ends[from - 1]!;
    const most = Math.min(LONG_RUN, this.#maxLength);
    let to = from + 1;
    while (to < ends.length && ends[to]! - start <= most) to++;
    const length = ends[to - 1]! - start;
    this.#roomFor(length);
    const run = this.#run;
    const base = run.reserve(length) - start;
    run.bytes.set(bytes.subarray(start, start + length), base + start);
    for (let i = from; i < to; i++) {
      const end = base + ends[i]!;
      run.view.setBigUint64(end - VALUE_BACK, bits[index ? index[first + i]! : first + i]!, true);
      for (let k = 0; k < STAMP_BACK; k++) run.bytes[end - STAMP_BACK + k] = stamp[k]!;
    }
    this.#length += length;
    this.#samples += to - from;
    if (run.used >= LONG_RUN / 2) this.#closeRun();
    return to;
  }

  /** Record by record, over as many bodies as it takes, with timestamps of any length. */
  #addEach({ bytes, ends }: Records, column: Column): void {
    ends.forEach((end, i) => {
      const record = bytes.subarray(i ? ends[i - 1]! : 0, end);
      const at = valueIndex(column, i);
      const time = Math.trunc(column.times ? column.times[at]! : column.time);
      const length = reframedLength(record, time);
      this.#roomFor(length);
      const start = this.#run.reserve(length);
      reframe(record, time, column.bits[at]!, this.#run.bytes, start);
      this.#length += length;
      this.#samples++;
      if (this.#run.used >= LONG_RUN) this.#closeRun();
    });
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
    const counts = { samples: this.#samples, histograms: 0, exemplars: 0 };
    this.#bodies.push({ version: 1, bytes, length: this.#length, ...counts, lane: this.#lane });
    this.#out.used = 0;
    this.#length = 0;
    this.#samples = 0;
  }
}

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
