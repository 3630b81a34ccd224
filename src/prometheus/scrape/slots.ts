import { equalLabels, type Series } from '#metrics';

/** Working memory, kept: with as few series as this nothing waits for anything. */
let table = new Int32Array(1 << 11);
/** What grew beyond this is not kept. */
const MOST_KEPT = 1 << 16;

/**
 * Series in slots: those of the last page in their order, then those that come new on this one. Finds the slot of given
 * labels through an open hash table, which is built when it is first needed.
 */
export class Slots {
  readonly #before: readonly Series[];
  readonly #beforeHashes: Uint32Array;
  readonly #fresh: Series[] = [];
  readonly #freshHashes: number[] = [];
  /** What took the place of one of the last page's. */
  readonly #replaced = new Map<number, Series>();
  /** A slot plus one; 0 is free. */
  #table: Int32Array | undefined;

  readonly #expected: number;

  /** `expected`: so many series there will be; where they are many, the table is nobody else's. */
  constructor(series: readonly Series[], hashes: Uint32Array, expected = 0) {
    this.#expected = expected;
    this.#before = series;
    this.#beforeHashes = hashes;
  }

  get size(): number {
    return this.#before.length + this.#fresh.length;
  }

  at(slot: number): Series {
    const old = this.#before.length;
    if (slot >= old) return this.#fresh[slot - old]!;
    return this.#replaced.size === 0 ? this.#before[slot]! : (this.#replaced.get(slot) ?? this.#before[slot]!);
  }

  hashAt(slot: number): number {
    const old = this.#before.length;
    return slot < old ? this.#beforeHashes[slot]! : this.#freshHashes[slot - old]!;
  }

  /** Another series with the same labels. */
  replace(slot: number, series: Series): void {
    const old = this.#before.length;
    if (slot < old) this.#replaced.set(slot, series);
    else this.#fresh[slot - old] = series;
  }

  /** The slot of a series with these labels: an old one, or a new one for `series`. Equal labels have equal hashes. */
  slotOf(series: Series, hash: number): number {
    this.#table ??= this.#build(Math.max(this.size + 1, this.#expected));
    const mask = this.#table.length - 1;
    for (let at = hash; ; at++) {
      const slot = this.#table[at & mask]! - 1;
      if (slot < 0) return this.#add(series, hash);
      if (this.hashAt(slot) === hash && equalLabels(this.at(slot).labels, series.labels)) return slot;
    }
  }

  #add(series: Series, hash: number): number {
    const slot = this.size;
    this.#fresh.push(series);
    this.#freshHashes.push(hash);
    if (this.size * 2 > this.#table!.length) this.#table = this.#build(this.size);
    else this.#put(this.#table!, slot);
    return slot;
  }

  #build(least: number): Int32Array {
    const size = 2 ** Math.ceil(Math.log2(least * 4));
    const built = size <= MOST_KEPT ? shared(size) : new Int32Array(size);
    for (let slot = 0; slot < this.size; slot++) this.#put(built, slot);
    return built;
  }

  #put(to: Int32Array, slot: number): void {
    const mask = to.length - 1;
    let at = this.hashAt(slot) & mask;
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
