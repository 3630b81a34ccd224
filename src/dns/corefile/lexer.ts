import { CorefileError, type CorefileToken } from './token.ts';

export interface LexOptions {
  /** Put on every token. */
  file?: string;
  /** In messages, where `file` is ''. */
  shownAs?: string;
  /** More tokens than these are an error. */
  limit?: number;
}

/**
 * Splits a Corefile's text into words, as CoreDNS does: white space parts them; a word that begins with `"` ends at the next
 * `"` and may hold anything, with `\"` for a quote and no other escape; `#` ends a word and, between words, the line; a
 * carriage return outside of quotes is not there. A comment glued to a word (`a#b c`) ends at the next white space: so does
 * CoreDNS's.
 */
export function lex(text: string, { file = '', shownAs = file, limit = Number.POSITIVE_INFINITY }: LexOptions = {}) {
  const lexer = new Lexer(text, file);
  const tokens: CorefileToken[] = [];
  for (let token = lexer.next(); token; token = lexer.next()) {
    if (tokens.length >= limit) throw new CorefileError(`has more than ${limit} words`, { ...token, file: shownAs });
    tokens.push(token);
  }
  return tokens;
}

const LF = 10;
const CR = 13;
const QUOTE = 34;
const HASH = 35;
const BACKSLASH = 92;

class Lexer {
  readonly #text: string;
  readonly #file: string;
  #at: number;
  #line = 1;
  #lineStart: number;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    this.#at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
    this.#lineStart = this.#at;
  }

  next(): CorefileToken | undefined {
    this.#skip();
    if (this.#at >= this.#text.length) return undefined;
    const line = this.#line;
    const column = this.#at - this.#lineStart + 1;
    const text = this.#text.charCodeAt(this.#at) === QUOTE ? this.#quoted() : this.#word();
    return text === undefined ? undefined : { text, line, column, file: this.#file };
  }

  /** Over white space and comments, to where a word begins. */
  #skip(): void {
    let comment = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charCodeAt(this.#at);
      if (c === LF) {
        this.#newLine();
        comment = false;
      } else if (c === HASH) comment = true;
      else if (!comment && !isSpace(c)) return;
    }
  }

  #word(): string {
    const start = this.#at;
    let end = -1;
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charCodeAt(this.#at);
      if (c === HASH && end < 0) end = this.#at;
      else if (c !== CR && isSpace(c)) break;
    }
    return this.#text.slice(start, end < 0 ? this.#at : end).replaceAll('\r', '');
  }

  /** Undefined for a quote that opens at the very end: CoreDNS sees no word there. */
  #quoted(): string | undefined {
    let value = '';
    let from = ++this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charCodeAt(this.#at);
      if (c === LF) this.#newLine();
      else if (c === QUOTE) return value + this.#text.slice(from, this.#at++);
      else if (c === BACKSLASH) {
        const escaped = this.#text.charCodeAt(this.#at + 1);
        if (escaped === QUOTE) {
          value += this.#text.slice(from, this.#at);
          from = ++this.#at;
        } else if (escaped === LF) {
          this.#at++;
          this.#newLine();
        } else if (Number.isNaN(escaped)) break;
        else this.#at++;
      }
    }
    const rest = value + this.#text.slice(from, this.#at);
    this.#at = this.#text.length;
    return rest === '' ? undefined : rest;
  }

  #newLine(): void {
    this.#line++;
    this.#lineStart = this.#at + 1;
  }
}

/** Go's unicode.IsSpace. JavaScript's `\s` lacks U+0085 and has U+FEFF. */
function isSpace(c: number): boolean {
  if (c < 0x80) return c === 32 || (c >= 9 && c <= 13);
  return (
    c === 0x85 ||
    c === 0xa0 ||
    c === 0x1680 ||
    (c >= 0x2000 && c <= 0x200a) ||
    c === 0x2028 ||
    c === 0x2029 ||
    c === 0x202f ||
    c === 0x205f ||
    c === 0x3000
  );
}
