/** What schemas share when they read a node. */
import type { Report } from './issue.ts';
import type { ConfigNode } from './node.ts';
import { INVALID, type Invalid } from './schema.ts';

export const article = (type: string) => `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;

/** What a node is, in words that quote no value that came from a variable. */
export function describe(node: ConfigNode): string {
  if (node.kind !== 'scalar') return article(node.kind);
  if (node.value === null) return 'nothing';
  const type = typeof node.value === 'string' ? 'string' : typeof node.value === 'boolean' ? 'bool' : 'number';
  if (node.expanded) return `the ${type} that an expansion gave`;
  const text = typeof node.value === 'string' ? JSON.stringify(shortened(node.value)) : node.value;
  return `the ${type} ${text}`;
}

/** A quote that is never closed makes a string of half the file. */
const shortened = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

export function mismatch(node: ConfigNode, path: string, report: Report, want: string): Invalid {
  report.issue(path, `must be ${want}, not ${describe(node)}`, node.place);
  return INVALID;
}

/** The text of a scalar that an option of type string accepts, or undefined. */
export function textOf(node: ConfigNode): string | undefined {
  if (node.kind !== 'scalar') return node.text;
  if (typeof node.value === 'string') return node.text ?? node.value;
  return node.text;
}
