/** One word of a Corefile. `line` and `column` count from 1; columns in UTF-16 units, as editors do. */
export interface CorefileToken {
  readonly text: string;
  readonly line: number;
  readonly column: number;
  /** The absolute path of an imported file; '' in the main one. */
  readonly file: string;
  /** The imports that brought it here, innermost first; none in the main file. */
  readonly via?: Import;
}

export interface Import {
  /** A snippet's name or a file's path. */
  readonly name: string;
  readonly depth: number;
  readonly via?: Import;
}

/** What is wrong with a Corefile and where. The message begins with `file:line:column: `. */
export class CorefileError extends Error {
  override readonly name = 'CorefileError';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The message without the place. */
  readonly what: string;
  constructor(what: string, place: { file: string; line: number; column: number }) {
    super(`${place.file}:${place.line}:${place.column}: ${what}`);
    this.what = what;
    this.file = place.file;
    this.line = place.line;
    this.column = place.column;
  }
}

/**
 * Whether `token` stands on another line than `previous`, by CoreDNS's rule: another file, or a greater line number than
 * where `previous` ended. An import that jumps back within one file therefore does not begin a new line.
 */
export function startsLine(previous: CorefileToken | undefined, token: CorefileToken): boolean {
  if (!previous) return true;
  return previous.file !== token.file || previous.line + lineBreaks(previous.text) < token.line;
}

/** Whether `token` goes on in the line of `previous`. Not the opposite of `startsLine`: see there. */
export function sameLine(previous: CorefileToken, token: CorefileToken): boolean {
  return previous.file === token.file && previous.line + lineBreaks(previous.text) === token.line;
}

function lineBreaks(text: string): number {
  if (!text.includes('\n')) return 0;
  return text.split('\n').length - 1;
}
