import type { RawSample } from './types.ts';

const LONGEST_QUOTE = 80;

/**
 * A page that breaks its format's rules. `line` and `column` count from 1, the column in characters; `text` is what stood
 * there, at most 80 characters of it.
 */
export class ExpositionError extends Error {
  override readonly name = 'ExpositionError';
  readonly line: number;
  readonly column: number;
  readonly text: string;
  readonly expected: string;
  /** Those in front of the fault. */
  samples: readonly RawSample[] = [];

  constructor(body: Buffer, at: number, expected: string) {
    const { line, column } = position(body, at);
    const text = excerpt(body, at);
    super(`line ${line}, column ${column}: expected ${expected}, found ${text === '' ? 'the end' : quote(text)}`);
    this.line = line;
    this.column = column;
    this.text = text;
    this.expected = expected;
  }
}

function position(body: Buffer, at: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let feed = body.indexOf(10); feed >= 0 && feed < at; feed = body.indexOf(10, start)) {
    line++;
    start = feed + 1;
  }
  let column = 1;
  // Bytes 10xxxxxx continue a character.
  for (let i = start; i < at; i++) if ((body[i]! & 0xc0) !== 0x80) column++;
  return { line, column };
}

function excerpt(body: Buffer, at: number): string {
  const feed = body.subarray(at, at + LONGEST_QUOTE * 4).indexOf(10);
  if (feed === 0) return '\n';
  const end = feed > 0 ? at + feed : Math.min(body.length, at + LONGEST_QUOTE * 4);
  const characters = [...body.toString('utf8', at, end)];
  return characters.slice(0, LONGEST_QUOTE).join('');
}

/** JSON's quoting, and no control or bidirectional character reaches a terminal raw. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
