/**
 * Series as they stand in a WriteRequest. Every record ends the same way, so that values and timestamps have known places:
 *
 *     0a <length> (0a <length> 0a <length> NAME 12 <length> VALUE)* 12 10 09 <value: 8 bytes> 10 <timestamp: 6 bytes>
 *
 * A timestamp takes six bytes from 1971 to 2109; for others a record is framed anew.
 */
import type { Labels } from '#metrics';
import { int64Length, readVarint, varintLength, writeInt64, writeVarint } from './wire.ts';

/** From a record's end back to its value (eight bytes), to its timestamp (six), and to the whole sample. */
export const VALUE_BACK = 15;
export const STAMP_BACK = 6;
const SAMPLE = 18;

/** Timestamps, in milliseconds, whose varint has six bytes. */
const SIX_BYTES_FROM = 2 ** 35;
const SIX_BYTES_TO = 2 ** 42;

export const hasSixBytes = (time: number): boolean => time >= SIX_BYTES_FROM && time < SIX_BYTES_TO;

export interface Records {
  /** With zeros for values. */
  readonly bytes: Buffer;
  /** Where each record ends. */
  readonly ends: Uint32Array;
}

/** Working memory: the records that are being written. */
let out = Buffer.allocUnsafeSlow(1 << 15);

/** Records of series with these labels. The bytes are working memory: they last until the next call. */
export function encodeRecords(all: readonly Labels[]): Records {
  const ends = new Uint32Array(all.length);
  const writer = new RecordWriter();
  let at = 0;
  all.forEach((labels, i) => {
    at = writer.write(labels, at);
    ends[i] = at;
  });
  return { bytes: out.subarray(0, at), ends };
}

/**
 * Records of a set that was made from another: `standing[i]` tells which of the records `before` is the i-th, -1 that it is
 * new and has the next of the labels in `fresh`. The bytes are working memory, as above.
 */
export function encodeChanged(before: Records | undefined, standing: Int32Array, fresh: readonly Labels[]): Records {
  const ends = new Uint32Array(standing.length);
  const writer = new RecordWriter();
  let at = 0;
  let taken = 0;
  for (let i = 0; i < standing.length; ) {
    const from = standing[i]!;
    if (from < 0) {
      at = writer.write(fresh[taken++]!, at);
      ends[i++] = at;
      continue;
    }
    const start = from === 0 ? 0 : before!.ends[from - 1]!;
    const shift = at - start;
    // A run of records that were neighbours goes in one piece.
    for (let next = from; i < standing.length && standing[i] === next; next++) ends[i++] = before!.ends[next]! + shift;
    const end = ends[i - 1]!;
    if (end > out.length) grow(end, at);
    before!.bytes.copy(out, at, start, end - shift);
    at = end;
  }
  return { bytes: out.subarray(0, at), ends };
}

/** Neighbours have most of their labels in common: those bytes are copied from the record before. */
class RecordWriter {
  #last: Labels = [];
  /** Where each label field of the last record begins, and the end of them. */
  readonly #fields: number[] = [0];
  /** Of each label of the current one: bytes of its name, or -1 where the last record has the same label; of its value. */
  readonly #names: number[] = [];
  readonly #values: number[] = [];

  write(labels: Labels, start: number): number {
    const length = this.#measure(labels) + SAMPLE;
    const end = start + fieldLength(length);
    if (end > out.length) grow(end, start);
    out[start] = 0x0a;
    const at = this.#writeLabels(labels, writeVarint(out, start + 1, length));
    out[at] = 0x12;
    out[at + 1] = SAMPLE - 2;
    out[at + 2] = 0x09;
    for (let i = at + 3; i < at + 11; i++) out[i] = 0;
    out[at + 11] = 0x10;
    return writeVarint(out, at + 12, SIX_BYTES_FROM);
  }

  #measure(labels: Labels): number {
    let total = 0;
    for (let i = 0, k = 0; i < labels.length; i += 2, k++) {
      if (labels[i] === this.#last[i] && labels[i + 1] === this.#last[i + 1]) {
        this.#names[k] = -1;
        total += this.#fields[k + 1]! - this.#fields[k]!;
        continue;
      }
      const name = utf8Length(labels[i]!);
      const value = utf8Length(labels[i + 1]!);
      this.#names[k] = name;
      this.#values[k] = value;
      total += fieldLength(fieldLength(name) + fieldLength(value));
    }
    return total;
  }

  #writeLabels(labels: Labels, start: number): number {
    const count = labels.length / 2;
    const fields = this.#fields;
    let at = start;
    for (let k = 0; k < count; ) {
      const from = fields[k]!;
      if (this.#names[k]! < 0) {
        for (; k < count && this.#names[k]! < 0; k++) fields[k] = at + fields[k]! - from;
        // The end of the run still is where the last record has it.
        const length = fields[k]! - from;
        out.copyWithin(at, from, from + length);
        at += length;
      } else {
        fields[k] = at;
        at = writeLabel(labels[2 * k]!, labels[2 * k + 1]!, this.#names[k]!, this.#values[k]!, at);
        k++;
      }
    }
    fields[count] = at;
    this.#last = labels;
    return at;
  }
}

function grow(need: number, keep: number): void {
  const larger = Buffer.allocUnsafeSlow(Math.max(need, out.length * 2));
  out.copy(larger, 0, 0, keep);
  out = larger;
}

function writeLabel(name: string, value: string, nameBytes: number, valueBytes: number, start: number): number {
  out[start] = 0x0a;
  const at = writeVarint(out, start + 1, fieldLength(nameBytes) + fieldLength(valueBytes));
  return writeString(out, writeString(out, at, 0x0a, name, nameBytes), 0x12, value, valueBytes);
}

/** Of a field with so many bytes inside: its tag and length too. */
export const fieldLength = (bytes: number): number => 1 + varintLength(bytes) + bytes;

/** A string field; `bytes` is what `utf8Length` says of it. */
export function writeString(to: Buffer, start: number, tag: number, text: string, bytes: number): number {
  to[start] = tag;
  const at = writeVarint(to, start + 1, bytes);
  if (bytes !== text.length) return at + to.write(text, at);
  for (let i = 0; i < bytes; i++) to[at + i] = text.charCodeAt(i);
  return at + bytes;
}

export function utf8Length(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return Buffer.byteLength(text);
  return text.length;
}

/** Where each top-level field of a message ends. */
export function recordEnds(message: Uint8Array): Uint32Array {
  const ends: number[] = [];
  for (let at = 0; at < message.length; ends.push(at)) {
    const [length, next] = readVarint(message, at + 1);
    at = next + length;
  }
  return Uint32Array.from(ends);
}

/** Bytes of a record once it has this timestamp. */
export function reframedLength(record: Uint8Array, time: number): number {
  if (hasSixBytes(time)) return record.length;
  return fieldLength(labelBytes(record).length + 12 + int64Length(time));
}

/** Writes a record with a timestamp of any length; the value comes as its bits. Gives the position behind it. */
export function reframe(record: Uint8Array, time: number, bits: bigint, to: Buffer, start: number): number {
  const labels = labelBytes(record);
  const stamp = int64Length(time);
  to[start] = 0x0a;
  let at = writeVarint(to, start + 1, labels.length + 12 + stamp);
  to.set(labels, at);
  at += labels.length;
  to[at++] = 0x12;
  to[at++] = 10 + stamp;
  to[at++] = 0x09;
  at = to.writeBigUInt64LE(bits, at);
  to[at++] = 0x10;
  return writeInt64(to, at, time);
}

function labelBytes(record: Uint8Array): Uint8Array {
  const [, from] = readVarint(record, 1);
  return record.subarray(from, record.length - SAMPLE);
}
