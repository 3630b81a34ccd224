import type { Steps } from '#kit';
import { follow, type Labels, type Series, type SeriesSet } from '#metrics';
import { sourceOf } from './lanes.ts';
import { encodeChanged, encodeRecords, type Records } from './records.ts';
import type { Translator } from './translate.ts';

/**
 * The records of a source whose series come and go, not compressed: a set that is used a few times only is not worth more.
 * What a new set has in common with the last one is copied as bytes. There is one book for a source, and it is true for the
 * set that was written last.
 */
export interface Book {
  series: readonly Series[];
  bytes: Buffer;
  ends: Uint32Array;
  /** Rises whenever another set is written. */
  version: number;
}

/** Series between two pauses. */
const STEP = 1024;

/** A set's records in a book. */
export interface Loose {
  readonly set: SeriesSet;
  readonly book: Book;
  readonly version: number;
}

/** Whether the book still has this set's records. */
export const isCurrent = ({ book, version }: Loose): boolean => book.version === version;

/**
 * Writes a set's records `into` a book, or into a new one, with what `from` has of them. Undefined when the set is not as
 * simple as that: all of its series must be sent, as samples, be of the one source, and stay what they are whatever stands
 * beside them. Pauses now and then, while nobody may change `from` but by writing another set.
 */
export function* writeLoose(
  set: SeriesSet,
  source: string,
  translator: Translator,
  { from, into }: { from: Book | undefined; into: Book | undefined },
): Steps<Loose | undefined> {
  const version = from?.version;
  const standing = from ? follow(from.series, set.series) : new Int32Array(set.series.length).fill(-1);
  const fresh: Labels[] = [];
  for (let i = 0; i < standing.length; i++) {
    if (standing[i]! >= 0) continue;
    const labels = simple(set.series[i]!, set, source, translator);
    if (!labels) return undefined;
    fresh.push(labels);
    if (fresh.length % STEP === 0) yield;
  }
  // Between two steps another set of the source may have been written.
  if (from?.version !== version) return undefined;
  const records = from || fresh.length <= STEP ? encodeChanged(from, standing, fresh) : yield* inPieces(fresh);
  const book = store(set.series, records, into);
  return { set, book, version: book.version };
}

/** All records of a set, a few at a time. */
function* inPieces(all: readonly Labels[]): Steps<Records> {
  const ends = new Uint32Array(all.length);
  const pieces: Buffer[] = [];
  let length = 0;
  for (let at = 0; at < all.length; at += STEP) {
    const piece = encodeRecords(all.slice(at, at + STEP));
    piece.ends.forEach((end, i) => {
      ends[at + i] = length + end;
    });
    pieces.push(Buffer.from(piece.bytes));
    length += piece.bytes.length;
    yield;
  }
  return { bytes: Buffer.concat(pieces), ends };
}

function simple(series: Series, set: SeriesSet, source: string, translator: Translator): Labels | undefined {
  if (series.native || sourceOf(series) !== source || translator.mayCollide(series)) return undefined;
  const labels = translator.labels(series, set.resource);
  return labels === 'rule' ? undefined : labels;
}

/** A book's memory is used again where the new records fit, with an eighth to grow. */
function store(series: readonly Series[], { bytes, ends }: Records, into: Book | undefined): Book {
  const book = into ?? { series, bytes: Buffer.alloc(0), ends, version: 0 };
  const room = book.bytes.length;
  if (bytes.length > room || room > 2 * bytes.length) {
    book.bytes = Buffer.allocUnsafeSlow(bytes.length + (into ? bytes.length >>> 3 : 0));
  }
  bytes.copy(book.bytes);
  book.series = series;
  book.ends = ends;
  book.version++;
  return book;
}
