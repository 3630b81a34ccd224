/** The first window, and the largest: where much is cut in a row, the next is twice as wide. */
const NARROW = 256;
const WIDE = 1 << 16;
/** V8 copies substrings below this length; longer ones keep what they were cut from alive. */
const SLICED = 13;

/** Texts that were cut out last, each at the place that its bytes say. What hostile pages could make of it is 256 KiB. */
const recent: string[] = new Array<string>(512).fill('');
const LONGEST = 512;

/**
 * Cuts the ASCII strings of a page. A call into Buffer for each costs more than the rest of a sample, so a window of the page
 * is decoded at once and cut; what is long is copied out, so that no string keeps its window, and is the same string again
 * where it comes again.
 */
export class Strings {
  readonly #body: Buffer;
  #window = '';
  #from = 0;
  #size = NARROW;

  constructor(body: Buffer) {
    this.#body = body;
  }

  cut(from: number, to: number): string {
    if (to - from >= SLICED) return cutLong(this.#body, from, to);
    if (from < this.#from || to > this.#from + this.#window.length) this.#open(from);
    return this.#window.slice(from - this.#from, to - this.#from);
  }

  #open(from: number): void {
    const isNear = from >= this.#from && from < this.#from + 2 * this.#window.length;
    this.#size = isNear ? Math.min(WIDE, 2 * this.#size) : NARROW;
    this.#from = from;
    this.#window = this.#body.toString('latin1', from, Math.min(this.#body.length, from + this.#size));
  }
}

function cutLong(body: Buffer, from: number, to: number): string {
  if (to - from > LONGEST) return body.toString('latin1', from, to);
  let hash = to - from;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ body[i]!, 0x01000193);
  const place = (hash ^ (hash >>> 15)) & (recent.length - 1);
  const known = recent[place]!;
  if (known.length === to - from && stands(known, body, from)) return known;
  const text = body.toString('latin1', from, to);
  recent[place] = text;
  return text;
}

/** Whether a text's bytes are there; there are enough of them. */
export function stands(text: string, body: Buffer, from: number): boolean {
  for (let i = 0; i < text.length; i++) if (body[from + i] !== text.charCodeAt(i)) return false;
  return true;
}
