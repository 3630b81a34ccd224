/** Protobuf's varints (and snappy's, which are the same), for the numbers that remote write needs. */

/** Bytes that a whole number from 0 to 2^53 takes. */
export function varintLength(value: number): number {
  if (value < 128) return 1;
  if (value < 16384) return 2;
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Gives the position behind it. */
export function writeVarint(out: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 128;
  for (; rest >= 128; rest >>>= 7) out[at++] = (rest & 127) | 128;
  out[at++] = rest;
  return at;
}

/** The number and the position behind it. Throws when it is cut off or has no end within ten bytes. */
export function readVarint(bytes: Uint8Array, start: number): [value: number, next: number] {
  let value = 0;
  let scale = 1;
  for (let at = start; at < start + 10; at++) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error('a varint is cut off');
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at + 1];
    scale *= 128;
  }
  throw new Error('a varint has no end');
}

/** Bytes of an int64: a negative one takes ten, as its two's complement. */
export const int64Length = (value: number): number => (value < 0 ? 10 : varintLength(value));

export function writeInt64(out: Uint8Array, start: number, value: number): number {
  if (value >= 0) return writeVarint(out, start, value);
  let at = start;
  for (let rest = BigInt.asUintN(64, BigInt(value)); rest > 0n; rest >>= 7n) {
    out[at++] = Number(rest & 127n) | (rest > 127n ? 128 : 0);
  }
  return at;
}
