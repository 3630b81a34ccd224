import type { Metadata } from './families.ts';
import { BOUNDS } from './labels.ts';
import type { Memory } from './page.ts';
import type { Plan } from './plan.ts';
import type { Reader } from './reader.ts';
import type { RawSample } from './types.ts';

/**
 * Finds the series of the last page on one that is not quite the same: first the one that comes next in order, then, where
 * lines were added, removed or moved, through a hash table of the series' bytes that is built only then.
 */
export class PlanMemory implements Memory {
  readonly #plan: Plan;
  readonly #view: DataView;
  #next = 0;
  #table: Table | undefined;

  constructor(plan: Plan, body: Buffer) {
    this.#plan = plan;
    this.#view = new DataView(body.buffer, body.byteOffset, body.length);
  }

  get size(): number {
    return this.#plan.samples.length;
  }

  sample(index: number): RawSample {
    return this.#plan.samples[index]!;
  }

  find(reader: Reader, bound: string): number {
    const next = this.#next;
    // The one behind the next too: a series that was replaced by another leaves the order as it was.
    const near = this.#stands(next, reader) ? next : this.#stands(next + 1, reader) ? next + 1 : -1;
    const found = near >= 0 ? near : this.#lookUp(reader);
    if (found < 0 || BOUNDS[this.#plan.bounds[found]!] !== bound || !this.#plan.ends(found)) return -1;
    const value = reader.pos + this.#plan.starts[found]! - this.#plan.series[found]!;
    // More of the series may follow: blanks, or the labels of what is there without any.
    const c = reader.body[value];
    if (c === undefined || c === 32 || c === 9 || c === 123) return -1;
    this.#next = found + 1;
    reader.pos = value;
    return found;
  }

  comments(reader: Reader): readonly Metadata[] {
    const { lines, series, metadata } = this.#plan;
    const next = this.#next;
    const known = metadata.get(next);
    if (!known) return NONE;
    const from = lines[next]!;
    const to = series[next]!;
    if (!this.#plan.stands(from, to, reader.body, this.#view, reader.pos)) return NONE;
    reader.pos += to - from;
    return known;
  }

  #stands(index: number, reader: Reader): boolean {
    if (index >= this.size) return false;
    const { series, starts } = this.#plan;
    return this.#plan.stands(series[index]!, starts[index]!, reader.body, this.#view, reader.pos);
  }

  #lookUp(reader: Reader): number {
    const end = seriesEnd(reader.body, reader.pos, reader.end);
    if (end < 0) return -1;
    this.#table ??= new Table(this.#plan);
    return this.#table.find(reader.body, this.#view, reader.pos, end);
  }
}

const NONE: readonly Metadata[] = [];

/** So many slots are looked at. A page that has a line a thousand times, or that was made to collide, costs no more. */
const PROBES = 32;

/**
 * Open addressing over the plan's series; a slot holds an index plus one. What finds no slot nearby is left out, and so is
 * read anew.
 */
class Table {
  readonly #plan: Plan;
  readonly #slots: Uint32Array;
  readonly #mask: number;

  constructor(plan: Plan) {
    const { page, series, starts } = plan;
    const n = series.length;
    this.#plan = plan;
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(n * 2 + 2)));
    this.#mask = this.#slots.length - 1;
    const view = new DataView(page.buffer, page.byteOffset, page.length);
    for (let i = 0; i < n; i++) {
      const slot = this.#free(hash(view, series[i]!, starts[i]!));
      if (slot >= 0) this.#slots[slot] = i + 1;
    }
  }

  #free(hashed: number): number {
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = (hashed + probe) & this.#mask;
      if (this.#slots[slot] === 0) return slot;
    }
    return -1;
  }

  find(body: Buffer, view: DataView, from: number, to: number): number {
    const { series, starts } = this.#plan;
    const hashed = hash(view, from, to);
    for (let probe = 0; probe < PROBES; probe++) {
      const i = this.#slots[(hashed + probe) & this.#mask]! - 1;
      if (i < 0) break;
      const size = starts[i]! - series[i]!;
      if (size === to - from && this.#plan.stands(series[i]!, starts[i]!, body, view, from)) return i;
    }
    return -1;
  }
}

/** Where the value of the series at `from` starts, as far as quotes and braces tell; -1 when that cannot be told. */
function seriesEnd(body: Buffer, from: number, end: number): number {
  let pos = from;
  while (pos < end && !endsName(body[pos]!)) pos++;
  pos = skipBlanks(body, pos, end);
  if (pos >= end || body[pos] !== 123) return pos;
  while (++pos < end && body[pos] !== 125) {
    const c = body[pos];
    if (c === 10) return -1;
    if (c === 34) while (++pos < end && body[pos] !== 34) if (body[pos] === 92) pos++;
  }
  return pos < end ? skipBlanks(body, pos + 1, end) : -1;
}

function endsName(c: number): boolean {
  return c === 32 || c === 9 || c === 123 || c === 10;
}

function skipBlanks(body: Buffer, from: number, end: number): number {
  let pos = from;
  while (pos < end && (body[pos] === 32 || body[pos] === 9)) pos++;
  return pos;
}

/** Four bytes at a time; the multiplier is the golden ratio's, as in Knuth's multiplicative hashing. */
function hash(view: DataView, from: number, to: number): number {
  let h = to - from;
  let pos = from;
  for (; pos + 4 <= to; pos += 4) {
    h = Math.imul(h ^ view.getInt32(pos, true), 0x9e3779b1);
    h ^= h >>> 15;
  }
  for (; pos < to; pos++) h = Math.imul(h ^ view.getUint8(pos), 0x9e3779b1);
  return (h ^ (h >>> 16)) >>> 0;
}
