/** Memory that bodies are put together in, used again from one answer to the next. */

const FIRST = 64 * 1024;
/** A length that an answer claims is believed so far; the rest of the memory is asked for as the bytes come. */
const BELIEVED = 1024 * 1024;
/** Larger ones are left to the garbage collector, and so is what goes beyond so many. */
const KEPT = 256 * 1024;
const MOST_KEPT = 4;

const spare: Buffer[] = [];

function room(size: number): Buffer {
  const found = spare.findIndex((buffer) => buffer.length >= size);
  if (found >= 0) return spare.splice(found, 1)[0]!;
  return Buffer.allocUnsafeSlow(Math.max(FIRST, 2 ** Math.ceil(Math.log2(size))));
}

function giveBack(buffer: Buffer): void {
  if (buffer.length <= KEPT && spare.length < MOST_KEPT) spare.push(buffer);
}

/** One body that comes in pieces. */
export class BodyBuffer {
  #buffer: Buffer | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** `expected`: what the whole is likely to need. */
  add(from: Buffer, start: number, end: number, expected: number): void {
    const need = this.#length + end - start;
    if (!this.#buffer) this.#buffer = room(Math.max(need, Math.min(expected, BELIEVED)));
    else if (need > this.#buffer.length) this.#grow(need);
    from.copy(this.#buffer, this.#length, start, end);
    this.#length = need;
  }

  #grow(need: number): void {
    const larger = room(Math.max(need, this.#buffer!.length * 2));
    this.#buffer!.copy(larger, 0, 0, this.#length);
    giveBack(this.#buffer!);
    this.#buffer = larger;
  }

  /** Good until `free`. */
  bytes(): Buffer {
    return this.#buffer?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }

  free(): void {
    if (this.#buffer) giveBack(this.#buffer);
    this.#buffer = undefined;
    this.#length = 0;
  }
}
