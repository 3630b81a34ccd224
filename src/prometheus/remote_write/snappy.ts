/**
 * Snappy's block format (google/snappy, format_description.txt): the length as a varint, then elements. Elements only ever
 * look back relative to themselves, so element streams of several messages can be put one behind the other.
 */
import { readVarint, varintLength, writeVarint } from './wire.ts';

const BLOCK = 1 << 16;
const HASH_BITS = 14;
/** Positions within the block, by the hash of the four bytes there. Shared: compressing never waits for anything. */
const table = new Uint16Array(1 << HASH_BITS);
/** So near its end nothing is looked for, which keeps every four-byte load inside the block. */
const MARGIN = 15;

/** The most bytes that the elements for `length` bytes can take. */
export const maxCompressedLength = (length: number): number => 32 + length + Math.ceil(length / 6);

/** A whole block: preamble and elements. */
export function compress(source: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(maxCompressedLength(source.length));
  const start = writeVarint(out, 0, source.length);
  return out.subarray(0, compressElements(source, source.length, out, start));
}

/** Writes the elements for `source[0, length)` to `out` from `at`; gives the position behind them. No preamble. */
export function compressElements(source: Uint8Array, length: number, out: Uint8Array, at: number): number {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  let position = at;
  for (let base = 0; base < length; base += BLOCK) {
    position = compressBlock(source, view, base, Math.min(base + BLOCK, length), out, position);
  }
  return position;
}

const hash = (word: number): number => Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);

function compressBlock(
  source: Uint8Array,
  view: DataView,
  base: number,
  end: number,
  out: Uint8Array,
  start: number,
): number {
  const limit = end - MARGIN;
  let at = start;
  let literal = base;
  let s = base + 1;
  table.fill(0);
  search: while (s < limit) {
    // The longer nothing is found, the longer the steps: what does not compress is passed over quickly.
    let candidate = base;
    for (let skip = 32; ; skip += skip >>> 5) {
      const word = view.getInt32(s, true);
      const slot = hash(word);
      candidate = base + table[slot]!;
      table[slot] = s - base;
      if (word === view.getInt32(candidate, true)) break;
      s += skip >>> 5;
      if (s >= limit) break search;
    }
    at = writeLiteral(source, literal, s, out, at);
    for (;;) {
      const length = matchLength(source, view, candidate, s, end);
      at = writeCopy(out, at, s - candidate, length);
      s += length;
      literal = s;
      if (s >= limit) break search;
      table[hash(view.getInt32(s - 1, true))] = s - 1 - base;
      const word = view.getInt32(s, true);
      const slot = hash(word);
      candidate = base + table[slot]!;
      table[slot] = s - base;
      if (word !== view.getInt32(candidate, true)) break;
    }
    s++;
  }
  return writeLiteral(source, literal, end, out, at);
}

/** How many bytes at `a` and `b` are equal, up to `end` for `b`. The first four are known to be. */
function matchLength(source: Uint8Array, view: DataView, a: number, b: number, end: number): number {
  let n = 4;
  while (b + n + 4 <= end) {
    const difference = view.getInt32(a + n, true) ^ view.getInt32(b + n, true);
    if (difference !== 0) return n + ((31 - Math.clz32(difference & -difference)) >>> 3);
    n += 4;
  }
  while (b + n < end && source[a + n] === source[b + n]) n++;
  return n;
}

/** A literal element for `source[from, to)`; none when that is empty. */
export function writeLiteral(source: Uint8Array, from: number, to: number, out: Uint8Array, start: number): number {
  const length = to - from;
  if (length === 0) return start;
  let at = writeLiteralTag(out, start, length);
  // Crossing into the runtime costs more than copying a few bytes.
  if (length > 48) out.set(source.subarray(from, to), at);
  else for (let i = from; i < to; i++) out[at++] = source[i]!;
  return length > 48 ? at + length : at;
}

export function writeLiteralTag(out: Uint8Array, start: number, length: number): number {
  let at = start;
  const n = length - 1;
  if (n < 60) {
    out[at++] = n << 2;
    return at;
  }
  const bytes = n < 0x100 ? 1 : n < 0x10000 ? 2 : n < 0x1000000 ? 3 : 4;
  out[at++] = (59 + bytes) << 2;
  for (let i = 0; i < bytes; i++) out[at++] = n >>> (8 * i);
  return at;
}

/** Copy elements for a match; `offset` is from 1 to 65535, `length` at least 4. */
export function writeCopy(out: Uint8Array, start: number, offset: number, length: number): number {
  let at = start;
  let left = length;
  while (left > 0) {
    // A short rest is cheapest with one-byte offsets, which take at least four bytes.
    const n = left >= 68 ? 64 : left > 64 ? 60 : left;
    if (n >= 4 && n <= 11 && offset < 2048) {
      out[at++] = 1 | ((n - 4) << 2) | ((offset >>> 8) << 5);
      out[at++] = offset;
    } else {
      out[at++] = 2 | ((n - 1) << 2);
      out[at++] = offset;
      out[at++] = offset >>> 8;
    }
    left -= n;
  }
  return at;
}

/** What copy elements for a match take, in bytes. */
export function copyCost(offset: number, length: number): number {
  let cost = 0;
  let left = length;
  for (; left >= 68; left -= 64) cost += 3;
  if (left > 64) {
    cost += 3;
    left -= 60;
  }
  return cost + (left <= 11 && offset < 2048 ? 2 : 3);
}

/**
 * Unpacks a block. Throws on anything that is not exactly one block, and, before it takes any memory, on one that says it
 * is larger than `limit` bytes.
 */
export function decompress(block: Uint8Array, limit: number): Buffer {
  const [length, start] = readVarint(block, 0);
  if (length > limit) throw new Error(`snappy: ${length} bytes are more than the limit of ${limit}`);
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  for (let s = start; s < block.length; ) {
    const tag = block[s++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let n = tag >>> 2;
      if (n >= 60) {
        const bytes = n - 59;
        n = readLittleEndian(block, s, bytes);
        s += bytes;
      }
      n++;
      if (s + n > block.length || at + n > length) throw new Error('snappy: a literal does not fit');
      out.set(block.subarray(s, s + n), at);
      s += n;
      at += n;
    } else {
      const bytes = kind === 3 ? 4 : kind;
      const n = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
      const offset = readLittleEndian(block, s, bytes) + (kind === 1 ? (tag >>> 5) << 8 : 0);
      s += bytes;
      if (offset === 0 || offset > at || at + n > length) throw new Error('snappy: a copy does not fit');
      for (const to = at + n; at < to; at++) out[at] = out[at - offset]!;
    }
  }
  if (at !== length) throw new Error(`snappy: ${at} bytes in place of ${length}`);
  return out;
}

function readLittleEndian(block: Uint8Array, at: number, bytes: number): number {
  if (at + bytes > block.length) throw new Error('snappy: the block is cut off');
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + block[at + i]!;
  return value;
}

/** Puts element streams behind one another as one block; `length` is what they unpack to. */
export function joinElements(length: number, streams: readonly Uint8Array[]): Buffer {
  const preamble = Buffer.allocUnsafe(varintLength(length));
  writeVarint(preamble, 0, length);
  return Buffer.concat([preamble, ...streams]);
}
