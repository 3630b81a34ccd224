import { RE2JS, RE2JSSyntaxException } from 're2js';
import { simpleRegex } from './simple.ts';
import { expand, type GroupNames, type Template } from './template.ts';

/** The text of each group, the whole match first; undefined where a group took no part. */
export type Groups = readonly (string | undefined)[];

/**
 * A regular expression in Go's dialect (RE2), as relabelling rules use it: `^(?s:…)$`, so it must match the whole value
 * and `.` matches a newline too. Time is linear in the value whatever the pattern.
 */
export interface Regex {
  /** The pattern as it was written, without the anchors. */
  readonly source: string;
  readonly names: GroupNames;
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
  const { re2, names } = parse(source);
  const test = remembering((value) => re2.match(value));
  return {
    source,
    names,
    test,
    exec: remembering((value) => {
      // Finding the groups costs up to a hundred times what an answer without them does.
      if (value.length > LONG && !re2.match(value)) return undefined;
      const at: number[] | null = re2.findSubmatchIndex(value);
      return at ? groupsAt(value, at) : undefined;
    }),
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

/** Characters. */
const LONG = 500;
const REMEMBERED = 256;

/** Label names, and values such as an instance, come again with every series of a source. */
function remembering<T>(ask: (value: string) => T): (value: string) => T {
  const answers = new Map<string, T>();
  return (value) => {
    const known = answers.get(value);
    if (known !== undefined || answers.has(value)) return known as T;
    const answer = ask(value);
    if (value.length > LONG) return answer;
    if (answers.size === REMEMBERED) answers.clear();
    answers.set(value, answer);
    return answer;
  };
}

interface Parsed {
  re2: ReturnType<RE2JS['re2']>;
  names: GroupNames;
}

function parse(source: string): Parsed {
  try {
    const re2 = RE2JS.compile(`^(?s:${source})$`).re2();
    return { re2, names: new Map(Object.entries(re2.namedGroups).map(([name, at]) => [name, [at]])) };
  } catch (cause) {
    if (!(cause instanceof RE2JSSyntaxException)) throw cause;
    if (cause.message.includes('duplicate capture group name')) return parseDuplicates(source);
    throw new RegexError(faultOf(source) ?? faultText(cause), { cause });
  }
}

/** What is wrong with the pattern alone, so that a message quotes nothing that the user did not write. */
function faultOf(source: string): string | undefined {
  try {
    RE2JS.compile(source);
  } catch (error) {
    return faultText(error as Error);
  }
  return undefined;
}

const faultText = (error: Error) => error.message.replace(/^error parsing regexp: /, '');

/** What may hold the text of a group's beginning without being one, then the beginning of a named group. */
const NAMED_GROUP = /\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]])*\]|(\(\?P?<)(\w+)>/gsu;

/** Go takes one name for several groups, the engine does not: each gets a name of its own. */
function parseDuplicates(source: string): Parsed {
  const originals: string[] = [];
  const renamed = source.replace(NAMED_GROUP, (text: string, open?: string, name?: string) =>
    name === undefined ? text : `${open}n${originals.push(name) - 1}>`,
  );
  const { re2, names } = parse(renamed);
  const positions = new Map<string, number[]>();
  originals.forEach((name, i) => {
    positions.set(name, [...(positions.get(name) ?? []), ...(names.get(`n${i}`) ?? [])]);
  });
  return { re2, names: positions };
}

function groupsAt(value: string, at: readonly number[]): Groups {
  const groups: (string | undefined)[] = [];
  for (let i = 0; i < at.length; i += 2) groups.push(at[i]! < 0 ? undefined : value.slice(at[i], at[i + 1]));
  return groups;
}
