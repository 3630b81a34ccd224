import type { Plan } from './plan.ts';

/** So many slots are looked at. A page that has a line a thousand times, or that was made to collide, costs no more. */
const PROBES = 32;
/** Working memory, kept up to a size: reading a page never waits for anything. */
let working = new Uint32Array(1 << 11);
const MOST_KEPT = 1 << 16;

/**
 * Open addressing over the series of a plan, by their bytes; a slot holds an index plus one. What finds no slot nearby is left
 * out, and so is read anew. The memory is shared: a table lasts until the next one is made.
 */
export class SeriesTable {
  readonly #plan: Plan;
  readonly #slots: Uint32Array;
  readonly #mask: number;

  constructor(plan: Plan) {
    this.#plan = plan;
    plan.hashes ??= hashesOf(plan);
    const { hashes } = plan;
    const size = 2 ** Math.ceil(Math.log2(hashes.length * 2 + 2));
    this.#slots = cleared(size);
    this.#mask = size - 1;
    for (let i = 0; i < hashes.length; i++) {
      const slot = this.#free(hashes[i]!);
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

  /** The sample whose series these bytes are, or -1. */
  find(body: Buffer, view: DataView, from: number, to: number): number {
    const { series, starts, hashes } = this.#plan;
    const hashed = hashOf(view, from, to);
    for (let probe = 0; probe < PROBES; probe++) {
      const i = this.#slots[(hashed + probe) & this.#mask]! - 1;
      if (i < 0) break;
      if (hashes![i] !== hashed || starts[i]! - series[i]! !== to - from) continue;
      if (this.#plan.stands(series[i]!, starts[i]!, body, view, from)) return i;
    }
    return -1;
  }
}

function cleared(size: number): Uint32Array {
  if (size > MOST_KEPT) return new Uint32Array(size);
  if (working.length < size) working = new Uint32Array(size);
  const part = working.length === size ? working : working.subarray(0, size);
  return part.fill(0);
}

function hashesOf({ page, series, starts }: Plan): Uint32Array {
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  return Uint32Array.from(starts, (start, i) => hashOf(view, series[i]!, start));
}

/** Four bytes at a time; the multiplier is the golden ratio's, as in Knuth's multiplicative hashing. */
export function hashOf(view: DataView, from: number, to: number): number {
  let h = to - from;
  let pos = from;
  for (; pos + 4 <= to; pos += 4) {
    h = Math.imul(h ^ view.getInt32(pos, true), 0x9e3779b1);
    h ^= h >>> 15;
  }
  for (; pos < to; pos++) h = Math.imul(h ^ view.getUint8(pos), 0x9e3779b1);
  return (h ^ (h >>> 16)) >>> 0;
}
