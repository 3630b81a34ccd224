/**
 * RE2's and Go's tables for regular expressions. Patterns here are searched for, so the engine is asked itself; our own
 * anchored patterns are held against the columns for matches of the whole text.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { RE2JS } from 're2js';
import { compileRe2, compileRegex, RegexError } from '../../src/prometheus/relabel/regex.ts';
import { bunzip2 } from '../support/bzip2.ts';
import { suite } from '../support/suites.ts';

const re2 = suite('re2');

/** A pattern of a table, its texts, and for each of these the answers in columns. */
interface Block {
  line: number;
  pattern: Buffer;
  texts: readonly Buffer[];
  answers: string[];
}

/** Calls `each` for every pattern, so that a table of many megabytes need not be kept. */
function readTable(table: Buffer, each: (block: Block) => void): void {
  let texts: Buffer[] = [];
  let inTexts = false;
  let block: Block | undefined;
  let number = 0;
  for (let from = 0; from < table.length; number++) {
    const end = table.indexOf(10, from);
    const line = table.toString('latin1', from, end);
    from = end + 1;
    if (line === 'strings' || line === 'regexps') {
      inTexts = line === 'strings';
      if (inTexts) {
        if (block) each(block);
        block = undefined;
        texts = [];
      }
    } else if (line.startsWith('"')) {
      if (inTexts) texts.push(unquote(line));
      else {
        if (block) each(block);
        block = { line: number + 1, pattern: unquote(line), texts, answers: [] };
      }
    } else if (block && /^[-\d]/.test(line)) block.answers.push(line);
  }
  if (block) each(block);
}

/** A string in Go's quotes, as bytes. */
function unquote(quoted: string): Buffer {
  const bytes = quoted.slice(1, -1).replace(/\\x([0-9a-f]{2})|\\(.)/g, (_, hex?: string, letter?: string) => {
    if (hex) return String.fromCharCode(Number.parseInt(hex, 16));
    const at = 'abfnrtv'.indexOf(letter!);
    return at < 0 ? letter! : '\x07\b\f\n\r\t\v'[at]!;
  });
  return Buffer.from(bytes, 'latin1');
}

/** What the engine finds, as the tables write it: `0-3 1-2`, positions in bytes. */
function found(pattern: RE2JS, text: string): string {
  const matcher = pattern.matcher(text);
  if (!matcher.find()) return '-';
  const bytes = (at: number) => Buffer.byteLength(text.slice(0, at));
  const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => i);
  return groups
    .map((i) => (matcher.start(i) < 0 ? '-' : `${bytes(matcher.start(i))}-${bytes(matcher.end(i))}`))
    .join(' ');
}

/** The groups of a match of the whole, as text: what our patterns tell. */
function textsAt(answer: string, text: Buffer): (string | undefined)[] | undefined {
  if (answer === '-') return undefined;
  return answer.split(' ').map((span) => {
    const [from, to] = span.split('-');
    return span === '-' ? undefined : text.toString('utf8', Number(from), Number(to));
  });
}

/** The first two columns: the whole text, and a search; both leftmost-first. Gives what is wrong. */
function check({ pattern, texts, answers, line }: Block): string[] {
  const source = pattern.toString();
  const search = RE2JS.compile(source);
  const full = RE2JS.compile(`\\A(?:${source})\\z`);
  const anchored = [compileRegex(`(?-s:${source})`), compileRe2(`(?-s:${source})`)];
  const wrong: string[] = [];
  texts.forEach((bytes, i) => {
    const text = bytes.toString();
    const [whole, part] = answers[i]!.split(';') as [string, string];
    const got = [found(full, text), found(search, text)];
    if (got[0] !== whole || got[1] !== part)
      wrong.push(`line ${line}: ${source} in ${text}: ${got}, not ${answers[i]}`);
    for (const regex of anchored) {
      expect(regex.exec(text), `${source} in ${text}`).to.deep.equal(textsAt(whole, bytes));
      expect(regex.test(text)).to.equal(whole !== '-');
    }
  });
  return wrong;
}

describe('re2-search.txt', () => {
  const table = readFileSync(re2.path('re2-search.txt'));
  readTable(table, (block) => {
    // \C is a single byte; Go has no such thing.
    if (block.pattern.includes('\\C')) return;
    re2.holds(`re2-search.txt: line ${block.line}`, () => {
      expect(check(block)).to.deep.equal([]);
    });
  });

  it('has its 944 patterns', () => {
    let count = 0;
    readTable(table, () => count++);
    expect(count).to.equal(944);
  });
});

describe('re2-exhaustive.txt', () => {
  // All of it agrees, ten million answers; that takes half a minute, so a run looks at a part that is always the same.
  const ONE_IN = 10;
  let patterns = 0;
  let answers = 0;
  const wrong: string[] = [];
  const wrongInside: string[] = [];

  before(() => {
    readTable(bunzip2(readFileSync(re2.path('re2-exhaustive.txt.bz2'))), (block) => {
      if (block.pattern.includes('\\C')) return;
      if (block.texts.some((text, i) => isInside(text, block.answers[i]!))) wrongInside.push(...check(block));
      else if (patterns++ % ONE_IN === 0) {
        answers += block.answers.length;
        wrong.push(...check(block));
      }
    });
  });

  re2.holds('re2-exhaustive.txt', () => {
    expect(wrong).to.deep.equal([]);
    expect(answers).to.be.greaterThan(500_000);
  });

  re2.holds('re2-exhaustive.txt: matches within a character', () => {
    expect(wrongInside).to.deep.equal([]);
  });
});

/** Whether a match begins or ends between the bytes of one character. */
function isInside(text: Buffer, answer: string): boolean {
  if (!text.some((byte) => byte >> 6 === 2)) return false;
  const ends: string[] = answer.match(/\d+/g) ?? [];
  return text.some((byte, at) => byte >> 6 === 2 && ends.includes(String(at)));
}

describe('syntax.json', () => {
  interface Syntax {
    must_be_rejected: string[];
    valid_in_perl_mode: string[];
    posix_only_not_valid_in_perl_mode: string[];
    valid_parse_tests: (string | { pattern: string })[];
  }
  const syntax = re2.json<Syntax>('syntax.json');
  const shown = (pattern: string) => (pattern.length > 60 ? `${pattern.slice(0, 60)}… (${pattern.length})` : pattern);
  const refused = [...syntax.must_be_rejected, ...syntax.posix_only_not_valid_in_perl_mode];

  it('has 32 patterns to refuse', () => {
    expect(syntax.must_be_rejected).to.have.length(32);
  });
  refused.forEach((pattern, i) => {
    re2.holds(`syntax.json: refuses ${i} ${shown(pattern)}`, () => {
      expect(() => RE2JS.compile(pattern)).to.throw();
      expect(() => compileRegex(pattern)).to.throw(RegexError);
    });
  });
  const valid = [...syntax.valid_in_perl_mode, ...syntax.valid_parse_tests];
  valid.forEach((one, i) => {
    const pattern = typeof one === 'string' ? one : one.pattern;
    re2.holds(`syntax.json: takes ${i} ${shown(pattern)}`, () => {
      // Alone: the deepest of them nest too deeply within anchors, in Go as well.
      RE2JS.compile(pattern);
    });
  });
});

describe('the re2 suite', () => {
  re2.listIsCurrent();
});
