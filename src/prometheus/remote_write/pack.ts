/**
 * A segment as ready-made snappy elements. Decoding rules make it work: what changes from scrape to scrape, the values and
 * the timestamp, stands in literals, so patching those bytes gives a valid stream again. No copy reads a value; a later
 * timestamp is a copy of the first, because all in a segment are equal.
 */

import { type Raw, STAMP_BACK, VALUE_BACK } from './segment.ts';
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
/** How many earlier places are compared; more finds little. */
const DEPTH = 12;

export function pack(raw: Raw): Packed {
  const symbols = symbolsOf(raw);
  const writer = new PackWriter(symbols);
  const finder = new MatchFinder(symbols);
  let s = 0;
  while (s < symbols.length) {
    const found = finder.longest(s);
    if (!found) {
      finder.remember(s++);
      continue;
    }
    writer.copy(s, finder.offset, finder.length);
    for (const end = s + finder.length; s < end; s++) finder.remember(s);
  }
  return writer.finish();
}

function symbolsOf({ bytes, ends }: Raw): Uint16Array {
  const symbols = Uint16Array.from(bytes);
  for (const end of ends) {
    symbols.fill(VALUE, end - VALUE_BACK, end - VALUE_BACK + 8);
    for (let i = 0; i < STAMP_BACK; i++) symbols[end - STAMP_BACK + i] = STAMP + i;
  }
  return symbols;
}

/** Finds earlier places that read the same, by chains of positions with equal hashes. */
class MatchFinder {
  offset = 0;
  length = 0;
  readonly #symbols: Uint16Array;
  readonly #last = new Int32Array(1 << HASH_BITS).fill(-1);
  readonly #before: Int32Array;

  constructor(symbols: Uint16Array) {
    this.#symbols = symbols;
    this.#before = new Int32Array(symbols.length);
  }

  /** Whether a copy to `s` saves bytes; `offset` and `length` then say which. */
  longest(s: number): boolean {
    const symbols = this.#symbols;
    this.length = 0;
    const slot = this.#hash(s);
    if (slot < 0) return false;
    let candidate = this.#last[slot]!;
    for (let depth = 0; candidate >= 0 && s - candidate <= FARTHEST && depth < DEPTH; depth++) {
      let n = 0;
      while (s + n < symbols.length && symbols[candidate + n] === symbols[s + n] && symbols[s + n]! < VALUE) n++;
      if (n > this.length) {
        this.length = n;
        this.offset = s - candidate;
      }
      candidate = this.#before[candidate]!;
    }
    // One byte more pays for the tag of the literal that the copy interrupts.
    return this.length >= 4 && this.length > copyCost(this.offset, this.length) + 1;
  }

  remember(s: number): void {
    const slot = this.#hash(s);
    if (slot < 0) return;
    this.#before[s] = this.#last[slot]!;
    this.#last[slot] = s;
  }

  /** Of the four symbols at `s`, or -1 where a value is among them or the end is too near. */
  #hash(s: number): number {
    if (s + 4 > this.#symbols.length) return -1;
    let word = 0;
    for (let i = s; i < s + 4; i++) {
      const symbol = this.#symbols[i]!;
      if (symbol >= VALUE) return -1;
      word = (Math.imul(word, 0x01000193) ^ symbol) >>> 0;
    }
    return Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
  }
}

class PackWriter {
  readonly #symbols: Uint16Array;
  readonly #out: Buffer;
  readonly #values: number[] = [];
  readonly #stamps: number[] = [];
  #at = 0;
  #written = 0;

  constructor(symbols: Uint16Array) {
    this.#symbols = symbols;
    this.#out = Buffer.allocUnsafe(maxCompressedLength(symbols.length) + symbols.length);
  }

  copy(s: number, offset: number, length: number): void {
    this.#literal(s);
    this.#at = writeCopy(this.#out, this.#at, offset, length);
    this.#written = s + length;
  }

  finish(): Packed {
    this.#literal(this.#symbols.length);
    const bytes = Buffer.allocUnsafeSlow(this.#at);
    this.#out.copy(bytes, 0, 0, this.#at);
    return { bytes, values: Uint32Array.from(this.#values), stamps: Uint32Array.from(this.#stamps) };
  }

  /** Everything up to `to` that no copy gives. Notes where values and timestamp bytes come to stand. */
  #literal(to: number): void {
    if (to === this.#written) return;
    this.#at = writeLiteralTag(this.#out, this.#at, to - this.#written);
    for (let s = this.#written; s < to; s++) {
      const symbol = this.#symbols[s]!;
      if (symbol === VALUE && this.#symbols[s - 1] !== VALUE) this.#values.push(this.#at);
      else if (symbol >= STAMP && symbol < VALUE) this.#stamps.push((this.#at << 3) | (symbol - STAMP));
      this.#out[this.#at++] = symbol;
    }
    this.#written = to;
  }
}
