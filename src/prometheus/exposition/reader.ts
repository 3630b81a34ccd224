import {
  BACKSLASH,
  CLASS,
  CLOSE,
  COLON,
  COMMA,
  DIGIT,
  EQUALS,
  HASH,
  LF,
  MINUS,
  OPEN,
  PLUS,
  QUOTE,
  SPACE,
  START,
  TAB,
} from './chars.ts';
import { ExpositionError } from './error.ts';
import { isEscape, unescapeQuoted } from './escapes.ts';
import { readOpenMetricsMetadata, readTextComment } from './metadata.ts';
import { readNumber } from './number.ts';
import { recentAt, remember } from './recent.ts';
import { Strings } from './strings.ts';
import type { ExpositionFormat } from './types.ts';

/** What stands next on a page. */
export type Entry = 'metadata' | 'series' | 'end';

export type Keyword = 'HELP' | 'TYPE' | 'UNIT';

/** Name and value in turn, as the page has them (unescaped, unsorted). */
export type Pairs = string[];

/** The last double that fits into 64 bits. Go's conversion of what lies beyond is undefined, and a wire format has no room. */
const FARTHEST = 2 ** 63 - 1024;

/** Where a quoted text may stand, and so which bytes it may hold. */
type Place = 'name' | 'value' | 'exemplar';

/**
 * A cursor over a page's bytes, for both text formats. `next()` stops at metadata, which it has read, or before a series,
 * which the caller reads with `readSeries()`, `readValue()` and `readRest()` in this order. It takes and refuses what
 * Prometheus 3's scrape parser does (model/textparse), and in strict mode what prometheus/common's expfmt does for the text
 * format. Every method throws an ExpositionError.
 */
export class Reader {
  readonly body: Buffer;
  readonly end: number;
  readonly openMetrics: boolean;
  readonly strict: boolean;
  pos = 0;

  keyword: Keyword = 'HELP';
  /** Of the metadata or series just read. */
  name = '';
  /** HELP's text (unescaped), the type or the unit. */
  text = '';
  /** Where `text` begins. */
  textAt = 0;
  readonly pairs: Pairs = [];
  /** Milliseconds; NaN for none. */
  timestamp = Number.NaN;
  hasExemplar = false;
  readonly exemplarPairs: Pairs = [];
  exemplarValue = 0;
  /** Milliseconds; NaN for none. */
  exemplarTimestamp = Number.NaN;

  readonly #strings: Strings;
  readonly #scratch = new Float64Array(1);

  constructor(body: Buffer, format: ExpositionFormat, strict = false) {
    this.body = body;
    this.#strings = new Strings(body);
    this.end = body.length;
    this.openMetrics = format === 'openmetrics';
    this.strict = strict;
  }

  fail(expected: string, at = this.pos): never {
    throw new ExpositionError(this.body, at, expected);
  }

  next(): Entry {
    return this.openMetrics ? this.#nextOpenMetrics() : this.#nextText();
  }

  #nextText(): Entry {
    for (;;) {
      this.blanks();
      if (this.pos >= this.end) return 'end';
      const c = this.body[this.pos]!;
      if (c === LF) this.pos++;
      else if (c === HASH) {
        if (readTextComment(this)) return 'metadata';
      } else if (c === OPEN || (CLASS[c]! & (START | COLON)) !== 0) return 'series';
      // A NUL at the start of a line ends the page, as it does for Prometheus.
      else if (c === 0 && !this.strict) return 'end';
      else this.fail('a metric name, { or #');
    }
  }

  #nextOpenMetrics(): Entry {
    if (this.pos >= this.end) this.fail('# EOF');
    const c = this.body[this.pos]!;
    if (c === OPEN || (CLASS[c]! & (START | COLON)) !== 0) return 'series';
    if (c !== HASH) this.fail('a metric name, {, # HELP, # TYPE, # UNIT or # EOF');
    if (this.stands('# EOF')) {
      const after = this.pos + 5;
      const end = after < this.end && this.body[after] === LF ? after + 1 : after;
      if (end < this.end) this.fail('nothing after # EOF', end);
      this.pos = this.end;
      return 'end';
    }
    for (const keyword of ['HELP', 'TYPE', 'UNIT'] as const) {
      if (this.stands(`# ${keyword} `)) {
        this.pos += 7;
        readOpenMetricsMetadata(this, keyword);
        return 'metadata';
      }
    }
    return this.fail('# HELP, # TYPE, # UNIT or # EOF');
  }

  /** From the start of a series to where its value starts. Fills `name` and `pairs`. */
  readSeries(): void {
    this.pairs.length = 0;
    const bare = this.body[this.pos] !== OPEN;
    const start = this.pos;
    if (bare) {
      this.name = this.bareName(START | DIGIT | COLON);
      if (!this.openMetrics) this.blanks();
    }
    if (this.pos < this.end && this.body[this.pos] === OPEN) {
      const named = this.#braces(this.pairs, bare, false);
      if (!named) this.fail('a metric name', start);
    }
    if (!this.openMetrics) this.blanks();
    else if (this.pos >= this.end || this.body[this.pos] !== SPACE) this.fail('a space and a value');
    else this.pos++;
  }

  /** Reads the value into `out[index]`. */
  readValue(out: Float64Array, index: number): void {
    const stop = readNumber(this.body, this.pos, this.end, out, index);
    if (stop < 0) this.fail('a value');
    this.pos = stop;
  }

  /** From behind the value to the start of the next line. Sets the timestamp and the exemplar. */
  readRest(): void {
    this.timestamp = Number.NaN;
    this.hasExemplar = false;
    if (this.openMetrics) this.#restOpenMetrics();
    else this.#restText();
  }

  #restText(): void {
    this.blanks();
    if (!this.atLineEnd()) {
      this.timestamp = this.#integer();
      this.blanks();
      if (!this.atLineEnd()) this.fail('a line feed after the timestamp');
    }
    if (this.pos < this.end) this.pos++;
    else if (this.strict) this.fail('a line feed');
  }

  /** A timestamp of the text format: milliseconds that fit into 64 bits. */
  #integer(): number {
    const start = this.pos;
    if (this.strict && (this.body[start] === MINUS || this.body[start] === PLUS)) this.pos++;
    const from = this.pos;
    let value = 0;
    while (this.pos < this.end && CLASS[this.body[this.pos]!] === DIGIT) {
      value = value * 10 + (this.body[this.pos++]! - 48);
    }
    if (this.pos === from) this.fail('a timestamp in milliseconds or a line feed', start);
    const negative = this.body[start] === MINUS;
    if (value > 2 ** 53) {
      const exact = BigInt(this.body.toString('latin1', from, this.pos));
      if (exact > 2n ** 63n - (negative ? 0n : 1n)) this.fail('a timestamp of at most 64 bits', start);
      value = Math.min(FARTHEST, Number(exact));
    }
    return negative ? 0 - value : value;
  }

  #restOpenMetrics(): void {
    if (this.pos < this.end && this.body[this.pos] === SPACE && !this.stands(' # {')) this.timestamp = this.#seconds();
    if (this.stands(' # {')) this.#exemplar();
    if (this.pos >= this.end || this.body[this.pos] !== LF) this.fail('a line feed');
    this.pos++;
  }

  /** A space and a timestamp of OpenMetrics, seconds with a fraction, as milliseconds cut to whole ones. */
  #seconds(): number {
    const stop = readNumber(this.body, ++this.pos, this.end, this.#scratch, 0);
    const seconds = this.#scratch[0]!;
    if (stop < 0 || !Number.isFinite(seconds)) this.fail('a timestamp in seconds');
    this.pos = stop;
    // `+ 0` makes a plain zero of -0.
    return Math.max(-FARTHEST, Math.min(FARTHEST, Math.trunc(seconds * 1000))) + 0;
  }

  #exemplar(): void {
    this.pos += 3;
    this.exemplarPairs.length = 0;
    this.#braces(this.exemplarPairs, true, true);
    if (this.pos >= this.end || this.body[this.pos] !== SPACE) this.fail("a space and the exemplar's value");
    const stop = readNumber(this.body, ++this.pos, this.end, this.#scratch, 0);
    if (stop < 0) this.fail("the exemplar's value");
    this.pos = stop;
    this.exemplarValue = this.#scratch[0]!;
    this.exemplarTimestamp = stop < this.end && this.body[stop] === SPACE ? this.#seconds() : Number.NaN;
    this.hasExemplar = true;
  }

  /** Reads `{…}` into `pairs`; answers whether a metric name is known, inside or before. */
  #braces(pairs: Pairs, named: boolean, exemplar: boolean): boolean {
    this.pos++;
    this.#labelBlanks();
    for (;;) {
      const start = this.pos;
      const c = start < this.end ? this.body[start]! : 0;
      if (c === CLOSE) {
        this.pos++;
        return named;
      }
      if (c !== QUOTE && CLASS[c] !== START) this.fail('a label name or }');
      const label = c === QUOTE ? this.quoted(exemplar ? 'exemplar' : 'name', true) : this.#labelName(pairs.length);
      this.#labelBlanks();
      const after = this.pos < this.end ? this.body[this.pos]! : 0;
      if (c === QUOTE && !exemplar && (after === COMMA || after === CLOSE)) {
        if (named) this.fail('only one metric name', start);
        this.name = label;
        named = true;
        if (label === '') this.fail('a metric name that is not empty', start);
      } else {
        if (after !== EQUALS) this.fail('=');
        this.pos++;
        this.#labelBlanks();
        if (this.pos >= this.end || this.body[this.pos] !== QUOTE) this.fail('a label value in double quotes');
        if (label === '') this.fail('a label name that is not empty', start);
        pairs.push(label, exemplar ? this.quoted('exemplar', true) : this.#labelValue(pairs.length + 1));
        this.#labelBlanks();
      }
      if (this.pos < this.end && this.body[this.pos] === COMMA) {
        this.pos++;
        this.#labelBlanks();
        // Prometheus lets a comma stand before the brace in both formats, OpenMetrics does not.
        if (this.strict && this.openMetrics && this.body[this.pos] === CLOSE) this.fail('a label name');
      } else if ((this.openMetrics || this.strict) && (this.pos >= this.end || this.body[this.pos] !== CLOSE)) {
        this.fail('a comma or }');
      }
    }
  }

  #labelName(place: number): string {
    const known = recentAt(place, this.body, this.pos);
    if (known && (CLASS[this.body[this.pos + known.length]!]! & (START | DIGIT)) === 0) {
      this.pos += known.length;
      return known;
    }
    const name = this.bareName(START | DIGIT);
    remember(place, name);
    return name;
  }

  #labelValue(place: number): string {
    const start = this.pos + 1;
    const known = recentAt(place, this.body, start);
    if (known !== undefined && this.body[start + known.length] === QUOTE) {
      this.pos = start + known.length + 1;
      return known;
    }
    const value = this.quoted('value', true);
    // As long as its bytes: no escapes, and nothing but ASCII.
    if (value.length === this.pos - 1 - start && !value.includes('\n')) remember(place, value);
    return value;
  }

  /** Reads `"…"` from its opening quote on. `checked` refuses what is not UTF-8. */
  quoted(place: Place, checked: boolean): string {
    const start = this.pos + 1;
    const feedAllowed = !this.strict && (place === 'name' || (place === 'value' && !this.openMetrics));
    const body = this.body;
    let pos = start;
    let escaped = false;
    let bits = 0;
    for (; ; pos++) {
      const c = pos < this.end ? body[pos]! : LF;
      if (c === QUOTE) break;
      bits |= c;
      if (c === BACKSLASH) {
        escaped = true;
        pos++;
        if (pos >= this.end || body[pos] === LF) this.fail('an escape and a closing quote', pos - 1);
        if (this.strict && !this.openMetrics && !isEscape(body[pos]!))
          this.fail('the escape \\\\, \\" or \\n', pos - 1);
        bits |= body[pos]!;
      } else if ((c === LF && (pos >= this.end || !feedAllowed)) || (c === 0 && place !== 'value')) {
        this.fail('a closing quote', Math.min(pos, this.end));
      }
    }
    this.pos = pos + 1;
    const text = bits < 0x80 ? this.#strings.cut(start, pos) : this.string(start, pos, checked);
    return escaped ? unescapeQuoted(text) : text;
  }

  bareName(classes: number): string {
    const { body, end, pos: start } = this;
    let pos = start + 1;
    while (pos < end && (CLASS[body[pos]!]! & classes) !== 0) pos++;
    this.pos = pos;
    return this.#strings.cut(start, pos);
  }

  string(from: number, to: number, checked: boolean): string {
    if (from >= to) return '';
    const text = this.body.toString('utf8', from, to);
    // A replacement character tells of bytes that are not UTF-8, unless it stands there itself.
    if (checked && text.includes('\ufffd') && Buffer.compare(Buffer.from(text), this.body.subarray(from, to)) !== 0) {
      this.fail('valid UTF-8', from);
    }
    return text;
  }

  stands(text: string): boolean {
    const { body, pos } = this;
    if (pos + text.length > this.end) return false;
    for (let i = 0; i < text.length; i++) if (body[pos + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  blanks(): void {
    const { body, end } = this;
    let pos = this.pos;
    while (pos < end && (body[pos] === SPACE || body[pos] === TAB)) pos++;
    this.pos = pos;
  }

  /** Only the older format has blanks between the parts of a label. */
  #labelBlanks(): void {
    if (!this.openMetrics) this.blanks();
  }

  atLineEnd(): boolean {
    return this.pos >= this.end || this.body[this.pos] === LF;
  }

  skipLine(): false {
    const feed = this.body.indexOf(LF, this.pos);
    if (feed < 0 && this.strict) this.fail('a line feed', this.end);
    this.pos = feed < 0 ? this.end : feed + 1;
    return false;
  }
}
