import type { RawSample } from '../types.ts';

/** A page in the delimited protobuf format that breaks its rules. `at`: the byte at which reading stopped. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
  readonly at: number;
  readonly what: string;
  /** Those in front of the fault. */
  readonly samples: readonly RawSample[];
  constructor(at: number, what: string, samples: readonly RawSample[] = []) {
    super(`the protobuf page cannot be read at byte ${at}: ${what}`);
    this.at = at;
    this.what = what;
    this.samples = samples;
  }
}

/** A list that is emptied and filled again and again without giving its room back. */
export class Numbers {
  readonly items: number[] = [];
  length = 0;

  push(item: number): void {
    this.items[this.length++] = item;
  }

  clear(): void {
    this.length = 0;
    // But for what one metric in a million needed.
    if (this.items.length > MOST_KEPT) this.items.length = 0;
  }
}
const MOST_KEPT = 10_000;

/**
 * Reads protobuf's wire format (protobuf.dev/programming-guides/encoding) without making anything but numbers. `end` is
 * that of the message being read. Throws a ProtobufError.
 */
export class Cursor {
  readonly body: Buffer;
  readonly view: DataView;
  pos = 0;
  end: number;
  /** Of the field that `next` found. */
  field = 0;
  wire = 0;
  #low = 0;
  #high = 0;

  constructor(body: Buffer) {
    this.body = body;
    this.view = new DataView(body.buffer, body.byteOffset, body.length);
    this.end = body.length;
  }

  fail(what: string): never {
    throw new ProtobufError(this.pos, what);
  }

  /** Moves to the value of the message's next field; false at its end. */
  next(): boolean {
    if (this.pos >= this.end) return false;
    const tag = this.unsigned();
    this.wire = tag & 7;
    this.field = (tag - this.wire) / 8;
    if (this.field < 1 || this.field >= 2 ** 29) this.fail('no field has this tag');
    return true;
  }

  /** Passes over the value of a field that nobody asked for. */
  skip(): void {
    if (this.wire === 0) this.#varint();
    else if (this.wire === 1) this.#advance(8);
    else if (this.wire === 2) this.#advance(this.length());
    else if (this.wire === 5) this.#advance(4);
    else this.fail('fields of this wire type are none of the format');
  }

  /** The length in front of a string or a message, which must fit into what it is in. */
  length(): number {
    this.expect(2);
    const length = this.unsigned();
    if (length > this.end - this.pos) this.fail(`a length of ${length} goes beyond the end of what it is in`);
    return length;
  }

  /** Goes into a message; `leave` takes what it answers. */
  enter(): number {
    const length = this.length();
    const outer = this.end;
    this.end = this.pos + length;
    return outer;
  }

  leave(outer: number): void {
    this.pos = this.end;
    this.end = outer;
  }

  double(): number {
    this.expect(1);
    return this.#bare();
  }

  uint(): number {
    this.expect(0);
    return this.unsigned();
  }

  int(): number {
    this.expect(0);
    return this.#signed();
  }

  sint(): number {
    this.expect(0);
    return this.#zigzag();
  }

  /** Adds the doubles of a repeated field, packed or not. */
  doubles(into: Numbers): void {
    if (this.wire !== 2) into.push(this.double());
    else {
      const outer = this.enter();
      while (this.pos < this.end) into.push(this.#bare());
      this.leave(outer);
    }
  }

  /** The same for sint64. */
  sints(into: Numbers): void {
    if (this.wire !== 2) into.push(this.sint());
    else {
      const outer = this.enter();
      while (this.pos < this.end) into.push(this.#zigzag());
      this.leave(outer);
    }
  }

  expect(wire: number): void {
    if (this.wire !== wire) this.fail(`field ${this.field} has wire type ${this.wire} in place of ${wire}`);
  }

  /** A varint as it stands. Above 2^53 the nearest double. */
  unsigned(): number {
    const { body, pos } = this;
    // Most have one byte or two.
    if (pos + 1 < this.end) {
      const first = body[pos]!;
      if (first < 128) {
        this.pos = pos + 1;
        return first;
      }
      const second = body[pos + 1]!;
      if (second < 128) {
        this.pos = pos + 2;
        return (first & 127) | (second << 7);
      }
    }
    this.#varint();
    return this.#high * 2 ** 32 + this.#low;
  }

  #signed(): number {
    this.#varint();
    return (this.#high | 0) * 2 ** 32 + this.#low;
  }

  #zigzag(): number {
    const first = this.body[this.pos]!;
    if (first < 128 && this.pos < this.end) {
      this.pos++;
      return (first >>> 1) ^ -(first & 1);
    }
    this.#varint();
    const half = this.#high * 2 ** 31 + (this.#low >>> 1);
    return this.#low & 1 ? -half - 1 : half;
  }

  #bare(): number {
    const at = this.pos;
    this.#advance(8);
    return this.view.getFloat64(at, true);
  }

  #advance(bytes: number): void {
    if (bytes > this.end - this.pos) this.fail('the message ends in the middle of a value');
    this.pos += bytes;
  }

  /** Two words of 32 bits: a double would lose the low bits of a negative number. */
  #varint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.pos >= this.end) this.fail('the message ends in the middle of a number');
      const byte = this.body[this.pos++]!;
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift > 28) high |= bits << (shift - 32);
      else {
        low |= bits << 28;
        high = bits >> 4;
      }
      if (byte < 128) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    this.fail('a number has more than ten bytes');
  }
}
