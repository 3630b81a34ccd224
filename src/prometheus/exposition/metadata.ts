import { CLASS, COLON, DIGIT, LF, QUOTE, SPACE, START, TAB } from './chars.ts';
import { unescapeHelp, unescapeQuoted } from './escapes.ts';
import type { Keyword, Reader } from './reader.ts';

/** Reads on behind `# HELP ` and its like: a name, a space, the text, a line feed. */
export function readOpenMetricsMetadata(reader: Reader, keyword: Keyword): void {
  reader.keyword = keyword;
  reader.name = readName(reader, keyword);
  if (reader.pos >= reader.end || reader.body[reader.pos] !== SPACE) reader.fail(`a space and the text of ${keyword}`);
  const feed = reader.body.indexOf(LF, reader.pos);
  if (feed < 0) reader.fail('a line feed', reader.end);
  reader.textAt = reader.pos + 1;
  reader.text = reader.string(reader.textAt, feed, keyword === 'HELP');
  if (keyword === 'HELP') reader.text = unescapeQuoted(reader.text);
  if (keyword === 'UNIT' && reader.text !== '' && !reader.name.endsWith(`_${reader.text}`)) {
    reader.fail(`a unit that ends the name ${reader.name}`, reader.textAt);
  }
  reader.pos = feed + 1;
}

/** Reads a line of the text format that starts with `#`; true when it was HELP or TYPE of a family. */
export function readTextComment(reader: Reader): boolean {
  const start = reader.pos++;
  reader.blanks();
  const keyword = keywordAt(reader, start);
  if (keyword === undefined) return reader.skipLine();
  reader.pos += keyword.length;
  reader.blanks();
  // expfmt takes `# TYPE` and `# HELP name` without more for comments.
  if (reader.strict && reader.atLineEnd()) return reader.skipLine();
  reader.keyword = keyword;
  reader.name = readName(reader, keyword);
  if (reader.strict && nothingFollows(reader)) return reader.skipLine();
  readText(reader);
  return true;
}

function keywordAt(reader: Reader, start: number): 'HELP' | 'TYPE' | undefined {
  // Prometheus takes `#HELP` for a comment, expfmt does not.
  if (reader.pos === start + 1 && !reader.strict) return undefined;
  const after = reader.body[reader.pos + 4];
  if (after !== SPACE && after !== TAB) return undefined;
  return reader.stands('HELP') ? 'HELP' : reader.stands('TYPE') ? 'TYPE' : undefined;
}

function readText(reader: Reader): void {
  const { body, strict, keyword } = reader;
  const feed = body.indexOf(LF, reader.pos);
  const end = feed < 0 ? reader.end : feed;
  reader.textAt = strict ? reader.pos : textStart(reader, end);
  reader.text = reader.string(reader.textAt, end, keyword === 'HELP');
  if (keyword === 'HELP') {
    if (strict && /\\(?![\\"n])/.test(reader.text.replace(/\\[\\"n]/g, ''))) {
      reader.fail('only the escapes \\\\, \\" and \\n', reader.textAt);
    }
    reader.text = strict ? unescapeQuoted(reader.text) : unescapeHelp(reader.text);
  }
  reader.pos = end;
  reader.skipLine();
}

/** Prometheus skips one byte after the name, whatever it is, and takes a text of blanks alone for none. */
function textStart(reader: Reader, end: number): number {
  let pos = reader.pos;
  while (pos < end && (reader.body[pos] === SPACE || reader.body[pos] === TAB)) pos++;
  return pos === end ? end : reader.pos + 1;
}

/** For expfmt: skips the blanks that must follow a name; true when the line ends there. */
function nothingFollows(reader: Reader): boolean {
  if (reader.atLineEnd()) return true;
  const c = reader.body[reader.pos];
  if (c !== SPACE && c !== TAB) reader.fail('a blank after the metric name');
  reader.blanks();
  return reader.atLineEnd();
}

function readName(reader: Reader, keyword: Keyword): string {
  const c = reader.pos < reader.end ? reader.body[reader.pos]! : 0;
  if (c === QUOTE) return reader.quoted('name', false);
  if ((CLASS[c]! & (START | COLON)) === 0) reader.fail(`a metric name after ${keyword}`);
  return reader.bareName(START | DIGIT | COLON);
}
