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

  name(index: number): string {
    return this.#plan.names[index]!;
  }

  sample(index: number): RawSample {
    return this.#plan.samples[index]!;
  }

  find(reader: Reader, bound: string): number {
    const found = this.#stands(this.#next, reader) ? this.#next : this.#lookUp(reader);
    if (found < 0 || this.#plan.bounds[found] !== bound || !this.#plan.ends(found)) return -1;
    const value = reader.pos + this.#plan.starts[found]! - this.#plan.series[found]!;
    // More of the series may follow: blanks, or the labels of what is there without any.
    const c = reader.body[value];
    if (c === undefined || c === 32 || c === 9 || c === 123) return -1;
    this.#next = found + 1;
    reader.pos = value;
    return found;
  }

  #stands(index: number, reader: Reader): boolean {
    if (index >= this.size) return false;
    const { page, series, starts } = this.#plan;
    return standsAt(reader.body, reader.pos, page, series[index]!, starts[index]!);
  }

  #lookUp(reader: Reader): number {
    const end = seriesEnd(reader.body, reader.pos, reader.end);
    if (end < 0) return -1;
    this.#table ??= new Table(this.#plan);
    return this.#table.find(reader.body, this.#view, reader.pos, end);
  }
}

/** Open addressing over the plan's series; a slot holds an index plus one. */
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
      let slot = hash(view, series[i]!, starts[i]!) & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = i + 1;
    }
  }

  find(body: Buffer, view: DataView, from: number, to: number): number {
    const { page, series, starts } = this.#plan;
    let slot = hash(view, from, to) & this.#mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const i = this.#slots[slot]! - 1;
      if (starts[i]! - series[i]! === to - from && standsAt(body, from, page, series[i]!, starts[i]!)) return i;
    }
    return -1;
  }
}

function standsAt(body: Buffer, at: number, page: Buffer, from: number, to: number): boolean {
  const end = at + to - from;
  return end <= body.length && page.compare(body, at, end, from, to) === 0;
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
  return skipBlanks(body, pos + 1, end);
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
