import type { Groups, Regex } from './regex.ts';
import { expand, type GroupNames } from './template.ts';

/**
 * Most relabelling patterns are a few words, or one wildcard between two pieces of text. Where the pattern can be read as
 * that and nothing else, string comparison gives the general engine's answer (a test holds the two against each other),
 * and the engine, several megabytes with its tables, is never set to work. Undefined: not such a pattern.
 */
export function simpleRegex(source: string): Regex | undefined {
  return wildcard(source) ?? words(source);
}

/** What stands for itself, or is escaped to do so. Braces and brackets are left to the engine, which knows when they do. */
const LITERAL = String.raw`(?:[^\\.+*?()|[\]{}^$]|\\[!-/:-@[-\x60{-~])*`;
const WILDCARD = new RegExp(`^\\^?(${LITERAL})(\\()?\\.([*+])(\\))?(${LITERAL})\\$?$`, 'u');
const WORDS = new RegExp(`^\\^?(\\(|\\(\\?:)?(${LITERAL}(?:\\|${LITERAL})*)(\\))?\\$?$`, 'u');
const WORD = new RegExp(`\\|(${LITERAL})`, 'gu');

const unquote = (literal: string) => literal.replace(/\\(.)/gsu, '$1');
const NO_NAMES: GroupNames = new Map();

/** `before.*after`, `before(.+)after`: matched as a whole, the wildcard takes all that lies between. */
function wildcard(source: string): Regex | undefined {
  const found = WILDCARD.exec(source);
  if (!found || (found[2] === undefined) !== (found[4] === undefined)) return undefined;
  const before = unquote(found[1]!);
  const after = unquote(found[5]!);
  const least = before.length + after.length + (found[3] === '+' ? 1 : 0);
  const captures = found[2] !== undefined;
  const test = (value: string) => value.length >= least && value.startsWith(before) && value.endsWith(after);
  return whole(source, test, (value) =>
    captures ? [value, value.slice(before.length, value.length - after.length)] : [value],
  );
}

/** `a|b|c`, `(a|b|c)`, `(?:a|b|c)`, `^a$`. Anchors change nothing where the whole value must match anyway. */
function words(source: string): Regex | undefined {
  const found = WORDS.exec(source);
  if (!found || (found[1] === undefined) !== (found[3] === undefined)) return undefined;
  const set = new Set([...`|${found[2]}`.matchAll(WORD)].map((word) => unquote(word[1]!)));
  const captures = found[1] === '(';
  return whole(
    source,
    (value) => set.has(value),
    (value) => (captures ? [value, value] : [value]),
  );
}

function whole(source: string, test: (value: string) => boolean, groups: (value: string) => Groups): Regex {
  return {
    source,
    names: NO_NAMES,
    test,
    exec: (value) => (test(value) ? groups(value) : undefined),
    replaceAll: (value, template) => (test(value) ? expand(template, groups(value)) : value),
  };
}
