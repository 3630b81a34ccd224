import type { Groups } from './regex.ts';

/** Positions of the named groups. Go lets several groups have one name; the first that took part counts. */
export type GroupNames = ReadonlyMap<string, readonly number[]>;

/** A replacement such as `$1-${name}$$`, read once. A part is literal text or the groups whose text may go there. */
export type Template = readonly (string | { readonly groups: readonly number[] })[];

const NAME = /^(?:\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/u;

/**
 * Go's `Regexp.Expand`: `$name` takes the longest run of letters, digits and underscores (`$1x` is the group named `1x`),
 * `$$` is a dollar, a dollar that begins neither stays as it is, and a group that is not there is empty.
 */
export function parseTemplate(text: string, names: GroupNames): Template {
  const parts: (string | { groups: readonly number[] })[] = [];
  let literal = '';
  let rest = text;
  for (let at = rest.indexOf('$'); at >= 0; at = rest.indexOf('$')) {
    literal += rest.slice(0, at);
    rest = rest.slice(at + 1);
    const found = NAME.exec(rest);
    if (found) {
      if (literal) parts.push(literal);
      literal = '';
      parts.push({ groups: groupNumbers(found[1] ?? found[2]!, names) });
      rest = rest.slice(found[0].length);
    } else {
      literal += '$';
      if (rest.startsWith('$')) rest = rest.slice(1);
    }
  }
  literal += rest;
  if (literal) parts.push(literal);
  return parts;
}

/** A number is the group's position, unless it has a leading zero or more than nine digits; then it is a name too. */
function groupNumbers(name: string, names: GroupNames): readonly number[] {
  return /^(?:0|[1-9][0-9]{0,8})$/.test(name) ? [Number(name)] : (names.get(name) ?? []);
}

export function expand(template: Template, groups: Groups): string {
  let out = '';
  for (const part of template) out += typeof part === 'string' ? part : firstOf(groups, part.groups);
  return out;
}

function firstOf(groups: Groups, positions: readonly number[]): string {
  for (const at of positions) if (groups[at] !== undefined) return groups[at];
  return '';
}
