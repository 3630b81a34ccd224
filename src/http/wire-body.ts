/** Memory that bodies are put together in, used again from one answer to the next. */

const FIRST = 64 * 1024;
/** A length that an answer claims is believed so far, and memory grows by doubling so far; then it comes in such blocks. */
const BLOCK = 1024 * 1024;
/** Larger ones are freed at once, and what goes beyond so many is left to the garbage collector. */
const KEPT = 256 * 1024;
const MOST_KEPT = 4;

const spare: Buffer[] = [];

function room(size: number): Buffer {
  const found = spare.findIndex((buffer) => buffer.length >= size);
  if (found >= 0) return spare.splice(found, 1)[0]!;
  return Buffer.allocUnsafeSlow(Math.max(FIRST, 2 ** Math.ceil(Math.log2(size))));
}

function giveBack(buffer: Buffer): void {
  if (buffer.length > KEPT) release(buffer);
  else if (spare.length < MOST_KEPT) spare.push(buffer);
}

/**
 * Frees it now. Left to the garbage collector, which does not see how much hangs on so small an object, the bodies of a target
 * without an end would stand in memory three at a time. What still points into it is empty then. (Node 20 cannot.)
 */
function release({ buffer }: Buffer): void {
  (buffer as ArrayBuffer & { transfer?(length: number): ArrayBuffer }).transfer?.(0);
}

/** One body that comes in pieces. */
export class BodyBuffer {
  /** What did not fit into a block; put together at the end, which a body past its limit never sees. */
  #full: Buffer[] = [];
  #buffer: Buffer | undefined;
  /** Bytes in `#buffer`. */
  #filled = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** `expected`: what the whole is likely to need. */
  add(from: Buffer, start: number, end: number, expected: number): void {
    const more = end - start;
    if (!this.#buffer) this.#buffer = room(Math.max(more, Math.min(expected - this.#length, BLOCK)));
    else if (this.#filled + more > this.#buffer.length) this.#grow(more);
    from.copy(this.#buffer, this.#filled, start, end);
    this.#filled += more;
    this.#length += more;
  }

  #grow(more: number): void {
    const buffer = this.#buffer!;
    const double = Math.max(this.#filled + more, buffer.length * 2);
    if (double <= BLOCK) {
      this.#buffer = room(double);
      buffer.copy(this.#buffer, 0, 0, this.#filled);
      giveBack(buffer);
      return;
    }
    this.#full.push(buffer.subarray(0, this.#filled));
    this.#buffer = room(Math.max(more, BLOCK));
    this.#filled = 0;
  }

  /** Good until `free`. */
  bytes(): Buffer {
    if (this.#full.length > 0) this.#join();
    return this.#buffer?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }

  #join(): void {
    const whole = Buffer.allocUnsafeSlow(this.#length);
    let at = 0;
    for (const part of [...this.#full, this.#buffer!.subarray(0, this.#filled)]) {
      at += part.copy(whole, at);
      release(part);
    }
    this.#full = [];
    this.#buffer = whole;
    this.#filled = this.#length;
  }

  free(): void {
    for (const part of this.#full) release(part);
    if (this.#buffer) giveBack(this.#buffer);
    this.#full = [];
    this.#buffer = undefined;
    this.#filled = 0;
    this.#length = 0;
  }
}
