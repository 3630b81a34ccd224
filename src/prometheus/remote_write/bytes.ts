import { utf8Length, writeString } from './records.ts';
import { int64Length, varintLength, writeInt64, writeVarint } from './wire.ts';

/** Protobuf fields, one behind the other, in memory that grows and is used again. A tag is `number << 3 | wire type`. */
export class Bytes {
  buffer: Buffer;
  length = 0;

  constructor(size = 1 << 12) {
    this.buffer = Buffer.allocUnsafeSlow(size);
  }

  /** Makes room for so many more bytes, and gives where they begin. */
  reserve(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.length, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    return at;
  }

  byte(value: number): void {
    // First the room, which may be in another buffer.
    const at = this.reserve(1);
    this.buffer[at] = value;
  }

  /** A whole number from 0 to 2^64, as exact as a number is. */
  varint(value: number): void {
    const at = this.reserve(varintLength(value));
    writeVarint(this.buffer, at, value);
  }

  int64(tag: number, value: number): void {
    this.tag(tag);
    const at = this.reserve(int64Length(value));
    writeInt64(this.buffer, at, value);
  }

  /** Zigzag, for sint32 and sint64. */
  zigzag(value: number): void {
    // Beyond that, doubling and taking one would lose the last bit.
    if (Math.abs(value) < 2 ** 51) this.varint(value < 0 ? -2 * value - 1 : 2 * value);
    else this.big(BigInt.asUintN(64, (BigInt(value) << 1n) ^ (value < 0 ? -1n : 0n)));
  }

  big(value: bigint): void {
    let rest = value;
    for (; rest > 127n; rest >>= 7n) this.byte(Number(rest & 127n) | 128);
    this.byte(Number(rest));
  }

  /** A double by its bits, so that a NaN keeps its own. */
  bits(tag: number, bits: bigint): void {
    this.tag(tag);
    const at = this.reserve(8);
    this.buffer.writeBigUInt64LE(bits, at);
  }

  double(tag: number, value: number): void {
    this.tag(tag);
    const at = this.reserve(8);
    this.buffer.writeDoubleLE(value, at);
  }

  /** Tags above 127 are those of fields 16 and up. */
  tag(tag: number): void {
    if (tag < 128) this.byte(tag);
    else this.varint(tag);
  }

  text(tag: number, text: string): void {
    const bytes = utf8Length(text);
    const at = this.reserve(1 + varintLength(bytes) + bytes);
    writeString(this.buffer, at, tag, text, bytes);
  }

  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  /** A field with these bytes inside. */
  nested(tag: number, inside: Uint8Array): void {
    this.tag(tag);
    this.varint(inside.length);
    this.raw(inside);
  }

  clear(): void {
    this.length = 0;
  }

  /** What is written, in working memory. */
  view(): Buffer {
    return this.buffer.subarray(0, this.length);
  }
}
