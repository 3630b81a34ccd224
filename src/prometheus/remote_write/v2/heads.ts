import type { Family } from '#metrics';
import type { Bytes } from '../bytes.ts';
import { METRIC_TYPE } from '../metadata.ts';
import type { Row } from '../rows.ts';
import { varintLength, writeVarint } from '../wire.ts';
import { SymbolTable } from './symbols.ts';

/** What never changes of series in a Request: labels and metadata, as references into a table of their own. */
export interface Heads {
  readonly symbols: readonly string[];
  /** Of all labels, row after row. */
  readonly refs: Uint16Array | Uint32Array;
  /** Where in `refs` each row ends. */
  readonly ends: Uint32Array;
  /** Which of `metas` each row has. */
  readonly meta: Uint16Array;
  readonly metas: readonly Meta[];
}

interface Meta {
  readonly type: number;
  readonly help: number;
  readonly unit: number;
}

/** From a head's own references to those of the table that is being written. */
export type MapRef = (ref: number) => number;

export function encodeHeads(rows: readonly Row[]): Heads {
  const symbols = new SymbolTable();
  const refs: number[] = [];
  const ends = new Uint32Array(rows.length);
  const meta = new Uint16Array(rows.length);
  const metas: Meta[] = [];
  let family: Family | undefined;
  let last: readonly string[] = [];
  let before = 0;
  rows.forEach(({ labels, series }, i) => {
    const start = refs.length;
    for (let k = 0; k < labels.length; k++) {
      // Neighbours have most of their labels in common.
      refs.push(labels[k] === last[k] ? refs[before + k]! : symbols.ref(labels[k]!));
    }
    last = labels;
    before = start;
    ends[i] = refs.length;
    if (series.family !== family) metas.push(metaOf(series.family, symbols));
    family = series.family;
    meta[i] = metas.length - 1;
  });
  const narrow = symbols.size <= 0x10000;
  return { symbols: symbols.list, refs: narrow ? Uint16Array.from(refs) : Uint32Array.from(refs), ends, meta, metas };
}

const metaOf = ({ type, help, unit }: Family, symbols: SymbolTable): Meta => ({
  type: METRIC_TYPE[type],
  help: symbols.ref(help),
  unit: symbols.ref(unit),
});

/** The head that was measured last: its references as they are to be written. */
let mapped = new Uint32Array(256);
let count = 0;
let refsLength = 0;
let metaLength = 0;
const own: { type: number; help: number; unit: number } = { type: 0, help: 0, unit: 0 };

/** Puts a head's references through `map`. Gives its bytes; `writeHead` then writes this very head. */
export function measureHead({ refs, ends, meta, metas }: Heads, row: number, map: MapRef): number {
  const from = row ? ends[row - 1]! : 0;
  count = ends[row]! - from;
  if (count > mapped.length) mapped = new Uint32Array(count * 2);
  refsLength = 0;
  for (let k = 0; k < count; k++) {
    const ref = map(refs[from + k]!);
    mapped[k] = ref;
    refsLength += ref < 128 ? 1 : ref < 16384 ? 2 : varintLength(ref);
  }
  const { type, help, unit } = metas[meta[row]!]!;
  own.type = type;
  own.help = map(help);
  own.unit = map(unit);
  metaLength = varintField(own.type) + varintField(own.help) + varintField(own.unit);
  return 1 + varintLength(refsLength) + refsLength + 2 + metaLength;
}

const varintField = (value: number): number => (value === 0 ? 0 : 1 + varintLength(value));

/** `0a <length> (<name> <value>)* 2a <length> 08 <type> 18 <help> 20 <unit>`. Gives the position behind it. */
export function writeHead(out: Buffer, start: number): number {
  out[start] = 0x0a;
  let at = writeVarint(out, start + 1, refsLength);
  for (let k = 0; k < count; k++) {
    const ref = mapped[k]!;
    if (ref < 128) out[at++] = ref;
    else at = writeVarint(out, at, ref);
  }
  out[at++] = 0x2a;
  out[at++] = metaLength;
  if (own.type) {
    out[at++] = 0x08;
    out[at++] = own.type;
  }
  if (own.help) {
    out[at++] = 0x18;
    at = writeVarint(out, at, own.help);
  }
  if (own.unit) {
    out[at++] = 0x20;
    at = writeVarint(out, at, own.unit);
  }
  return at;
}

export function putHead(row: Bytes, heads: Heads, i: number, map: MapRef): void {
  const length = measureHead(heads, i, map);
  const at = row.reserve(length);
  writeHead(row.buffer, at);
}

export const SAME: MapRef = (ref) => ref;
