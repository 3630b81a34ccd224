/**
 * Records as ready-made snappy elements. Decoding rules make it work: what changes from scrape to scrape, the values and the
 * timestamp, stands in literals, so patching those bytes gives a valid stream again. No copy reads a value; a later
 * timestamp is a copy of the first, because all in a segment are equal.
 */
import { type Records, STAMP_BACK, VALUE_BACK } from './records.ts';
import { copyCost, maxCompressedLength, writeCopy, writeLiteralTag } from './snappy.ts';

export interface Packed {
  readonly bytes: Buffer;
  /** Where in `bytes` each series' value stands. */
  readonly values: Uint32Array;
  /** Where timestamp bytes stand that no copy gives: `position << 3 | which of the six`. */
  readonly stamps: Uint32Array;
}

/** Symbols above bytes: timestamp bytes match only their own kind, and value bytes nothing at all. */
const STAMP = 0x100;
const VALUE = 0x200;
const HASH_BITS = 12;
const FARTHEST = 0xffff;

/** Working memory, kept: packing never waits for anything. */
const table = new Int32Array(1 << HASH_BITS);
let symbols = new Uint16Array(1 << 15);
let out = Buffer.allocUnsafeSlow(1 << 15);

export function pack({ bytes, ends }: Records): Packed {
  makeSymbols(bytes, ends);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const writer = new PackWriter();
  table.fill(-1);
  let record = 0;
  let stop = ends[0]! - VALUE_BACK;
  for (let s = 0; s < bytes.length; ) {
    if (s + 4 > stop) {
      // So near a value, or the end, nothing can match: go on behind it.
      if (stop === bytes.length) break;
      s = stop + 8;
      record++;
      stop = record < ends.length ? ends[record]! - VALUE_BACK : bytes.length;
      continue;
    }
    const slot = hash(view.getInt32(s, true));
    const candidate = table[slot]!;
    table[slot] = s;
    const length = candidate >= 0 && s - candidate <= FARTHEST ? matchLength(candidate, s, stop) : 0;
    // One byte more pays for the tag of the literal that a copy interrupts.
    if (length < 4 || length <= copyCost(s - candidate, length) + 1) {
      s++;
      continue;
    }
    writer.copy(s, s - candidate, length);
    s += length;
    if (s + 3 <= stop) table[hash(view.getInt32(s - 1, true))] = s - 1;
  }
  return writer.finish(bytes.length);
}

const hash = (word: number): number => Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);

/** How many symbols at `a` and `b` are the same, up to `stop` for `b`. */
function matchLength(a: number, b: number, stop: number): number {
  let n = 0;
  while (b + n < stop && symbols[a + n] === symbols[b + n] && symbols[a + n]! < VALUE) n++;
  return n;
}

function makeSymbols(bytes: Buffer, ends: Uint32Array): void {
  if (symbols.length < bytes.length) {
    symbols = new Uint16Array(bytes.length);
    out = Buffer.allocUnsafeSlow(maxCompressedLength(bytes.length) + bytes.length);
  }
  symbols.set(bytes);
  for (const end of ends) {
    for (let i = end - VALUE_BACK; i < end - VALUE_BACK + 8; i++) symbols[i] = VALUE;
    for (let i = 0; i < STAMP_BACK; i++) symbols[end - STAMP_BACK + i] = STAMP + i;
  }
}

class PackWriter {
  readonly #values: number[] = [];
  readonly #stamps: number[] = [];
  #at = 0;
  #written = 0;

  copy(s: number, offset: number, length: number): void {
    this.#literal(s);
    this.#at = writeCopy(out, this.#at, offset, length);
    this.#written = s + length;
  }

  finish(length: number): Packed {
    this.#literal(length);
    // In one piece of memory: three of them cost three times 200 bytes, which small segments feel.
    const numbers = [...this.#values, ...this.#stamps];
    const memory = new ArrayBuffer(numbers.length * 4 + this.#at);
    const places = new Uint32Array(memory, 0, numbers.length);
    places.set(numbers);
    const bytes = Buffer.from(memory, places.byteLength);
    out.copy(bytes, 0, 0, this.#at);
    const cut = this.#values.length;
    return { bytes, values: places.subarray(0, cut), stamps: places.subarray(cut) };
  }

  /** Everything up to `to` that no copy gives. Notes where values and timestamp bytes come to stand. */
  #literal(to: number): void {
    if (to === this.#written) return;
    this.#at = writeLiteralTag(out, this.#at, to - this.#written);
    for (let s = this.#written; s < to; s++) {
      const symbol = symbols[s]!;
      if (symbol === VALUE && symbols[s - 1] !== VALUE) this.#values.push(this.#at);
      else if (symbol >= STAMP && symbol < VALUE) this.#stamps.push((this.#at << 3) | (symbol - STAMP));
      out[this.#at++] = symbol;
    }
    this.#written = to;
  }
}
