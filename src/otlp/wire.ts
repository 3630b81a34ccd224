/** Protobuf's wire format (protobuf.dev/programming-guides/encoding): as much of it as OTLP needs. */

/**
 * Writes a message from its end to its beginning, so that the length of every message inside is known when its tag is
 * written. Fields therefore come in reverse: what is written last stands first.
 */
export class ReverseWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #start = 1024;

  /** Bytes written so far, which is also how far from the end the next byte will stand. */
  get size(): number {
    return this.#bytes.length - this.#start;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(this.#start);
  }

  /** A field of eight bytes (double, fixed64). Returns how far from the end the eight bytes begin. */
  eight(tag: number, value = 0): number {
    this.#room(9);
    this.#start -= 8;
    this.#view.setFloat64(this.#start, value, true);
    const at = this.size;
    this.#bytes[--this.#start] = tag;
    return at;
  }

  /** Eight bytes without a tag, for packed fields. */
  bareEight(value = 0): number {
    this.#room(8);
    this.#start -= 8;
    this.#view.setFloat64(this.#start, value, true);
    return this.size;
  }

  /** A field of eight bytes given as two words of 32 bits. */
  words(tag: number, low: number, high: number): void {
    this.#room(9);
    this.bareWords(low, high);
    this.#bytes[--this.#start] = tag;
  }

  bareWords(low: number, high: number): void {
    this.#room(8);
    this.#start -= 8;
    this.#view.setUint32(this.#start, low, true);
    this.#view.setUint32(this.#start + 4, high, true);
  }

  /** A varint field of a whole number that is not negative. */
  number(tag: number, value: number): void {
    this.bareNumber(value);
    this.#room(1);
    this.#bytes[--this.#start] = tag;
  }

  /** The same without a tag, for packed fields. */
  bareNumber(value: number): void {
    this.#varint(value);
  }

  /** A field of sint32. */
  signed(tag: number, value: number): void {
    this.number(tag, value < 0 ? -2 * value - 1 : 2 * value);
  }

  bytes(tag: number, bytes: Uint8Array): void {
    const since = this.size;
    this.#room(bytes.length);
    this.#start -= bytes.length;
    this.#bytes.set(bytes, this.#start);
    this.close(tag, since);
  }

  /** A varint field below 128. Returns how far from the end its value stands. */
  small(tag: number, value: number): number {
    this.#room(2);
    this.#bytes[--this.#start] = value;
    const at = this.size;
    this.#bytes[--this.#start] = tag;
    return at;
  }

  string(tag: number, text: string): void {
    const since = this.size;
    if (!this.#ascii(text)) {
      const bytes = Buffer.from(text);
      this.#room(bytes.length);
      this.#start -= bytes.length;
      this.#bytes.set(bytes, this.#start);
    }
    this.close(tag, since);
  }

  /** Short texts are written faster here than a call into Node takes. False, and nothing written, for other texts. */
  #ascii(text: string): boolean {
    if (text.length > 64) return false;
    this.#room(text.length);
    let at = this.#start;
    for (let i = text.length - 1; i >= 0; i--) {
      const unit = text.charCodeAt(i);
      if (unit > 127) return false;
      this.#bytes[--at] = unit;
    }
    this.#start = at;
    return true;
  }

  /** Ends (that is, begins) the message or packed field whose writing began at size `since`. */
  close(tag: number, since: number): void {
    this.#varint(this.size - since);
    this.#room(1);
    this.#bytes[--this.#start] = tag;
  }

  #varint(value: number): void {
    let length = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
    this.#room(length);
    this.#start -= length;
    let rest = value;
    for (let i = 0; i < length; i++) {
      this.#bytes[this.#start + i] = (rest & 127) | (i < length - 1 ? 128 : 0);
      rest = Math.floor(rest / 128);
    }
  }

  #room(bytes: number): void {
    if (this.#start >= bytes) return;
    const larger = new Uint8Array((this.size + bytes) * 2);
    const start = larger.length - this.size;
    larger.set(this.#bytes.subarray(this.#start), start);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
    this.#start = start;
  }
}

/** One field: `number` is set for varints (as far as a double holds them) and `bytes` for strings and messages. */
export interface WireField {
  readonly field: number;
  readonly number: number;
  readonly bytes: Buffer | undefined;
}

/** The fields of a message in order; undefined when it is not one. */
export function readFields(message: Uint8Array): WireField[] | undefined {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1, i = 0; i < 10; i++, shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const type = tag % 8;
    const number = type === 0 ? varint() : 0;
    const length = type === 2 ? varint() : type === 1 ? 8 : type === 5 ? 4 : 0;
    // Groups (types 3 and 4) are long gone from protobuf.
    if (Number.isNaN(tag + number + length) || tag < 8 || type > 5 || type === 3 || type === 4) return undefined;
    if (at + length > bytes.length) return undefined;
    fields.push({
      field: Math.floor(tag / 8),
      number,
      bytes: type === 2 ? bytes.subarray(at, at + length) : undefined,
    });
    at += length;
  }
  return fields;
}
