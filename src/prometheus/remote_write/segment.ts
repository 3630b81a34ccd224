/**
 * A segment is a few dozen series of one source as they stand in a WriteRequest, encoded once. Every record ends the same
 * way, so values and timestamps are patched in place:
 *
 *     0a <length> (0a <length> 0a <length> NAME 12 <length> VALUE)* 12 10 09 <value: 8 bytes> 10 <timestamp: 6 bytes>
 *
 * A timestamp takes six bytes from 1971 to 2109; for others the records are framed anew.
 */
import type { Labels, Series } from '#metrics';

import type { Packed } from './pack.ts';
import { decompress, joinElements } from './snappy.ts';
import { int64Length, readVarint, varintLength, writeInt64, writeVarint } from './wire.ts';

/** From a record's end back to its value and its timestamp, and all of the sample. */
export const VALUE_BACK = 15;
export const STAMP_BACK = 6;
const SAMPLE = 18;

/** Timestamps, in milliseconds, whose varint has six bytes. */
const SIX_BYTES_FROM = 2 ** 35;
const SIX_BYTES_TO = 2 ** 42;

export const hasSixBytes = (time: number): boolean => time >= SIX_BYTES_FROM && time < SIX_BYTES_TO;

export interface Segment {
  /** The series, in order: who they are decides whether a later set can use the segment again. */
  readonly series: readonly Series[];
  /** Bytes of the records. */
  readonly length: number;
  /** The records, with zeros for what is patched; absent while the packed form stands in for them. */
  raw: Raw | undefined;
  packed: Packed | undefined;
  /** How often it was encoded with one timestamp for all; what comes often is worth packing. */
  uses: number;
}

export interface Raw {
  readonly bytes: Buffer;
  /** Where each record ends. */
  readonly ends: Uint32Array;
}

/** `labels[i]` is what `series[i]` is sent with. */
export function buildSegment(series: readonly Series[], labels: readonly Labels[]): Segment {
  const ends = new Uint32Array(series.length);
  const lengths: number[] = [];
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    const record = measureLabels(labels[i]!, lengths) + SAMPLE;
    lengths.push(record);
    total += 1 + varintLength(record) + record;
    ends[i] = total;
  }
  const bytes = Buffer.alloc(total);
  let at = 0;
  let next = 0;
  for (const own of labels) {
    at = writeRecord(bytes, at, own, lengths, next);
    next += own.length + 1;
  }
  return { series, length: total, raw: { bytes, ends }, packed: undefined, uses: 0 };
}

/** Notes the bytes of each name and value; gives those of all label fields. */
function measureLabels(labels: Labels, lengths: number[]): number {
  let total = 0;
  for (let i = 0; i < labels.length; i += 2) {
    const name = utf8Length(labels[i]!);
    const value = utf8Length(labels[i + 1]!);
    lengths.push(name, value);
    total += fieldLength(fieldLength(name) + fieldLength(value));
  }
  return total;
}

/** `lengths[next]` and on: the bytes of each name and value, then of the record. */
function writeRecord(out: Buffer, start: number, labels: Labels, lengths: readonly number[], next: number): number {
  out[start] = 0x0a;
  let at = writeVarint(out, start + 1, lengths[next + labels.length]!);
  for (let i = 0; i < labels.length; i += 2) {
    const name = lengths[next + i]!;
    const value = lengths[next + i + 1]!;
    out[at] = 0x0a;
    at = writeVarint(out, at + 1, fieldLength(name) + fieldLength(value));
    at = writeString(out, at, 0x0a, labels[i]!, name);
    at = writeString(out, at, 0x12, labels[i + 1]!, value);
  }
  out[at++] = 0x12;
  out[at++] = SAMPLE - 2;
  out[at++] = 0x09;
  at += 8;
  out[at] = 0x10;
  return writeVarint(out, at + 1, SIX_BYTES_FROM);
}

/** Of a field with so many bytes inside: its tag and length too. */
export const fieldLength = (bytes: number): number => 1 + varintLength(bytes) + bytes;

/** A string field; `bytes` is what `utf8Length` says of it. */
export function writeString(out: Buffer, start: number, tag: number, text: string, bytes: number): number {
  out[start] = tag;
  const at = writeVarint(out, start + 1, bytes);
  if (bytes !== text.length) return at + out.write(text, at);
  for (let i = 0; i < bytes; i++) out[at + i] = text.charCodeAt(i);
  return at + bytes;
}

export function utf8Length(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return Buffer.byteLength(text);
  return text.length;
}

/** The records as bytes: unpacked again, for this once, where only the packed form was kept. */
export function rawOf({ raw, packed, length }: Segment): Raw {
  if (raw) return raw;
  const bytes = decompress(joinElements(length, [packed!.bytes]), length);
  return { bytes, ends: recordEnds(bytes) };
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

/** Bytes of a record with another timestamp than it was made for. */
export function reframedLength(record: Uint8Array, time: number): number {
  const body = labelBytes(record).length + 12 + int64Length(time);
  return 1 + varintLength(body) + body;
}

/** Writes a record anew with a timestamp of any length; the value comes as its bits. */
export function reframe(record: Uint8Array, time: number, bits: bigint, out: Buffer, start: number): number {
  const labels = labelBytes(record);
  const stamp = int64Length(time);
  out[start] = 0x0a;
  let at = writeVarint(out, start + 1, labels.length + 12 + stamp);
  out.set(labels, at);
  at += labels.length;
  out[at++] = 0x12;
  out[at++] = 10 + stamp;
  out[at++] = 0x09;
  at = out.writeBigUInt64LE(bits, at);
  out[at++] = 0x10;
  return writeInt64(out, at, time);
}

function labelBytes(record: Uint8Array): Uint8Array {
  const [, from] = readVarint(record, 1);
  return record.subarray(from, record.length - SAMPLE);
}
