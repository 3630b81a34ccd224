/** Per sample: its numbers, and where its parts lie in the page. Grows as a page is read. */
export class Columns {
  values: Float64Array;
  /** NaN for no timestamp. */
  times: Float64Array;
  /** Where the bytes from behind the sample before begin, comments included. */
  lines: Uint32Array;
  /** Where the series begins. */
  series: Uint32Array;
  /** Where the value begins. */
  starts: Uint32Array;
  /** The label that was rewritten had it been there: an index of BOUNDS. */
  bounds: Uint8Array;
  /** Where the sample stood on the page before; -1 for one that is new. */
  places: Int32Array;

  constructor(size: number) {
    this.values = new Float64Array(size);
    this.times = new Float64Array(size);
    this.lines = new Uint32Array(size);
    this.series = new Uint32Array(size);
    this.starts = new Uint32Array(size);
    this.bounds = new Uint8Array(size);
    this.places = new Int32Array(size);
  }

  /** Makes room for `index`. Doubling keeps a page of a million samples linear. */
  reserve(index: number): void {
    if (index < this.values.length) return;
    const size = Math.max(index + 1, this.values.length * 2);
    this.values = grown(this.values, new Float64Array(size));
    this.times = grown(this.times, new Float64Array(size));
    this.lines = grown(this.lines, new Uint32Array(size));
    this.series = grown(this.series, new Uint32Array(size));
    this.starts = grown(this.starts, new Uint32Array(size));
    this.bounds = grown(this.bounds, new Uint8Array(size));
    this.places = grown(this.places, new Int32Array(size));
  }
}

/** Copies as bytes, so a NaN keeps its bits. */
function grown<T extends Float64Array | Uint32Array | Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from as never);
  return to;
}

let working: Columns | undefined;
/** What grew beyond so many samples is not kept. */
const MOST_KEPT = 1 << 14;

/** Working memory for `size` samples or more: it lasts until the next call. Reading a page never waits for anything. */
export function workingColumns(size = 0): Columns {
  if (!working || working.values.length > MOST_KEPT) working = new Columns(256);
  if (size > 0) working.reserve(size - 1);
  return working;
}
