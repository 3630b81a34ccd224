import { RE2JS, RE2JSSyntaxException } from 're2js';
import { simpleRegex } from './simple.ts';
import { expand, type Template } from './template.ts';

/** The text of each group, the whole match first; undefined where a group took no part. */
export type Groups = readonly (string | undefined)[];

/**
 * A regular expression in Go's dialect (RE2), as relabelling rules use it: `^(?s:…)$`, so it must match the whole value
 * and `.` matches a newline too. Time is linear in the value whatever the pattern.
 */
export interface Regex {
  /** The pattern as it was written, without the anchors. */
  readonly source: string;
  /** Positions of the named groups. */
  readonly names: ReadonlyMap<string, number>;
  test(value: string): boolean;
  /** The first match, or undefined. */
  exec(value: string): Groups | undefined;
  /** Every match replaced by the template's text: Go's `ReplaceAllString`. */
  replaceAll(value: string, template: Template): string;
}

/** Compiles, or throws a RegexError that says what is wrong. */
export function compileRegex(source: string): Regex {
  return simpleRegex(source) ?? compileRe2(source);
}

/** The pattern is not in the dialect. The message quotes the part that is wrong. */
export class RegexError extends Error {
  override readonly name = 'RegexError';
}

/** By the general engine, whatever the pattern: what the short cuts are held against. */
export function compileRe2(source: string): Regex {
  const re2 = parse(source).re2();
  const names = new Map(Object.entries(re2.namedGroups));
  return {
    source,
    names,
    test: (value) => re2.match(value),
    exec(value) {
      const at: number[] | null = re2.findSubmatchIndex(value);
      return at ? groupsAt(value, at) : undefined;
    },
    replaceAll(value, template) {
      // More than one match happens only with a pattern such as `a)|(b`, whose parentheses undo the anchors. As in
      // Prometheus, they are joined by text and not checked alone.
      const matches: number[][] = re2.findAllSubmatchIndex(value, -1) ?? [];
      let out = '';
      let last = 0;
      for (const at of matches) {
        out += value.slice(last, at[0]) + expand(template, groupsAt(value, at));
        last = at[1]!;
      }
      return out + value.slice(last);
    },
  };
}

function parse(source: string): RE2JS {
  try {
    return RE2JS.compile(`^(?s:${source})$`);
  } catch (cause) {
    if (!(cause instanceof RE2JSSyntaxException)) throw cause;
    throw new RegexError(cause.message.replace(/^error parsing regexp: /, ''), { cause });
  }
}

function groupsAt(value: string, at: readonly number[]): Groups {
  const groups: (string | undefined)[] = [];
  for (let i = 0; i < at.length; i += 2) groups.push(at[i]! < 0 ? undefined : value.slice(at[i], at[i + 1]));
  return groups;
}
