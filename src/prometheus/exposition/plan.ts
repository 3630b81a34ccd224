import type { Exemplar, Family } from '#metrics';
import { workingColumns } from './columns.ts';
import type { Metadata } from './families.ts';
import { readNumber } from './number.ts';
import type { PageBuild } from './page.ts';
import { exemplarOf } from './page.ts';
import { Reader } from './reader.ts';
import type { Layout, PageOptions, ParsedPage, RawSample } from './types.ts';

/**
 * What is kept of the last page: a copy of it, and where the parts of each sample lie. A page is a constant piece (comments
 * and series), a value, a constant piece, a value, …; while the pieces stay, the next page is read by comparing them in
 * order, eight bytes at a time, and nothing is parsed but numbers.
 */
export class Plan {
  readonly layout: Layout;
  readonly page: Buffer;
  readonly bounds: Uint8Array;
  readonly metadata: ReadonlyMap<number, readonly Metadata[]>;
  /** By name. */
  readonly families: ReadonlyMap<string, Family>;
  readonly lines: Uint32Array;
  readonly series: Uint32Array;
  readonly starts: Uint32Array;

  /** Of each series' bytes; made when first needed. */
  hashes: Uint32Array | undefined;
  /** Samples with a timestamp of their own. */
  readonly timestamps: number;

  /** Some other parser reads by it, too. */
  isShared = false;
  #retired = false;

  readonly #options: PageOptions;
  readonly #view: DataView;
  readonly #tail: number;
  readonly #hasNul: boolean;
  readonly #comparable: boolean;

  /**
   * `layout` lists `build`'s samples. The page is copied: the caller may use its buffer again. `room` is memory to copy it to,
   * where it fits.
   */
  constructor(body: Buffer, build: PageBuild, layout: Layout, options: PageOptions, room?: Buffer) {
    const n = layout.samples.length;
    this.layout = layout;
    this.page = pageMemory(body.length, room);
    body.copy(this.page);
    this.bounds = build.columns.bounds.slice(0, n);
    this.metadata = build.metadata;
    this.families = familiesOf(build);
    this.lines = build.columns.lines.slice(0, n);
    this.series = build.columns.series.slice(0, n);
    this.starts = build.columns.starts.slice(0, n);
    this.#options = options;
    this.#view = new DataView(this.page.buffer, this.page.byteOffset, this.page.length);
    this.#tail = build.tail;
    this.timestamps = build.timestamps;
    this.#hasNul = this.page.includes(0);
    this.#comparable = !this.#hasNul && this.starts.every((_, i) => this.ends(i));
  }

  get samples(): readonly RawSample[] {
    return this.layout.samples;
  }

  /**
   * Whether a byte ends sample `i`'s series that cannot be part of a longer name. The text format takes `a+1` for `a +1`; but
   * a series `a` would then also match the start of `ab 1`.
   */
  ends(i: number): boolean {
    const c = this.page[this.starts[i]! - 1];
    return c === 32 || c === 9 || c === 125;
  }

  get isRetired(): boolean {
    return this.#retired;
  }

  /** Nobody may use it any more: its page's memory is to be used again. Undefined when others do. */
  retire(): Buffer | undefined {
    if (this.isShared) return undefined;
    this.#retired = true;
    return this.page;
  }

  /** The page, when it is the last one with other numbers; undefined otherwise. */
  read(body: Buffer): ParsedPage | undefined {
    if (!this.#comparable) return undefined;
    const { samples } = this.layout;
    const n = samples.length;
    const end = body.length;
    const view = new DataView(body.buffer, body.byteOffset, end);
    const { values } = workingColumns(n);
    let rest: Rests | undefined;
    let pos = 0;
    for (let i = 0; i < n; i++) {
      const from = this.lines[i]!;
      const size = this.starts[i]! - from;
      if (pos + size > end || !this.#same(from, view, pos, size)) return undefined;
      const stop = readNumber(body, pos + size, end, values, i);
      if (stop < 0) return undefined;
      if (stop === end) pos = end;
      else if (body[stop] === 10) pos = stop + 1;
      else {
        rest ??= new Rests(body, n, this.#options);
        pos = rest.read(stop, i);
        if (rest.hasTimestamp !== samples[i]!.hasTimestamp) return undefined;
      }
    }
    const size = this.page.length - this.#tail;
    if (pos + size !== end || !this.#same(this.#tail, view, pos, size)) return undefined;
    if ((rest?.timestamps ?? 0) !== this.timestamps) return undefined;
    return { layout: this.layout, values: values.slice(0, n), ...rest?.parts() };
  }

  /** Whether the bytes `from` to `to` stand in a page at `at`. */
  stands(from: number, to: number, body: Buffer, view: DataView, at: number): boolean {
    const end = at + to - from;
    if (end > body.length) return false;
    if (this.#hasNul) return this.page.compare(body, at, end, from, to) === 0;
    return this.#same(from, view, at, to - from);
  }

  /** Not for pages with NULs: seven of them in a row are part of a zero, which has two spellings in bits. */
  #same(from: number, view: DataView, at: number, size: number): boolean {
    const mine = this.#view;
    const last = size - 8;
    let i = 0;
    for (; i <= last; i += 8) if (mine.getFloat64(from + i, true) !== view.getFloat64(at + i, true)) return false;
    if (last >= 0) return mine.getFloat64(from + last, true) === view.getFloat64(at + last, true);
    for (; i < size; i++) if (mine.getUint8(from + i) !== view.getUint8(at + i)) return false;
    return true;
  }
}

/** Names that come and go must not pile up. */
function familiesOf({ families, samples }: PageBuild): ReadonlyMap<string, Family> {
  if (families.made.size <= 2 * samples.length) return families.made;
  return new Map(samples.map(({ family }) => [family.name, family]));
}

/** Pages that change have about the same length again: a little more than needed spares the next one the asking. */
function pageMemory(length: number, room: Buffer | undefined): Buffer {
  if (!room) return Buffer.allocUnsafeSlow(length);
  const { byteLength } = room.buffer;
  const fits = length <= byteLength && byteLength <= 2 * length;
  return Buffer.from(fits ? room.buffer : new ArrayBuffer(length + (length >>> 4)), 0, length);
}

/** What stands behind values, where a page has timestamps or exemplars. */
class Rests {
  timestamps = 0;
  hasTimestamp = false;
  readonly #reader: Reader;
  readonly #times: Float64Array;
  readonly #exemplars: Exemplar[] | undefined;

  constructor(body: Buffer, size: number, options: PageOptions) {
    this.#reader = new Reader(body, options.format, options.strict);
    this.#times = new Float64Array(size).fill(Number.NaN);
    this.#exemplars = options.exemplars ? [] : undefined;
  }

  /** Reads on from behind the value of sample `index`; answers where the next line starts. */
  read(at: number, index: number): number {
    const reader = this.#reader;
    reader.pos = at;
    reader.readRest();
    this.#times[index] = reader.timestamp;
    this.hasTimestamp = !Number.isNaN(reader.timestamp);
    if (this.hasTimestamp) this.timestamps++;
    if (reader.hasExemplar) this.#exemplars?.push(exemplarOf(reader, index));
    return reader.pos;
  }

  parts(): Partial<ParsedPage> {
    const times = this.timestamps > 0 && { times: this.#times };
    const exemplars = this.#exemplars !== undefined && this.#exemplars.length > 0 && { exemplars: this.#exemplars };
    return { ...times, ...exemplars };
  }
}
