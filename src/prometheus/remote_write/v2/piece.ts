import type { Exemplar, Snapshot } from '#metrics';
import type { Bytes } from '../bytes.ts';
import { histogramSample, timeOf } from '../column.ts';
import type { Exemplars } from '../exemplars.ts';
import { writeHistogram } from '../histogram.ts';
import type { Row } from '../rows.ts';
import { int64Length, varintLength } from '../wire.ts';
import { encodeHeads, type Heads, putHead } from './heads.ts';
import { type MessageWriter, Source } from './message.ts';
import { sampleLength, writeSample } from './sample.ts';
import type { SymbolTable } from './symbols.ts';
import type { Template } from './template.ts';

/** Neighbouring series of one set and lane, with a table of their own: what one request may hold. */
export interface Piece {
  readonly lane: number;
  /** The one source that all its series are of; undefined when there are several. */
  readonly of: string | undefined;
  /** Where each row's value stands in the snapshot. */
  readonly index: Uint32Array;
  /** `target_info`, which has no value in the snapshot, with strings of its own: it is not told each time. */
  readonly info: { readonly heads: Heads; readonly source: Source } | undefined;
  /** Rows of native histograms. */
  readonly natives: ReadonlySet<number>;
  readonly heads: Heads;
  readonly source: Source;
  /** How often it was written in a way that a template could have served. */
  uses: number;
  template: Template | undefined;
  /** Rows that no template may hold, because their series has had exemplars. */
  readonly restless: Set<number>;
  /** Its symbols, for looking up; made when a template first has rows beside it. */
  table: SymbolTable | undefined;
}

/** A snapshot, ready to be written. */
export interface View {
  readonly snapshot: Snapshot;
  readonly bits: BigUint64Array;
  readonly starts: Float64Array | undefined;
  /** The bits of `target_info`, where this snapshot is to tell it. */
  readonly info: bigint | undefined;
  /** By the sample that they belong to. */
  readonly exemplars: Exemplars | undefined;
}

export function makePiece(rows: readonly Row[], lane: number, of: string | undefined, info: Row | undefined): Piece {
  const heads = encodeHeads(rows);
  const infoHeads = info && encodeHeads([info]);
  const natives = new Set<number>();
  rows.forEach(({ series }, i) => {
    if (series.native) natives.add(i);
  });
  return {
    lane,
    of,
    index: Uint32Array.from(rows, (row) => row.at),
    info: infoHeads && { heads: infoHeads, source: new Source(infoHeads.symbols) },
    natives,
    heads,
    source: new Source(heads.symbols),
    uses: 0,
    template: undefined,
    restless: new Set(),
    table: undefined,
  };
}

const NONE: readonly Required<Exemplar>[] = [];

/** Writes every row of a piece by hand. */
export function writePiece(piece: Piece, view: View, writer: MessageWriter): void {
  const { heads, index, natives, source } = piece;
  const { snapshot, bits, starts } = view;
  for (let i = 0; i < index.length; i++) {
    const at = index[i]!;
    const exemplars = view.exemplars?.get(at) ?? NONE;
    if (exemplars.length === 0 && !natives.has(i)) {
      writer.plain(source, heads, i, bits[at]!, timeOf(snapshot, at), starts ? starts[at]! : 0);
      continue;
    }
    const counts = { samples: 1, histograms: natives.has(i) ? 1 : 0, exemplars: exemplars.length };
    writer.series(source, counts, (row, table) => {
      putHead(row, heads, i, source.map);
      writeData(piece, i, view, exemplars, table, row);
    });
  }
  if (piece.info && view.info !== undefined) {
    writer.plain(piece.info.source, piece.info.heads, 0, view.info, Math.trunc(snapshot.time), 0);
  }
}

/** What belongs to row `i` behind its head: the sample, and exemplars. */
export function writeData(
  { index, natives }: Piece,
  i: number,
  { snapshot, bits, starts }: View,
  exemplars: readonly Required<Exemplar>[],
  table: SymbolTable,
  row: Bytes,
): void {
  const at = index[i]!;
  const start = starts ? starts[at]! : 0;
  if (natives.has(i)) writeHistogram(row, 0x1a, histogramSample(snapshot, at, start));
  else putSample(row, bits[at]!, timeOf(snapshot, at), start);
  for (const exemplar of exemplars) writeExemplar(row, exemplar, table);
}

export function putSample(row: Bytes, bits: bigint, time: number, start: number): void {
  const at = row.reserve(sampleLength(time, start));
  writeSample(row.buffer, at, bits, time, start);
}

function writeExemplar(row: Bytes, { labels, value, timestamp }: Required<Exemplar>, table: SymbolTable): void {
  const refs = labels.map((text) => table.ref(text));
  const length = refs.reduce((sum, ref) => sum + varintLength(ref), 0);
  row.byte(0x22);
  row.varint((length ? 1 + varintLength(length) + length : 0) + 10 + int64Length(timestamp));
  if (length) {
    row.byte(0x0a);
    row.varint(length);
    for (const ref of refs) row.varint(ref);
  }
  row.double(0x11, value);
  row.int64(0x18, timestamp);
}
