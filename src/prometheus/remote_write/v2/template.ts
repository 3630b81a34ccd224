import { Bytes } from '../bytes.ts';
import { type Packed, pack } from '../pack.ts';
import { hasSixBytes } from '../records.ts';
import { compressElements, maxCompressedLength } from '../snappy.ts';
import { writeVarint } from '../wire.ts';
import { putHead, SAME } from './heads.ts';
import { type Piece, putSample, type View } from './piece.ts';

/** A piece as ready-made snappy elements, into which values and the time are written. */
export interface Template {
  /** The table, compressed. */
  readonly symbols: Buffer;
  readonly symbolsLength: number;
  readonly packed: Packed;
  /** Bytes of the records, unpacked. */
  readonly length: number;
  /** Where in the snapshot each packed record's value stands. */
  readonly index: Uint32Array;
  /** Their start times, which are part of the template. */
  readonly starts: Float64Array | undefined;
  /** Rows that it does not hold. */
  readonly rest: readonly number[];
}

/** Any time whose varint has six bytes. */
const SOME_TIME = 2 ** 40;

const records = new Bytes();
const row = new Bytes();
const table = new Bytes();

export function makeTemplate({ heads, index, natives, restless }: Piece, { starts }: View): Template {
  const held: number[] = [];
  const rest: number[] = [];
  for (let i = 0; i < index.length; i++) (natives.has(i) || restless.has(i) ? rest : held).push(i);
  records.clear();
  const ends = new Uint32Array(held.length);
  held.forEach((i, n) => {
    row.clear();
    putHead(row, heads, i, SAME);
    putSample(row, 0n, SOME_TIME, starts ? starts[index[i]!]! : 0);
    records.nested(0x2a, row.view());
    ends[n] = records.length;
  });
  table.clear();
  for (const text of heads.symbols) table.text(0x22, text);
  return {
    symbols: compressed(table),
    symbolsLength: table.length,
    packed: held.length ? pack({ bytes: records.view(), ends }) : NOTHING,
    length: records.length,
    index: Uint32Array.from(held, (i) => index[i]!),
    starts: starts && Float64Array.from(held, (i) => starts[index[i]!]!),
    rest,
  };
}

const NOTHING: Packed = { bytes: Buffer.alloc(0), values: new Uint32Array(0), stamps: new Uint32Array(0) };

function compressed(bytes: Bytes): Buffer {
  const out = Buffer.allocUnsafe(maxCompressedLength(bytes.length));
  return Buffer.from(out.subarray(0, compressElements(bytes.view(), bytes.length, out, 0)));
}

/** Whether a template holds what a view says, but for values and the time. */
export function fits({ index, starts }: Template, view: View): boolean {
  if (!starts || !view.starts) return starts === view.starts;
  for (let n = 0; n < index.length; n++) if (starts[n] !== view.starts[index[n]!]) return false;
  return true;
}

/** The one time of all of a piece's samples, where its varint has six bytes. */
export function commonTime({ index }: Piece, { snapshot }: View): number | undefined {
  const { times } = snapshot;
  const time = Math.trunc(times ? times[index[0]!]! : snapshot.time);
  if (!hasSixBytes(time)) return undefined;
  if (times) for (const at of index) if (Math.trunc(times[at]!) !== time) return undefined;
  return time;
}

/** The elements of the records, filled in, at `start` of `out`. Gives the position behind them. */
export function fill({ packed, index }: Template, { bits }: View, time: number, out: Buffer, start: number): number {
  out.set(packed.bytes, start);
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  const { values, stamps } = packed;
  for (let n = 0; n < values.length; n++) view.setBigUint64(start + values[n]!, bits[index[n]!]!, true);
  writeVarint(stamp, 0, time);
  for (const place of stamps) out[start + (place >>> 3)] = stamp[place & 7]!;
  return start + packed.bytes.length;
}

const stamp = new Uint8Array(8);
