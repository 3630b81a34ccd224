/** The source lines under an issue, with everything masked that may be a secret. */
import type { ConfigNode, Place } from './node.ts';
import { isHeadersKey, isSuspectKey, joined, REDACTED, type Span, suspectSpans } from './redact.ts';

export interface Excerpt {
  readonly text: string;
  /** Where the caret begins in `text`, from 0, and how long it is. */
  readonly column: number;
  readonly length: number;
}

/** Gives the line of a place; undefined where there is no text to show. `suspect`: mask all after the key. */
export type Excerpts = (place: Place, suspect?: boolean) => Excerpt | undefined;

const MAX_WIDTH = 160;
/** Keys are looked for in no more of a line: the search is quadratic in runs of blanks. */
const KEY_WIDTH = 300;
const REFERENCE_ONLY = /^(["']?)\$\{[^{}]*\}\1$/;
const KEY = /^(\s*(?:-\s+)*)(["']?)([^\s"'#{}[\],][^"'#{}[\],]*?)\2\s*[:=](?=\s|$|(?<==))\s*/;

export function excerpts(
  texts: ReadonlyMap<string, string>,
  secrets: ReadonlySet<ConfigNode>,
  hidden: readonly string[],
): Excerpts {
  const split = new Map<string, string[]>();
  const linesOf = (file: string) => {
    const known = split.get(file) ?? texts.get(file)?.split(/\r?\n/);
    if (known) split.set(file, known);
    return known;
  };
  const places = new Map<string, Place[]>();
  for (const { place } of secrets) {
    const at = `${place.file}:${place.line}`;
    places.set(at, [...(places.get(at) ?? []), place]);
  }
  return (place, suspect = false) => {
    const lines = linesOf(place.file);
    const line = lines?.[place.line - 1];
    if (!lines || line === undefined || line.trim() === '') return undefined;
    const spans = (places.get(`${place.file}:${place.line}`) ?? []).map(
      (p): Span => [p.column - 1, p.column - 1 + p.length],
    );
    return cut(
      masked(
        line,
        [...spans, ...guessed(lines, place.line - 1, suspect), ...repeated(line, hidden)],
        place.column - 1,
        place.length,
      ),
    );
  };
}

/** Spans that look like secrets: by their key, by a key above, or by being the userinfo of a URL. */
function guessed(lines: readonly string[], at: number, suspect: boolean): Span[] {
  const line = lines[at]!;
  const spans: Span[] = [];
  const key = KEY.exec(line.slice(0, KEY_WIDTH));
  const under = keyAbove(lines, at);
  if (under === 'secret') spans.push([indentOf(line), line.length]);
  else if (under === 'headers' || suspect || (key && (isSuspectKey(key[3]!) || isHeadersKey(key[3]!)))) {
    spans.push([key?.[0].length ?? indentOf(line), line.length]);
  }
  spans.push(...suspectSpans(line));
  return spans.filter(([start, end]) => end > start && !REFERENCE_ONLY.test(line.slice(start, end).trim()));
}

/** A secret that stands on the line as something else, too. */
function repeated(line: string, hidden: readonly string[]): Span[] {
  return hidden.flatMap((text) => {
    const at = line.indexOf(text);
    return at < 0 ? [] : [[at, at + text.length] as Span];
  });
}

const indentOf = (line: string) => line.search(/\S|$/);

const keyOn = (line: string): string | undefined => KEY.exec(line.slice(0, KEY_WIDTH))?.[3];

/**
 * Whether a line belongs to a secret's block of text, or to a map of headers, by the less indented keys above it. A line
 * without a key of its own may be such a block that lost its indentation.
 */
function keyAbove(lines: readonly string[], at: number): 'secret' | 'headers' | undefined {
  let indent = indentOf(lines[at]!) + (keyOn(lines[at]!) === undefined ? 1 : 0);
  for (let i = at - 1; i >= 0 && indent > 0; i--) {
    const line = lines[i]!;
    if (line.trim() === '' || indentOf(line) >= indent) continue;
    const key = keyOn(line);
    if (key === undefined) continue;
    indent = indentOf(line);
    if (isSuspectKey(key)) return 'secret';
    if (isHeadersKey(key)) return 'headers';
  }
  return undefined;
}

/** The line with each span replaced, and the caret moved along. */
function masked(line: string, spans: Span[], column: number, length: number): Excerpt {
  let text = '';
  let done = 0;
  let at = column;
  let caret = length;
  for (const [start, end] of joined(spans)) {
    text += line.slice(done, start) + REDACTED;
    done = end;
    const shift = REDACTED.length - (end - start);
    if (column >= end) at += shift;
    else if (column >= start) {
      at = text.length - REDACTED.length;
      caret = REDACTED.length;
    } else if (column + length >= end) caret += shift;
    else if (column + length > start) caret = start - column + REDACTED.length;
  }
  return { text: (text + line.slice(done)).replaceAll('\t', ' '), column: at, length: Math.max(1, caret) };
}

/** Long lines are cut around the caret. */
function cut({ text, column, length }: Excerpt): Excerpt {
  if (text.length <= MAX_WIDTH) return { text, column, length: Math.min(length, Math.max(1, text.length - column)) };
  const from = Math.max(0, Math.min(column - 40, text.length - MAX_WIDTH));
  const part = text.slice(from, from + MAX_WIDTH);
  const shown = `${from > 0 ? '…' : ''}${part}${from + MAX_WIDTH < text.length ? '…' : ''}`;
  const at = column - from + (from > 0 ? 1 : 0);
  return { text: shown, column: at, length: Math.max(1, Math.min(length, MAX_WIDTH - (column - from))) };
}
