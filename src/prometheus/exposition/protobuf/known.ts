import type { Exemplar, Family, NativeHistogram } from '#metrics';
import type { Layout, RawSample } from '../types.ts';
import type { Cursor } from './cursor.ts';

/** A metric as it was on a page. Offsets are into that page. */
export interface KnownMetric {
  readonly at: number;
  readonly end: number;
  /** Its labels alone; -1 when they did not stand together. */
  readonly labelsAt: number;
  readonly labelsEnd: number;
  /** The index of its first sample, and all of its samples. */
  readonly first: number;
  readonly samples: readonly RawSample[];
  /** Of what the samples were made: bounds of buckets or quantiles. */
  readonly bounds: Float64Array;
  /** 0: none. */
  readonly time: number;
  readonly start: number;
  readonly histogram: NativeHistogram | undefined;
  /** `index` counts from its first sample. */
  readonly exemplars: readonly Exemplar[];
}

export interface KnownFamily {
  readonly family: Family;
  /** The enum MetricType. */
  readonly type: number;
  /** All in front of the first metric and all behind the last: name, type, help, unit. `headAt` -1: something stood between the metrics. */
  readonly headAt: number;
  readonly headEnd: number;
  readonly tailAt: number;
  readonly tailEnd: number;
  readonly metrics: readonly KnownMetric[];
}

/** What is kept of a page for the next one. */
export interface KnownPage {
  readonly layout: Layout;
  readonly page: PageCopy;
  readonly values: Float64Array;
  readonly starts: Float64Array | undefined;
  readonly families: readonly KnownFamily[];
}

/** The bytes of a page. A copy: the caller may use its buffer again. */
export class PageCopy {
  readonly bytes: Buffer;
  readonly #view: DataView;

  constructor(body: Buffer) {
    this.bytes = Buffer.allocUnsafeSlow(body.length);
    body.copy(this.bytes);
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  }

  /** Whether its bytes `at` to `end` are those from `from` to `to` of another page. */
  has({ view, body }: Cursor, from: number, to: number, at: number, end: number): boolean {
    const size = to - from;
    if (end - at !== size) return false;
    // Below this a call into Node costs more than it saves.
    if (size > 128) return this.bytes.compare(body, from, to, at, end) === 0;
    const mine = this.#view;
    let i = 0;
    for (; i + 4 <= size; i += 4) if (mine.getInt32(at + i) !== view.getInt32(from + i)) return false;
    for (; i < size; i++) if (mine.getUint8(at + i) !== view.getUint8(from + i)) return false;
    return true;
  }
}

/**
 * Finds again what has bytes of its own on the last page: first the one that comes next in order, then any, by a table that
 * is made only then.
 */
export class Finder<T> {
  readonly #page: PageCopy;
  readonly #items: readonly T[];
  readonly #range: (item: T) => readonly [from: number, to: number];
  #next = 0;
  #table: Map<string, number> | undefined;

  /** A range that begins at -1 is never found. */
  constructor(page: PageCopy, items: readonly T[], range: (item: T) => readonly [from: number, to: number]) {
    this.#page = page;
    this.#items = items;
    this.#range = range;
  }

  /** What is expected next, whatever its bytes. */
  get next(): T | undefined {
    return this.#items[this.#next];
  }

  /** It was there. */
  take(): void {
    this.#next++;
  }

  find(cursor: Cursor, from: number, to: number): T | undefined {
    const expected = this.next;
    if (expected !== undefined && this.#same(expected, cursor, from, to)) return this.#found(this.#next);
    this.#table ??= this.#makeTable();
    const at = this.#table.get(cursor.body.toString('latin1', from, to));
    return at === undefined ? undefined : this.#found(at);
  }

  #found(at: number): T {
    this.#next = at + 1;
    return this.#items[at]!;
  }

  #same(item: T, cursor: Cursor, from: number, to: number): boolean {
    const [at, end] = this.#range(item);
    return at >= 0 && this.#page.has(cursor, from, to, at, end);
  }

  #makeTable(): Map<string, number> {
    const table = new Map<string, number>();
    this.#items.forEach((item, i) => {
      const [at, end] = this.#range(item);
      if (at >= 0) table.set(this.#page.bytes.toString('latin1', at, end), i);
    });
    return table;
  }
}
