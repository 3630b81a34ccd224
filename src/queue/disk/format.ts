/**
 * What a queue's files look like. All numbers are little-endian, all checksums CRC-32 seeded with the segment's salt, so that
 * bytes inside of a record's payload, whoever chose them, never pass for a record.
 *
 * A segment is a header (32 bytes: `DNSCOLQ\0`, version, salt, lane, lanes, 0, checksum) and records:
 *
 *     magic 4 · payload length 4 · checksum of the payload 4 · points 4 · length of the payload's head 2 · kind 2
 *     · checksum of these twenty bytes 4 · payload
 *
 * The last record of a segment that was closed properly is a summary: its payload counts the records and points before it.
 * The file of the same name with `.ack` lists the ranges of bytes that are done with, 24 bytes each: from, to, records,
 * points, 0, checksum.
 */
import { crc32 } from 'node:zlib';
import type { Payload } from '../codec.ts';

export const VERSION = 1;
export const HEADER = 32;
export const FRAME = 24;
export const ACK = 24;
export const SUMMARY = FRAME + 8;

/** Not valid UTF-8, so no text holds it. */
const MAGIC = Buffer.from([0xd1, 0x51, 0xc0, 0xfe]);
const FILE_MAGIC = Buffer.from('DNSCOLQ\0', 'latin1');
const DATA = 1;
const CLOSED = 2;
/** A longer payload is nothing that this queue wrote. */
export const LONGEST_PAYLOAD = 0x3fffffff;

/** A segment as its name tells: `0000000012-3of5-9f8a7c6d.seg`. */
export interface SegmentName {
  /** Rises with every segment of a queue, so that names sort by age. */
  readonly seq: number;
  readonly lane: number;
  readonly lanes: number;
  readonly salt: number;
}

export function formatName({ seq, lane, lanes, salt }: SegmentName): string {
  return `${String(seq).padStart(10, '0')}-${lane}of${lanes}-${salt.toString(16).padStart(8, '0')}`;
}

/** Undefined for files of others. */
export function parseName(name: string): (SegmentName & { kind: 'seg' | 'ack' }) | undefined {
  const m = /^(\d{10,15})-(\d{1,6})of(\d{1,6})-([0-9a-f]{8})\.(seg|ack)$/.exec(name);
  if (!m) return undefined;
  const [seq, lane, lanes] = [Number(m[1]), Number(m[2]), Number(m[3])];
  if (lane >= lanes) return undefined;
  return { seq, lane, lanes, salt: Number.parseInt(m[4]!, 16), kind: m[5] as 'seg' | 'ack' };
}

export function fileHeader({ lane, lanes, salt }: SegmentName): Buffer {
  const bytes = Buffer.alloc(HEADER);
  FILE_MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(salt, 12);
  bytes.writeUInt32LE(lane, 16);
  bytes.writeUInt32LE(lanes, 20);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28), salt), 28);
  return bytes;
}

/** `damaged` says nothing about the records behind it; `foreign` is another version's file, to be left alone. */
export function checkHeader(bytes: Buffer, salt: number): 'good' | 'damaged' | 'foreign' {
  const whole = bytes.length >= HEADER && bytes.subarray(0, 8).equals(FILE_MAGIC);
  if (!whole || bytes.readUInt32LE(28) !== crc32(bytes.subarray(0, 28), salt)) return 'damaged';
  return bytes.readUInt32LE(8) === VERSION ? 'good' : 'foreign';
}

/** The bytes that go before a payload in the file. */
export function frameOf({ head, body }: Payload, points: number, salt: number): Buffer {
  return frame(DATA, head.length, head.length + body.length, crc32(body, crc32(head, salt)), points, salt);
}

function frame(kind: number, head: number, length: number, sum: number, points: number, salt: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(length, 4);
  bytes.writeUInt32LE(sum, 8);
  bytes.writeUInt32LE(Math.min(points, 0xffffffff), 12);
  bytes.writeUInt16LE(head, 16);
  bytes.writeUInt16LE(kind, 18);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 20), salt), 20);
  return bytes;
}

/** How many records, with how many metric points. */
export interface Tally {
  records: number;
  points: number;
}

export function summaryOf({ records, points }: Tally, salt: number): Buffer {
  const payload = Buffer.allocUnsafe(8);
  payload.writeUInt32LE(records, 0);
  payload.writeUInt32LE(Math.min(points, 0xffffffff), 4);
  return Buffer.concat([frame(CLOSED, 0, 8, crc32(payload, salt), 0, salt), payload]);
}

/** From a segment's last bytes; undefined when it was not closed. */
export function readSummary(tail: Buffer, salt: number): Tally | undefined {
  if (tail.length < SUMMARY) return undefined;
  const found = readFrame(tail, tail.length - SUMMARY, salt);
  const payload = tail.subarray(tail.length - 8);
  if (found?.kind !== CLOSED || found.sum !== crc32(payload, salt)) return undefined;
  return { records: payload.readUInt32LE(0), points: payload.readUInt32LE(4) };
}

interface Frame {
  kind: number;
  head: number;
  length: number;
  sum: number;
  points: number;
}

function readFrame(bytes: Buffer, at: number, salt: number): Frame | undefined {
  if (at + FRAME > bytes.length || bytes.compare(MAGIC, 0, 4, at, at + 4) !== 0) return undefined;
  if (bytes.readUInt32LE(at + 20) !== crc32(bytes.subarray(at, at + 20), salt)) return undefined;
  const [head, length] = [bytes.readUInt16LE(at + 16), bytes.readUInt32LE(at + 4)];
  if (length > LONGEST_PAYLOAD || head > length) return undefined;
  return {
    kind: bytes.readUInt16LE(at + 18),
    head,
    length,
    sum: bytes.readUInt32LE(at + 8),
    points: bytes.readUInt32LE(at + 12),
  };
}

/** What stands at a place of a segment. `start` and `end` count from the buffer's first byte. */
export type Found =
  | { is: 'record'; start: number; end: number; points: number; payload: Payload }
  | { is: 'summary'; start: number; end: number }
  /** Bytes that are no record any more. `points`: how many were in it, where that can still be told. */
  | { is: 'damage'; start: number; end: number; points: number | undefined }
  /** The record at `start` goes on behind the buffer, up to `end` or, when that is unknown, further. */
  | { is: 'more'; start: number; end: number | undefined };

/**
 * What stands at `at`. A damaged length, or anything else that hides where the next record begins, costs a search for the next
 * frame whose own checksum is right. `last`: the buffer ends where the file does.
 */
export function scan(bytes: Buffer, at: number, salt: number, last: boolean): Found {
  const found = readFrame(bytes, at, salt);
  if (!found) return resynchronise(bytes, at, salt, last);
  const end = at + FRAME + found.length;
  if (end > bytes.length) {
    // The frame is sound, so its record was cut off, by the end of a process or of the disk's room.
    return last ? damage(bytes, at, bytes.length, salt, found) : { is: 'more', start: at, end };
  }
  const payload = bytes.subarray(at + FRAME, end);
  if (found.sum !== crc32(payload, salt)) return damage(bytes, at, end, salt, found);
  if (found.kind === CLOSED) return { is: 'summary', start: at, end };
  const [head, body] = [payload.subarray(0, found.head), payload.subarray(found.head)];
  return { is: 'record', start: at, end, points: found.points, payload: { head, body } };
}

/** A frame inside of the record means that bytes are missing: the record ends there. */
function damage(bytes: Buffer, start: number, end: number, salt: number, { kind, points }: Frame): Found {
  const next = nextFrame(bytes, start + 1, end, salt);
  return { is: 'damage', start, end: next ?? end, points: kind === DATA ? points : 0 };
}

function resynchronise(bytes: Buffer, at: number, salt: number, last: boolean): Found {
  if (!last && bytes.length - at < FRAME) return { is: 'more', start: at, end: undefined };
  const next = nextFrame(bytes, at + 1, bytes.length, salt);
  if (next !== undefined) return { is: 'damage', start: at, end: next, points: undefined };
  return last
    ? { is: 'damage', start: at, end: bytes.length, points: undefined }
    : { is: 'more', start: at, end: undefined };
}

/** Where the first sound frame from `at` on begins, before `end`. */
function nextFrame(bytes: Buffer, at: number, end: number, salt: number): number | undefined {
  for (let next = bytes.indexOf(MAGIC, at); next >= 0 && next < end; next = bytes.indexOf(MAGIC, next + 1)) {
    if (readFrame(bytes, next, salt)) return next;
  }
  return undefined;
}

/** Bytes `from` up to `to` of a segment are done with. */
export interface Done extends Tally {
  readonly from: number;
  readonly to: number;
}

export function ackOf({ from, to, records, points }: Done, salt: number): Buffer {
  const bytes = Buffer.alloc(ACK);
  bytes.writeUInt32LE(from, 0);
  bytes.writeUInt32LE(to, 4);
  bytes.writeUInt32LE(records, 8);
  bytes.writeUInt32LE(Math.min(points, 0xffffffff), 12);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 20), salt), 20);
  return bytes;
}

/** All that can be read of an `.ack` file; what is damaged costs its own range, which is then sent twice. */
export function readAcks(bytes: Buffer, salt: number): Done[] {
  const found: Done[] = [];
  for (let at = 0; at + ACK <= bytes.length; at += ACK) {
    const entry = bytes.subarray(at, at + ACK);
    const [from, to] = [entry.readUInt32LE(0), entry.readUInt32LE(4)];
    if (entry.readUInt32LE(20) !== crc32(entry.subarray(0, 20), salt) || from >= to) continue;
    found.push({ from, to, records: entry.readUInt32LE(8), points: entry.readUInt32LE(12) });
  }
  return found;
}
