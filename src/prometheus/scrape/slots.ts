import { equalLabels, type Labels, labelsHash, type Series } from '#metrics';

/** Working memory, kept: nothing here waits for anything. */
let table = new Int32Array(1 << 11);
/** What grew beyond this is not kept. */
const MOST_KEPT = 1 << 16;

/**
 * Series in slots: those of the last page in their order, then those that come new on this one. Finds the slot of given
 * labels through an open hash table, which is built when it is first needed.
 */
export class Slots {
  readonly series: Series[];
  readonly hashes: number[];
  /** A slot plus one; 0 is free. */
  #table: Int32Array | undefined;

  constructor(series: readonly Series[], hashes: Uint32Array) {
    this.series = series.slice();
    this.hashes = Array.from(hashes);
  }

  /** The slot of these labels, or -1 and the hash to `add` them with. */
  find(labels: Labels): { slot: number; hash: number } {
    const hash = labelsHash(labels);
    this.#table ??= this.#build(this.series.length + 1);
    for (let at = hash; ; at++) {
      const slot = this.#table[at & (this.#table.length - 1)]! - 1;
      if (slot < 0) return { slot, hash };
      if (this.hashes[slot] === hash && equalLabels(this.series[slot]!.labels, labels)) return { slot, hash };
    }
  }

  add(series: Series, hash: number): number {
    const slot = this.series.length;
    this.series.push(series);
    this.hashes.push(hash);
    if (this.series.length * 2 > this.#table!.length) this.#table = this.#build(this.series.length);
    else this.#put(this.#table!, slot);
    return slot;
  }

  #build(least: number): Int32Array {
    const size = 2 ** Math.ceil(Math.log2(least * 4));
    const built = size <= MOST_KEPT ? shared(size) : new Int32Array(size);
    for (let slot = 0; slot < this.series.length; slot++) this.#put(built, slot);
    return built;
  }

  #put(to: Int32Array, slot: number): void {
    const mask = to.length - 1;
    let at = this.hashes[slot]! & mask;
    while (to[at] !== 0) at = (at + 1) & mask;
    to[at] = slot + 1;
  }
}

function shared(size: number): Int32Array {
  if (table.length < size) table = new Int32Array(size);
  const part = table.subarray(0, size);
  part.fill(0);
  return part;
}
