import { atOnce } from '#kit';
import { type Batch, labelsKey, type SeriesSet } from '#metrics';
import { BodyPool, type WriteBody } from '../body.ts';
import { Bytes } from '../bytes.ts';
import { bitsOf } from '../column.ts';
import type { Encoded, EncoderOptions, RemoteWriteEncoder } from '../encoder.ts';
import { ExemplarFilter } from '../exemplars.ts';
import type { Counts } from '../fields.ts';
import { laneOf, sourceOf } from '../lanes.ts';
import { type InfoSharing, sharingOf } from '../own-info.ts';
import { type Row, type Rows, rowsOf } from '../rows.ts';
import { compressElements, maxCompressedLength } from '../snappy.ts';
import { TargetInfoTeller, type Telling } from '../target-info.ts';
import { createTranslator, type Translator } from '../translate.ts';
import { putHead, SAME } from './heads.ts';
import { MessageWriter, MOST_SAMPLES } from './message.ts';
import { makePiece, type Piece, putSample, type View, writeData, writePiece } from './piece.ts';
import { type CreatedPlan, planCreated, startsOf } from './starts.ts';
import { SymbolTable } from './symbols.ts';
import { commonTime, fill, fits, makeTemplate } from './template.ts';

/** The most series in a piece. */
const LARGEST = 2000;
/** A piece of fewer series shares a request with others, and so a table: it is never made into a template. */
const OWN_REQUEST = 500;
/** So often a piece is written by hand before it gets a template. */
const TRIALS = 2;

/** What a series set is in Remote Write 2.0. */
interface Plan extends Omit<Rows, 'rows' | 'info'> {
  /** Of `target_info`, where the set has one. */
  readonly telling: Telling | undefined;
  readonly pieces: readonly Piece[];
  readonly created: CreatedPlan | undefined;
}

/** Batches as bodies of Remote Write 2.0 requests. */
export function createRemoteWrite2Encoder(options: EncoderOptions): RemoteWriteEncoder {
  return new RequestEncoder(options);
}

class RequestEncoder implements RemoteWriteEncoder {
  readonly #options: EncoderOptions;
  readonly #translator: Translator;
  readonly #plans = new WeakMap<SeriesSet, Plan>();
  readonly #teller = new TargetInfoTeller();
  readonly #sharing: InfoSharing | undefined;
  readonly #exemplars = new ExemplarFilter();
  readonly #pool = new BodyPool();
  readonly #memory = { records: new Bytes(), row: new Bytes() };
  /** Rows beside a template are written while others wait in a message that is not finished. */
  readonly #beside = { records: new Bytes(), row: new Bytes() };
  readonly #packing = new Bytes();

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#sharing = sharingOf(options);
    this.#translator = createTranslator(options);
  }

  encode(given: Batch): Encoded {
    const batch = this.#sharing?.share(given) ?? given;
    const lanes = new Map<number, { piece: Piece; view: View }[]>();
    let dropped = 0;
    let relabelled = 0;
    const infos = this.#teller.choose(batch, ({ set }) => this.#planOf(set).telling);
    for (const snapshot of batch) {
      const plan = this.#planOf(snapshot.set);
      const view = {
        snapshot,
        bits: bitsOf(snapshot),
        starts: startsOf(snapshot, plan.created),
        info: infos.get(snapshot),
        exemplars: this.#exemplars.fresh(snapshot),
      };
      dropped += plan.dropped;
      relabelled += plan.relabelled;
      for (const piece of plan.pieces) {
        const own = lanes.get(piece.lane);
        if (own) own.push({ piece, view });
        else lanes.set(piece.lane, [{ piece, view }]);
      }
    }
    const bodies: WriteBody[] = [];
    for (const [lane, pieces] of lanes) this.#writeLane(lane, pieces, (body) => bodies.push(body));
    return { bodies, dropped, relabelled, oldExemplars: this.#exemplars.outOfOrder };
  }

  recycle(body: WriteBody): void {
    this.#pool.give(body.bytes);
  }

  #writeLane(lane: number, pieces: readonly { piece: Piece; view: View }[], done: (body: WriteBody) => void): void {
    const writer = new MessageWriter(
      { length: this.#options.maxLength, samples: MOST_SAMPLES },
      ({ message, ...counts }) => done(this.#body(lane, message.length, counts, [message])),
      this.#memory,
    );
    /** Sources with samples in the writer, which must not be overtaken. */
    const open = new Set<string | undefined>();
    for (const { piece, view } of pieces) {
      const time = settled(piece, view);
      if (time !== undefined && (open.has(piece.of) || open.has(undefined) || (open.size && !piece.of))) {
        writer.finish();
        open.clear();
      }
      const body = time === undefined ? undefined : this.#fromTemplate(piece, view, time);
      if (body) {
        done(body);
        continue;
      }
      writePiece(piece, view, writer);
      open.add(piece.of);
    }
    writer.finish();
  }

  /** Undefined when it comes out too long. */
  #fromTemplate(piece: Piece, view: View, time: number): WriteBody | undefined {
    const template = piece.template!;
    const info = view.info === undefined ? undefined : piece.info;
    const rest = this.#rest(piece, view, template.rest, info);
    const length = template.symbolsLength + rest.symbols.length + template.length + rest.records.length;
    if (length > this.#options.maxLength) return undefined;
    const counts = { ...rest.counts, samples: piece.index.length + (info ? 1 : 0) };
    return this.#body(piece.lane, length, counts, [
      { elements: template.symbols },
      rest.symbols,
      { elements: template.packed.bytes, fill: (out: Buffer, at: number) => fill(template, view, time, out, at) },
      rest.records,
    ]);
  }

  /** The rows that a template does not hold, and the strings that its table does not. */
  #rest(piece: Piece, view: View, rows: readonly number[], info: Piece['info']): Rest {
    const counts = { samples: 0, histograms: 0, exemplars: 0 };
    if (rows.length === 0 && !info) return { symbols: EMPTY, records: EMPTY, counts };
    const { records, row } = this.#beside;
    const { heads } = piece;
    const { symbols } = heads;
    piece.table ??= new SymbolTable(symbols);
    const { table } = piece;
    records.clear();
    for (const i of rows) {
      const exemplars = view.exemplars?.get(piece.index[i]!) ?? [];
      row.clear();
      putHead(row, heads, i, SAME);
      writeData(piece, i, view, exemplars, table, row);
      records.nested(0x2a, row.view());
      counts.histograms += piece.natives.has(i) ? 1 : 0;
      counts.exemplars += exemplars.length;
    }
    if (info) {
      row.clear();
      putHead(row, info.heads, 0, (ref) => table.ref(info.heads.symbols[ref]!));
      putSample(row, view.info!, Math.trunc(view.snapshot.time), 0);
      records.nested(0x2a, row.view());
    }
    const more = new Bytes();
    table.write(more, symbols.length);
    table.truncate(symbols.length);
    return { symbols: more.view(), records: records.view(), counts };
  }

  #body(lane: number, length: number, counts: Counts, parts: readonly BodyPart[]): WriteBody {
    const out = this.#packing;
    out.clear();
    out.varint(length);
    for (const part of parts) {
      if (!Buffer.isBuffer(part)) {
        const at = out.reserve(part.elements.length);
        if (part.fill) part.fill(out.buffer, at);
        else out.buffer.set(part.elements, at);
      } else if (part.length) {
        const at = out.reserve(maxCompressedLength(part.length));
        out.length = compressElements(part, part.length, out.buffer, at);
      }
    }
    const bytes = this.#pool.take(out.length);
    bytes.set(out.view());
    return { version: 2, bytes, length, ...counts, lane };
  }

  #planOf(set: SeriesSet): Plan {
    let plan = this.#plans.get(set);
    if (!plan) {
      const { rows, info, ...rest } = atOnce(rowsOf(set, this.#translator));
      const telling = info && { key: labelsKey(info.labels), own: info.own };
      plan = { ...rest, pieces: this.#pieces(rows, info), telling, created: planCreated(set) };
      this.#plans.set(set, plan);
    }
    return plan;
  }

  /** `target_info` rides with the last of the pieces in its lane. */
  #pieces(rows: readonly Row[], info: Row | undefined): Piece[] {
    const infoLane = info && laneOf(info.series, this.#options.lanes);
    const made = this.#piecesOf(rows, (lane) => (lane === infoLane ? info : undefined));
    if (info && !made.some((piece) => piece.info)) {
      made.push(makePiece([], infoLane!, sourceOf(info.series), info));
    }
    return made;
  }

  #piecesOf(rows: readonly Row[], infoOf: (lane: number) => Row | undefined): Piece[] {
    const lanes = new Map<number, Row[]>();
    for (const row of rows) {
      const lane = laneOf(row.series, this.#options.lanes);
      const own = lanes.get(lane);
      if (own) own.push(row);
      else lanes.set(lane, [row]);
    }
    return [...lanes].flatMap(([lane, own]) => {
      const sources = new Set(own.map((row) => sourceOf(row.series)));
      const of = sources.size === 1 ? [...sources][0] : undefined;
      const parts = evenly(own);
      return parts.map((part, i) => makePiece(part, lane, of, i === parts.length - 1 ? infoOf(lane) : undefined));
    });
  }
}

interface Rest {
  readonly symbols: Buffer;
  readonly records: Buffer;
  readonly counts: Counts;
}

/** Bytes to compress, or elements as they are; `fill` writes them itself. */
type BodyPart = Buffer | { readonly elements: Buffer; readonly fill?: (out: Buffer, at: number) => void };

const EMPTY = Buffer.alloc(0);

function evenly(rows: readonly Row[]): (readonly Row[])[] {
  const count = Math.ceil(rows.length / LARGEST);
  const cut = (i: number) => Math.floor((rows.length * i) / count);
  return Array.from({ length: count }, (_, i) => rows.slice(cut(i), cut(i + 1)));
}

/** The time to write into a piece's template, which it then has; undefined when the piece is to be written by hand. */
function settled(piece: Piece, view: View): number | undefined {
  if (piece.index.length < OWN_REQUEST) return undefined;
  const time = commonTime(piece, view);
  if (time === undefined) return undefined;
  noteExemplars(piece, view);
  if (piece.template && !fits(piece.template, view)) {
    piece.template = undefined;
    piece.uses = 0;
  }
  if (!piece.template && piece.uses++ < TRIALS) return undefined;
  piece.template ??= makeTemplate(piece, view);
  return time;
}

/** A series that has exemplars once has them again: a template leaves it out from then on. */
function noteExemplars(piece: Piece, { exemplars }: View): void {
  if (!exemplars) return;
  const { restless } = piece;
  const before = restless.size;
  piece.index.forEach((at, i) => {
    if (exemplars.has(at)) restless.add(i);
  });
  if (restless.size === before) return;
  piece.template = undefined;
  piece.uses = 0;
}
