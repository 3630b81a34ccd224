import { NAN_HIGH, NAN_LOW } from '#metrics';

/** A column that grows. Numbers go in as bytes, or as doubles of which every NaN becomes the one that text pages have. */
export class Column {
  #values: Float64Array;
  #words: Uint32Array;
  length = 0;

  constructor(size: number) {
    this.#values = new Float64Array(size);
    this.#words = new Uint32Array(this.#values.buffer);
  }

  push(value: number): void {
    const at = this.length;
    this.#reserve(1);
    if (Number.isNaN(value)) {
      this.#words[2 * at] = NAN_LOW;
      this.#words[2 * at + 1] = NAN_HIGH;
    } else this.#values[at] = value;
  }

  copy(from: Float64Array, first: number, count: number): void {
    const at = this.length;
    this.#reserve(count);
    if (count > 8) this.#values.set(from.subarray(first, first + count), at);
    else {
      const words = new Uint32Array(from.buffer, from.byteOffset + 8 * first, 2 * count);
      for (let i = 0; i < 2 * count; i++) this.#words[2 * at + i] = words[i]!;
    }
  }

  finish(): Float64Array {
    return this.length === this.#values.length ? this.#values : this.#values.slice(0, this.length);
  }

  #reserve(more: number): void {
    this.length += more;
    if (this.length <= this.#values.length) return;
    const larger = new Float64Array(Math.max(this.length, this.#values.length * 2, 64));
    larger.set(this.#values);
    this.#values = larger;
    this.#words = new Uint32Array(larger.buffer);
  }
}
