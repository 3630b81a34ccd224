/**
 * One declaration per option yields its type, default, check, documentation row and JSON Schema. Typing is the Collector's:
 * strict (a string is no number), except that what came from an expansion takes the type that the option wants.
 */
import type { Report } from './issue.ts';
import { type ConfigNode, join, nodeOf, type Place, type ScalarNode } from './node.ts';
import { Partly, partlyReadable, readPartly, whereRead } from './partly.ts';

export type JsonSchema = Record<string, unknown>;

/** One row of a README's option table. */
export interface OptionRow {
  /** `tls.ca_file`, `static_configs[].targets`. */
  key: string;
  type: string;
  default: string;
  doc: string;
}

/** What reading failed to give; the issue has been reported. */
export const INVALID: unique symbol = Symbol('invalid');
export type Invalid = typeof INVALID;

export interface Schema<T> {
  /** `duration`, `list of string`, … as a README table says it. */
  readonly typeName: string;
  read(node: ConfigNode, path: string, report: Report): T | Invalid;
  json(): JsonSchema;
  /** The options inside, for documentation; none for scalars. */
  rows?(prefix: string): OptionRow[];
  /** True where print-config must not show the value. */
  readonly secret?: boolean;
  /** The schemas of inner values, so that print-config finds secrets: by key, or '*' for every item or value. */
  readonly inner?: Readonly<Record<string, Schema<unknown>>>;
  /** True where an expansion that gave an empty text is a value, not an option left out. */
  readonly textual?: boolean;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

/** An option of an object. Made by `required`, `optional` and `withDefault`. */
export interface Field<T> {
  readonly schema: Schema<T>;
  readonly doc: string;
  readonly required: boolean;
  /** As the user would write it: `10s`, not 10000. */
  readonly default?: unknown;
  readonly hasDefault: boolean;
  /** Says it is accepted for compatibility only, and why; a warning when it is set. */
  readonly deprecated?: string;
}
export type Fields = Readonly<Record<string, Field<unknown>>>;
export type FieldValues<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** An option that must be given. */
export function required<T>(schema: Schema<T>, doc: string): Field<T> {
  return { schema, doc, required: true, hasDefault: false };
}
/** An option that may be left out; undefined then. */
export function optional<T>(schema: Schema<T>, doc: string): Field<T | undefined> {
  return { schema: schema as Schema<T | undefined>, doc, required: false, hasDefault: false };
}
/** An option with a default, written as the user would write it in YAML. */
export function withDefault<T>(schema: Schema<T>, value: unknown, doc: string): Field<T> {
  return { schema, doc, required: false, default: value, hasDefault: true };
}
export function deprecated<T>(field: Field<T>, why: string): Field<T> {
  return { ...field, deprecated: why };
}

/**
 * Adds rules across options. Each is run for itself, up to the first option it looks at that could not be read: a rule that
 * takes only the options it needs holds whatever else is faulty. `complain` takes the inner path ('' for the whole).
 */
export function check<T>(
  schema: Schema<T>,
  ...rules: ((value: T, complain: (inner: string, message: string) => void) => void)[]
): Schema<T> {
  return {
    ...schema,
    read: partlyReadable((node, path, report) => {
      const got = readPartly(schema, node, path, report);
      if (got === INVALID) return INVALID;
      const value = got instanceof Partly ? got.value : got;
      let bad = got instanceof Partly;
      const complain = (inner: string, message: string) => {
        bad = true;
        report.issue(inner ? join(path, inner) : path, message, placeOf(node, inner));
      };
      for (const rule of rules) whereRead(() => rule(value, complain));
      return bad ? new Partly(value) : value;
    }),
  };
}

/** Turns what was read into something else. `change` may report and give INVALID. */
export function transform<T, U>(
  schema: Schema<T>,
  change: (value: T, complain: (inner: string, message: string) => Invalid) => U | Invalid,
): Schema<U> {
  return {
    ...schema,
    read(node: ConfigNode, path: string, report: Report) {
      const value = schema.read(node, path, report);
      if (value === INVALID) return INVALID;
      return change(value, (inner, message) => {
        report.issue(inner ? join(path, inner) : path, message, placeOf(node, inner));
        return INVALID;
      });
    },
  };
}

/** Either of two shapes: the first whose kind of node fits. `pick` says which. */
export function either<A, B>(first: Schema<A>, second: Schema<B>, pick: (node: ConfigNode) => boolean): Schema<A | B> {
  return {
    typeName: `${first.typeName} or ${second.typeName}`,
    read: (node, path, report) => (pick(node) ? first : second).read(node, path, report) as A | B | Invalid,
    json: () => ({ anyOf: [first.json(), second.json()] }),
    rows: (prefix) => [...(first.rows?.(prefix) ?? []), ...(second.rows?.(prefix) ?? [])],
    ...((first.inner ?? second.inner) ? { inner: { ...first.inner, ...second.inner } } : {}),
  };
}

/** Anything, as it stands: for sections that are read elsewhere. */
export function anything(typeName = 'any'): Schema<ConfigNode> {
  return { typeName, read: (node) => node, json: () => ({}) };
}

/** The place of an inner option such as `tls.ca_file` or `items[2]`, or the nearest that exists. */
export function placeOf(node: ConfigNode, inner: string): Place {
  let at = node;
  let place = node.place;
  for (const step of inner.split(/[.[\]]+/).filter(Boolean)) {
    const entry = at.kind === 'map' ? at.entries.get(step) : undefined;
    const next: ConfigNode | undefined = at.kind === 'list' ? at.items[Number(step)] : entry?.value;
    if (!next) break;
    at = next;
    place = next.kind === 'scalar' || !entry ? next.place : entry.keyPlace;
  }
  return place;
}

/** Reads with defaults from plain values and throws on issues: for tests and for configuration made in code. */
export function parse<T>(schema: Schema<T>, value: unknown): T {
  const issues: string[] = [];
  const note = (path: string, message: string) => issues.push(`${path}: ${message}`);
  const got = schema.read(nodeOf(value), '', { issue: note, warn: () => {} });
  if (got === INVALID) throw new Error(issues.join('\n'));
  return got;
}

export type { ScalarNode };
