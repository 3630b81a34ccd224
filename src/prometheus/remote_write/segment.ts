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
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    const record = labelsLength(labels[i]!) + SAMPLE;
    total += 1 + varintLength(record) + record;
    ends[i] = total;
  }
  const bytes = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (let i = 0; i < labels.length; i++) at = writeRecord(bytes, at, labels[i]!, ends[i]!);
  return { series, length: total, raw: { bytes, ends }, packed: undefined, uses: 0 };
}

function writeRecord(out: Buffer, start: number, labels: Labels, end: number): number {
  out[start] = 0x0a;
  // The length counts what lies behind it: at first take it to have one byte, then see how many it really has.
  let length = end - start - 2;
  while (1 + varintLength(length) + length > end - start) length--;
  let at = writeLabels(out, writeVarint(out, start + 1, length), labels);
  out[at++] = 0x12;
  out[at++] = SAMPLE - 2;
  out[at++] = 0x09;
  out.fill(0, at, at + 8);
  out[at + 8] = 0x10;
  return writeVarint(out, at + 9, SIX_BYTES_FROM);
}

function labelsLength(labels: Labels): number {
  let total = 0;
  for (let i = 0; i < labels.length; i += 2) {
    const pair = stringLength(labels[i]!) + stringLength(labels[i + 1]!);
    total += 1 + varintLength(pair) + pair;
  }
  return total;
}

/** Of a string field: tag, length and bytes. */
export function stringLength(text: string): number {
  const bytes = utf8Length(text);
  return 1 + varintLength(bytes) + bytes;
}

function writeLabels(out: Buffer, start: number, labels: Labels): number {
  let at = start;
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    const value = labels[i + 1]!;
    out[at] = 0x0a;
    at = writeVarint(out, at + 1, stringLength(name) + stringLength(value));
    at = writeString(out, at, 0x0a, name);
    at = writeString(out, at, 0x12, value);
  }
  return at;
}

export function writeString(out: Buffer, start: number, tag: number, text: string): number {
  out[start] = tag;
  const bytes = utf8Length(text);
  const at = writeVarint(out, start + 1, bytes);
  if (bytes !== text.length) return at + out.write(text, at);
  for (let i = 0; i < bytes; i++) out[at + i] = text.charCodeAt(i);
  return at + bytes;
}

function utf8Length(text: string): number {
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

/** Writes a record anew with a timestamp of any length; the value is two words, low and high. */
export function reframe(
  record: Uint8Array,
  time: number,
  low: number,
  high: number,
  out: Buffer,
  start: number,
): number {
  const labels = labelBytes(record);
  const stamp = int64Length(time);
  out[start] = 0x0a;
  let at = writeVarint(out, start + 1, labels.length + 12 + stamp);
  out.set(labels, at);
  at += labels.length;
  out[at++] = 0x12;
  out[at++] = 10 + stamp;
  out[at++] = 0x09;
  at = out.writeUInt32LE(low, at);
  at = out.writeUInt32LE(high, at);
  out[at++] = 0x10;
  return writeInt64(out, at, time);
}

function labelBytes(record: Uint8Array): Uint8Array {
  const [, from] = readVarint(record, 1);
  return record.subarray(from, record.length - SAMPLE);
}
