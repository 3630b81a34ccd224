/** The chunked coding (RFC 9112 §7.1), piece by piece as it comes. */
import { isHeaderName } from './headers.ts';

/** Bytes of one line. */
const MAX_LINE = 4096;
/** Bytes of extensions and trailers in all: they cost the sender nothing and are read for nobody. */
const MAX_EXTRAS = 64 * 1024;

const CHUNK_LINE =
  /^([0-9A-Fa-f]{1,13})((?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*)$/;

const LF = 10;

export class ChunkReader {
  #state: 'size' | 'data' | 'data end' | 'trailer' = 'size';
  /** Of the chunk under way. */
  #left = 0;
  #line = '';
  #extras = 0;

  /**
   * Reads `chunk` from `pos` on, and hands each piece of the body to `take`, which answers false to end it. Answers the
   * position behind the end of the body, or -1 when there is more to come. Throws where the coding is broken.
   */
  read(chunk: Buffer, pos: number, take: (from: number, to: number) => boolean): number {
    let at = pos;
    while (at < chunk.length) {
      if (this.#state === 'data') {
        const to = Math.min(chunk.length, at + this.#left);
        this.#left -= to - at;
        if (!take(at, to)) return -1;
        at = to;
        if (this.#left === 0) this.#state = 'data end';
        continue;
      }
      const feed = chunk.indexOf(LF, at);
      const end = feed < 0 ? chunk.length : feed + 1;
      this.#line += chunk.toString('latin1', at, end);
      at = end;
      if (this.#line.length > MAX_LINE) throw new Error(`a line between chunks has more than ${MAX_LINE} bytes`);
      if (feed >= 0 && this.#endLine()) return at;
    }
    return -1;
  }

  /** True at the end of the body. */
  #endLine(): boolean {
    const line = this.#line;
    this.#line = '';
    if (!line.endsWith('\r\n')) throw new Error('a line between chunks does not end with CR and LF');
    const text = line.slice(0, -2);
    if (this.#state === 'size') this.#size(text);
    else if (this.#state === 'data end') {
      if (text !== '') throw new Error('a chunk is longer than it says');
      this.#state = 'size';
    } else {
      if (text === '') return true;
      this.#trailer(text);
    }
    return false;
  }

  #size(text: string): void {
    const match = CHUNK_LINE.exec(text);
    if (!match) throw new Error(`invalid chunk size: ${JSON.stringify(text.slice(0, 40))}`);
    this.#spend(match[2]!.length);
    this.#left = Number.parseInt(match[1]!, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'data';
  }

  #trailer(text: string): void {
    this.#spend(text.length);
    if (!isHeaderName(text.slice(0, Math.max(text.indexOf(':'), 0)))) throw new Error('a trailer has no valid name');
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(text)) throw new Error('a trailer has a control character in it');
  }

  #spend(bytes: number): void {
    this.#extras += bytes;
    if (this.#extras > MAX_EXTRAS) throw new Error(`more than ${MAX_EXTRAS} bytes of chunk extensions and trailers`);
  }
}
