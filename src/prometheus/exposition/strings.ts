const WINDOW = 1 << 16;
/** V8 copies substrings below this length; longer ones keep what they were cut from alive. */
const SLICED = 13;

/**
 * Cuts the ASCII strings of a page. A call into Buffer for each costs more than the rest of a sample, so a window of the page
 * is decoded at once and cut; what is long and new is copied out, so that no string keeps its window.
 */
export class Strings {
  readonly #body: Buffer;
  readonly #known = new Map<string, string>();
  #window = '';
  #from = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  cut(from: number, to: number): string {
    if (from < this.#from || to > this.#from + this.#window.length) {
      if (to - from > WINDOW / 4) return this.#body.toString('latin1', from, to);
      this.#from = from;
      this.#window = this.#body.toString('latin1', from, Math.min(this.#body.length, from + WINDOW));
    }
    const text = this.#window.slice(from - this.#from, to - this.#from);
    if (text.length < SLICED) return text;
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const own = this.#body.toString('latin1', from, to);
    this.#known.set(own, own);
    return own;
  }
}
