import { hasSixBytes } from '../records.ts';
import { int64Length, writeInt64 } from '../wire.ts';

/** Bytes of a sample's field, tag and length included: its length always takes one byte. */
export const sampleLength = (time: number, start: number): number =>
  12 + timeLength(time) + (start ? 1 + timeLength(start) : 0);

const timeLength = (time: number): number => (hasSixBytes(time) ? 6 : int64Length(time));

/** The start stands first, so that a record's end looks as it does in 1.0. Gives the position behind it. */
export function writeSample(out: Buffer, from: number, bits: bigint, time: number, start: number): number {
  out[from] = 0x12;
  out[from + 1] = sampleLength(time, start) - 2;
  let at = from + 2;
  if (start) {
    out[at++] = 0x18;
    at = writeInt64(out, at, start);
  }
  out[at++] = 0x09;
  words[0] = bits;
  for (let i = 0; i < 8; i++) out[at++] = bytes[i]!;
  out[at++] = 0x10;
  return writeInt64(out, at, time);
}

const words = new BigUint64Array(1);
const bytes = new Uint8Array(words.buffer);
