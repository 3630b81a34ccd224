/**
 * `${env:X}`, `${env:X:-default}`, `${X}`, `${file:path}` and `${yaml:text}` in values, by the rules of the Collector's
 * confmap/expand.go, one knowingly broken: there an escaped `$${…}` leaves all later references of that value unexpanded.
 */
import type { Issue } from './issue.ts';
import { type ConfigNode, join, moved, type Place, type ScalarNode } from './node.ts';
import { parseUri, type Retrieved, retrieve, type Surroundings, type Uri } from './providers.ts';

const MAX_STEPS = 1000;
const MAX_EXPANSIONS = 10_000;
const MAX_LENGTH = 1024 * 1024;

export interface Expansion extends Surroundings {
  readonly issues: Issue[];
  readonly warnings: Issue[];
  /** Files that came in whole by `${file:…}`, so that issues inside them can be shown. */
  readonly texts: Map<string, string>;
}

/** The tree with every reference replaced, and then every `$$` by `$`. */
export async function expand(root: ConfigNode, with_: Expansion): Promise<ConfigNode> {
  return unescaped(await new Expander(with_).node(root, '', []));
}

class Refused extends Error {}

class Expander {
  readonly #around: Expansion;
  readonly #seen = new Map<string, Promise<Retrieved>>();
  #count = 0;

  constructor(around: Expansion) {
    this.#around = around;
  }

  /** `chain` holds the references that this part of the tree came out of: one that comes again would never end. */
  async node(node: ConfigNode, path: string, chain: readonly string[]): Promise<ConfigNode> {
    if (node.kind === 'list') {
      const items: ConfigNode[] = [];
      for (const [i, item] of node.items.entries()) items.push(await this.node(item, `${path}[${i}]`, chain));
      return { ...node, items };
    }
    if (node.kind === 'map') {
      const entries = new Map();
      for (const [key, entry] of node.entries) {
        entries.set(key, { ...entry, value: await this.node(entry.value, join(path, key), chain) });
      }
      return { ...node, entries };
    }
    if (typeof node.value !== 'string' || !node.value.includes('${')) return node;
    try {
      return await this.#scalar(node, path, chain);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#around.issues.push({ path, message: error.message, place: node.place, unread: true });
      return { kind: 'scalar', place: node.place, value: null, expanded: true };
    }
  }

  async #scalar(node: ScalarNode, path: string, chain: readonly string[]): Promise<ConfigNode> {
    let text = String(node.value);
    for (let steps = 0; ; steps++) {
      const [start, end] = findReference(text) ?? [];
      if (start === undefined) return inlined(node, text, steps > 0);
      if (steps === MAX_STEPS) throw new Refused(`too many recursive expansions: more than ${MAX_STEPS}`);
      const reference = text.slice(start, end);
      if (chain.includes(reference)) throw new Refused('too many recursive expansions: it refers to itself');
      // What was itself put together by expansion may hold a secret.
      const got = await this.#retrieve(reference, steps === 0 && !node.expanded);
      if (got.warning) this.#around.warnings.push({ path, message: got.warning, place: node.place });
      if (reference === text) return this.node(this.#whole(got, node.place), path, [...chain, reference]);
      text = text.slice(0, start) + chomp(got) + text.slice(end);
      if (text.length > MAX_LENGTH) throw new Refused('expands to more than 1 MiB');
    }
  }

  async #retrieve(reference: string, quotable: boolean): Promise<Retrieved> {
    if (++this.#count > MAX_EXPANSIONS) throw new Refused(`too many expansions: more than ${MAX_EXPANSIONS} in all`);
    const inner = reference.slice(2, -1);
    const uri: Uri | undefined = inner.includes(':') ? parseUri(inner) : { scheme: 'env', rest: inner };
    if (!uri) throw new Refused(quotable ? `"${inner}" is not a reference: expected env:, file: or yaml:` : HIDDEN);
    if (uri.rest.includes('$')) {
      const what = quotable ? `the uri "${uri.scheme}:${uri.rest}"` : 'a uri that an expansion gave';
      throw new Refused(`${what} contains unsupported characters ('$')`);
    }
    const key = `${uri.scheme}:${uri.rest}`;
    const got = this.#seen.get(key) ?? retrieve(uri, this.#around);
    this.#seen.set(key, got);
    return got.catch((error: Error) => {
      throw new Refused(quotable ? error.message : HIDDEN);
    });
  }

  /** The value of a scalar that is nothing but one reference: whatever its text says as YAML. */
  #whole(got: Retrieved, place: Place): ConfigNode {
    const { root, issues } = got.parsed;
    const text = chomp(got);
    if (got.unset) return { kind: 'scalar', place, value: null, expanded: true };
    // What is no YAML is text; so is what YAML reads as a string, quotes and all.
    if (issues.length && !isDocument(got)) return { kind: 'scalar', place, value: text, text, expanded: true };
    if (!root) return { kind: 'scalar', place, value: null, text, expanded: true };
    if (root.kind === 'scalar') {
      const value = typeof root.value === 'string' ? text : root.value;
      return { kind: 'scalar', place, value, text, expanded: true };
    }
    if (!isDocument(got)) return { ...moved(root, place, true), text };
    this.#around.texts.set(got.file, got.text);
    this.#around.issues.push(...issues);
    return { ...root, text };
  }
}

const HIDDEN = 'a reference that another expansion gave cannot be expanded';

/** A file with a part of the configuration in it has places of its own; a token in a file has not. */
const isDocument = ({ scheme, parsed: { root } }: Retrieved) => scheme === 'file' && root && root.kind !== 'scalar';

/** A file's last newline belongs to the file, not to the value. */
const chomp = ({ scheme, text }: Retrieved) => (scheme === 'file' ? text.replace(/\r?\n$/, '') : text);

/** What is left when all references are replaced: text, typed only where it was typed before. */
function inlined(node: ScalarNode, text: string, changed: boolean): ScalarNode {
  return changed ? { kind: 'scalar', place: node.place, value: text, text, expanded: true } : node;
}

/** Start and end of the first innermost `${…}` that an even number of dollars stands before. */
export function findReference(text: string): [start: number, end: number] | undefined {
  let from = 0;
  for (let close = text.indexOf('}'); close >= 0; close = text.indexOf('}', from)) {
    const open = text.lastIndexOf('${', close);
    if (open >= from && dollarsBefore(text, open) % 2 === 0) return [open, close + 1];
    from = close + 1;
  }
  return undefined;
}

function dollarsBefore(text: string, at: number): number {
  let count = 0;
  while (text[at - 1 - count] === '$') count++;
  return count;
}

const undouble = (text: string) => text.replaceAll('$$', () => '$');

function unescaped(node: ConfigNode): ConfigNode {
  const text = node.text === undefined ? {} : { text: undouble(node.text) };
  if (node.kind === 'list') return { ...node, ...text, items: node.items.map(unescaped) };
  if (node.kind === 'scalar') {
    return typeof node.value === 'string' ? { ...node, ...text, value: undouble(node.value) } : { ...node, ...text };
  }
  const entries = [...node.entries].map(([key, e]) => [key, { ...e, value: unescaped(e.value) }] as const);
  return { ...node, ...text, entries: new Map(entries) };
}
