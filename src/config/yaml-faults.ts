/** Sentences for what is wrong with YAML text. They quote no values: the fault may stand in a secret. */
import type { YAMLError } from 'yaml';
import type { Issue } from './issue.ts';
import type { Places } from './yaml.ts';

/** A broken quote makes every later line a fault; past this many they help nobody. */
const MAX_FAULTS = 20;

/** One issue a line, the first fault on it, in the order of the text. */
export function faultIssues(errors: readonly YAMLError[], text: string, places: Places, lastQuote: number): Issue[] {
  const byLine = new Map<number, Issue>();
  let misplaced = -1;
  const moved = new Set(errors.filter((error) => isNextLine(error, text, error.pos[0])).map(({ pos }) => pos[0]));
  for (const error of [...errors].sort((a, b) => a.pos[0] - b.pos[0])) {
    // The key that the line before would be, were the next a part of it.
    if (error.code === 'MULTILINE_IMPLICIT_KEY' && moved.has(error.pos[0])) continue;
    const start = startOf(error, text, lastQuote);
    const place = places(start, Math.max(error.pos[1], start + 1));
    const message = sentence(error, text, start);
    // After something unexpected every later line is unexpected, too.
    const follows =
      message.startsWith(UNEXPECTED) && [...byLine.values()].some((i) => i.message.startsWith(UNEXPECTED));
    // A line out of place puts those after it out of place, too.
    const goesOn = message === MISPLACED && place.line === misplaced + 1;
    if (message === MISPLACED) misplaced = place.line;
    if (byLine.has(place.line) || follows || goesOn) continue;
    byLine.set(place.line, { path: '', message, place });
    if (byLine.size === MAX_FAULTS) break;
  }
  return [...byLine.values()];
}

/** Blanks are no place to point at, except tabs; nor is the end of the text, where an open quote is found out. */
function startOf(error: YAMLError, text: string, lastQuote: number): number {
  if (isOpenQuote(error)) return lastQuote;
  const start = Math.min(Math.max(0, error.pos[0]), text.length);
  if (error.code === 'TAB_AS_INDENT') return start;
  // A line that is indented wrongly is found out at the end of the one before, or at the value there.
  if (isNextLine(error, text, start)) return start + /^[^\n]*\s*/.exec(text.slice(start))![0].length;
  return start + /^ */.exec(text.slice(start, start + 200))![0].length;
}

/** Whether the fault is the indentation of the line that follows. */
function isNextLine({ code, message }: YAMLError, text: string, start: number): boolean {
  const end = text.indexOf('\n', start);
  if (end < 0 || !/\S/.test(text.slice(end))) return false;
  const line = text.slice(start, end);
  if (code === 'BAD_INDENT' && /same column/.test(message)) return line.trim() === '';
  return code === 'BLOCK_AS_IMPLICIT_KEY' && !/:(\s|$)|^\s*[&*!|>]/.test(line);
}

const isOpenQuote = ({ message }: YAMLError) => /Missing closing .quote/.test(message);

function sentence(error: YAMLError, text: string, at: number): string {
  const { message } = error;
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'a tab cannot indent; use spaces';
    case 'BAD_INDENT':
      return badIndent(message);
    case 'BLOCK_AS_IMPLICIT_KEY':
      if (isNextLine(error, text, error.pos[0])) return MISPLACED;
      return 'a map cannot begin on the line of its key; is this or the next line indented wrongly?';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'expected a colon after a key; is it missing, or is the next line indented wrongly?';
    case 'BAD_SCALAR_START':
      return `a value cannot begin with ${text[at]}; quote it`;
    case 'BAD_DQ_ESCAPE':
      return 'is not an escape in double quotes; double the backslash or use single quotes';
    case 'BAD_ALIAS':
    case 'ALIAS_PROPS':
      return 'is not a valid anchor or alias; quote a value that begins with & or *';
    case 'RESOURCE_EXHAUSTION':
      return 'is nested too deeply';
    case 'MISSING_CHAR':
      return missing(message) ?? unexpected(text, at);
    default:
      return unexpected(text, at);
  }
}

const MISPLACED = 'is indented unlike the lines that it belongs to';

function badIndent(message: string): string {
  const closing = /end with a (.)/.exec(message)?.[1];
  if (closing) return `expected a closing ${closing} before this`;
  if (/same column/.test(message)) return MISPLACED;
  return 'is indented wrongly';
}

function missing(message: string): string | undefined {
  if (/Missing closing .quote/.test(message)) return 'has no closing quote';
  const closing = /end with a (.)/i.exec(message)?.[1];
  if (closing) return `expected a closing ${closing} before this`;
  if (/followed by map values/.test(message)) return 'expected a colon after this key';
  if (/Missing ,/.test(message)) return 'expected a comma before this';
  if (/Missing space after :/.test(message)) return 'expected a space after the colon';
  if (/Comments must be separated/.test(message)) return 'expected a space before the #';
  if (/Sequence item without -/.test(message)) return 'expected a list item, beginning with a dash';
  return undefined;
}

const UNEXPECTED = 'was not expected here';

function unexpected(text: string, at: number): string {
  const line = text
    .slice(Math.max(0, at - 500), at + 2)
    .split('\n')
    .at(-1)!;
  if (/[{[].*[^"']\$\{/.test(line)) return `${UNEXPECTED}; inside { } and [ ] a \${…} must be quoted`;
  return `${UNEXPECTED}; is a quote, a comma or an indentation wrong?`;
}
