/**
 * One declaration per option yields its type, default, check, documentation row and JSON Schema. Typing is the Collector's:
 * strict (a string is no number), except that what came from an expansion takes the type that the option wants.
 */
import { didYouMean, type Report } from './issue.ts';
import { type ConfigNode, type MapNode, nodeOf, type Place, type ScalarNode } from './node.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './quantity.ts';
import { Secret } from './secret.ts';

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

// ---- scalars

const article = (type: string) => `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;

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

function mismatch(node: ConfigNode, path: string, report: Report, want: string): Invalid {
  report.issue(path, `must be ${want}, not ${describe(node)}`, node.place);
  return INVALID;
}

interface StringOptions {
  /** Shown in the README in place of `string`. */
  typeName?: string;
  nonEmpty?: boolean;
  /** A sentence for what is wrong with the value, or undefined when it is fine. */
  check?: (value: string) => string | undefined;
  json?: JsonSchema;
}

/** The text of a scalar that an option of type string accepts, or undefined. */
function textOf(node: ConfigNode): string | undefined {
  if (node.kind !== 'scalar') return node.text;
  if (typeof node.value === 'string') return node.text ?? node.value;
  return node.text;
}

export function string(options: StringOptions = {}): Schema<string> {
  const typeName = options.typeName ?? 'string';
  return {
    typeName,
    textual: true,
    read(node, path, report) {
      const text = textOf(node);
      if (text === undefined) return mismatch(node, path, report, article(typeName));
      const wrong = options.nonEmpty && text === '' ? 'must not be empty' : options.check?.(text);
      if (wrong) {
        report.issue(path, wrong, node.place);
        return INVALID;
      }
      return text;
    },
    json: () => ({ type: 'string', ...(options.nonEmpty ? { minLength: 1 } : {}), ...options.json }),
  };
}

/** A string that is never printed. */
export function secret(): Schema<Secret> {
  return {
    typeName: 'secret',
    secret: true,
    textual: true,
    read(node, path, report) {
      report.secret?.(node);
      const text = textOf(node);
      if (text !== undefined) return new Secret(text);
      const what = node.kind === 'scalar' ? (node.value === null ? 'nothing' : 'this') : article(node.kind);
      report.issue(path, `must be a string, not ${what}${what === 'this' ? ' (quote it)' : ''}`, node.place);
      return INVALID;
    },
    json: () => ({ type: 'string' }),
  };
}

/** The id of an extension, such as an authenticator; it must be configured and listed in `service.extensions`. */
export function extensionId(): Schema<string> {
  const id = string({ typeName: 'extension id', nonEmpty: true });
  return {
    ...id,
    read(node, path, report) {
      const got = id.read(node, path, report);
      if (got !== INVALID) report.reference?.(path, 'extension', got, node.place);
      return got;
    },
  };
}

export function bool(): Schema<boolean> {
  return {
    typeName: 'bool',
    read(node, path, report) {
      if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value;
      if (node.kind === 'scalar' && node.expanded && /^(true|false)$/i.test(String(node.value))) {
        return String(node.value).toLowerCase() === 'true';
      }
      return mismatch(node, path, report, 'true or false');
    },
    json: () => ({ type: 'boolean' }),
  };
}

interface NumberOptions {
  min?: number;
  max?: number;
}
function numeric(typeName: string, whole: boolean, { min, max }: NumberOptions): Schema<number> {
  const range = `${min === undefined ? '' : ` of at least ${min}`}${max === undefined ? '' : `${min === undefined ? ' of' : ' and'} at most ${max}`}`;
  const want = `${whole ? 'a whole number' : 'a number'}${range}`;
  return {
    typeName,
    read(node, path, report) {
      if (node.kind !== 'scalar') return mismatch(node, path, report, want);
      const value = typeof node.value === 'bigint' ? Number(node.value) : node.value;
      const fits =
        typeof value === 'number' &&
        (!whole || Number.isInteger(value)) &&
        !Number.isNaN(value) &&
        (min === undefined || value >= min) &&
        (max === undefined || value <= max);
      return fits ? value : mismatch(node, path, report, want);
    },
    json: () => ({
      type: whole ? 'integer' : 'number',
      ...(min === undefined ? {} : { minimum: min }),
      ...(max === undefined ? {} : { maximum: max }),
    }),
  };
}
export const int = (options: NumberOptions = {}): Schema<number> => numeric('int', true, options);
export const float = (options: NumberOptions = {}): Schema<number> => numeric('float', false, options);

function quantity(
  typeName: string,
  want: string,
  parse: (text: string) => number | undefined,
  { min, max }: NumberOptions,
  json: JsonSchema,
  bareNumber: (value: number) => number | undefined,
  show: (value: number) => string,
): Schema<number> {
  return {
    typeName,
    read(node, path, report) {
      const value =
        node.kind !== 'scalar'
          ? undefined
          : typeof node.value === 'number'
            ? (bareNumber(node.value) ?? (node.text === undefined ? undefined : parse(node.text)))
            : typeof node.value === 'string'
              ? parse(node.value)
              : undefined;
      if (value === undefined) return mismatch(node, path, report, want);
      if (min !== undefined && value < min) {
        report.issue(path, `must be at least ${show(min)}`, node.place);
        return INVALID;
      }
      if (max !== undefined && value > max) {
        report.issue(path, `must be at most ${show(max)}`, node.place);
        return INVALID;
      }
      return value;
    },
    json: () => json,
  };
}

/** Milliseconds, written as Go and Prometheus write them: `200ms`, `1m30s`, `1d`. Bounds in milliseconds. */
export function duration(options: NumberOptions = {}): Schema<number> {
  const pattern = '^[+-]?(\\d+(\\.\\d*)?(ns|us|µs|μs|ms|s|m|h|d|w|y))+$|^0$|\\$\\{';
  return quantity(
    'duration',
    'a duration such as 30s or 1m30s',
    parseDuration,
    { min: 0, ...options },
    { anyOf: [{ type: 'string', pattern }, { const: 0 }] },
    (n) => (n === 0 ? 0 : undefined),
    formatDuration,
  );
}

/** Bytes, written `4MiB`, `16MB` (Prometheus: 1024-based either way) or as a number of bytes. */
export function size(options: NumberOptions = {}): Schema<number> {
  return quantity(
    'size',
    'a size such as 4MiB',
    parseSize,
    { min: 0, ...options },
    { anyOf: [{ type: 'string' }, { type: 'integer', minimum: 0 }] },
    (n) => (Number.isInteger(n) ? n : undefined),
    formatSize,
  );
}

/** One of these words. */
export function oneOf<const T extends string>(...words: readonly T[]): Schema<T> {
  return {
    typeName: words.map((w) => `\`${w}\``).join(' '),
    textual: true,
    read(node, path, report) {
      const text = textOf(node);
      if (text !== undefined && (words as readonly string[]).includes(text)) return text as T;
      const hint = text === undefined ? '' : didYouMean(text, words);
      report.issue(path, `must be one of ${words.join(', ')}, not ${describe(node)}${hint}`, node.place);
      return INVALID;
    },
    json: () => ({ enum: words }),
  };
}

// ---- collections

export function list<T>(item: Schema<T>, options: { min?: number } = {}): Schema<T[]> {
  return {
    typeName: `list of ${item.typeName}`,
    inner: { '*': item as Schema<unknown> },
    read(node, path, report) {
      if (node.kind === 'scalar' && node.value === null && !options.min) return [];
      if (node.kind !== 'list') return mismatch(node, path, report, `a list of ${item.typeName}`);
      if (options.min && node.items.length < options.min) {
        report.issue(path, 'must not be empty', node.place);
        return INVALID;
      }
      return readAll(node.items.map((n, i) => item.read(n, `${path}[${i}]`, report)));
    },
    json: () => ({ type: ['array', 'null'], items: item.json() }),
    rows: (prefix) => item.rows?.(`${prefix}[]`) ?? [],
  };
}

/** A list of strings; a plain string is split at its commas, as the Collector does. */
export function strings(item: Schema<string> = string()): Schema<string[]> {
  const whole = list(item);
  return {
    ...whole,
    textual: true,
    read(node, path, report) {
      const text = textOf(node);
      if (text === undefined || node.kind !== 'scalar') return whole.read(node, path, report);
      const parts = text === '' ? [] : text.split(',');
      return readAll(parts.map((p) => item.read(nodeOf(p.trim(), node.place), path, report)));
    },
    json: () => ({ anyOf: [{ type: 'array', items: item.json() }, { type: 'string' }, { type: 'null' }] }),
  };
}

function readAll<T>(values: (T | Invalid)[]): T[] | Invalid {
  return values.includes(INVALID) ? INVALID : (values as T[]);
}

/** A map from any name to one kind of value. The order of the file is kept. */
export function mapOf<T>(value: Schema<T>, key?: Schema<string>): Schema<Map<string, T>> {
  return {
    typeName: `map of ${value.typeName}`,
    inner: { '*': value as Schema<unknown> },
    read(node, path, report) {
      if (node.kind === 'scalar' && node.value === null) return new Map();
      if (node.kind !== 'map') return mismatch(node, path, report, 'a map');
      const out = new Map<string, T>();
      let bad = false;
      for (const [name, entry] of node.entries) {
        const at = join(path, name);
        if (key && key.read(nodeOf(name, entry.keyPlace), at, report) === INVALID) bad = true;
        const got = value.read(entry.value, at, report);
        if (got === INVALID) bad = true;
        else out.set(name, got);
      }
      return bad ? INVALID : out;
    },
    json: () => ({ type: ['object', 'null'], additionalProperties: value.json() }),
    rows: (prefix) => value.rows?.(`${prefix}.*`) ?? [],
  };
}

export const join = (path: string, key: string): string => (path ? `${path}.${key}` : key);

/** An object with these options and no others. Left empty in the YAML, it has its defaults. */
export function object<F extends Fields>(fields: F): Schema<FieldValues<F>> & { readonly fields: F } {
  return {
    typeName: 'map',
    fields,
    inner: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.schema])),
    read(node, path, report) {
      const map = asMap(node);
      if (!map) return mismatch(node, path, report, 'a map');
      let bad = reportUnknown(map, fields, path, report);
      const out: Record<string, unknown> = {};
      for (const [name, field] of Object.entries(fields)) {
        const value = readField(name, field, map, path, report);
        if (value === INVALID) bad = true;
        else out[name] = value;
      }
      return bad ? INVALID : (out as FieldValues<F>);
    },
    json: () => objectJson(fields),
    rows: (prefix) => objectRows(fields, prefix),
  };
}

function asMap(node: ConfigNode): MapNode | undefined {
  if (node.kind === 'map') return node;
  if (node.kind === 'scalar' && node.value === null) return { kind: 'map', place: node.place, entries: new Map() };
  return undefined;
}

function reportUnknown(map: MapNode, fields: Fields, path: string, report: Report): boolean {
  let bad = false;
  for (const [name, entry] of map.entries) {
    if (Object.hasOwn(fields, name)) continue;
    bad = true;
    report.issue(join(path, name), `is not an option${didYouMean(name, Object.keys(fields))}`, entry.keyPlace);
  }
  return bad;
}

function readField(name: string, field: Field<unknown>, map: MapNode, path: string, report: Report): unknown {
  const at = join(path, name);
  const entry = map.entries.get(name);
  if (entry && field.deprecated) report.warn(at, `is deprecated: ${field.deprecated}`, entry.keyPlace);
  if (entry && !isNothing(entry.value, field.schema)) return field.schema.read(entry.value, at, report);
  if (field.required) {
    report.issue(at, entry ? 'must have a value' : 'is missing', entry?.keyPlace ?? map.place);
    return INVALID;
  }
  if (field.hasDefault) return field.schema.read(nodeOf(field.default, entry?.keyPlace ?? map.place), at, report);
  // `tls:` with nothing behind it means "this section, with its defaults"; a scalar without a value means "not given".
  return entry && field.schema.inner ? field.schema.read(entry.value, at, report) : undefined;
}

/** An empty text from an expansion is a value for options that take text, and nothing for all others. */
function isNothing(node: ConfigNode, schema: Schema<unknown>): boolean {
  if (node.kind !== 'scalar' || node.value !== null) return false;
  return node.text === undefined || (node.text === '' && !schema.textual);
}

function objectJson(fields: Fields): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  for (const [name, field] of Object.entries(fields)) {
    properties[name] = {
      ...field.schema.json(),
      ...(field.doc ? { description: field.doc } : {}),
      ...(field.hasDefault ? { default: field.default } : {}),
      ...(field.deprecated ? { deprecated: true } : {}),
    };
  }
  const must = Object.keys(fields).filter((name) => fields[name]!.required);
  return {
    type: must.length ? 'object' : ['object', 'null'],
    properties,
    additionalProperties: false,
    ...(must.length ? { required: must } : {}),
  };
}

function objectRows(fields: Fields, prefix: string): OptionRow[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const key = join(prefix, name);
    const inner = field.schema.rows?.(key) ?? [];
    const shown = field.required ? 'required' : field.hasDefault ? JSON.stringify(field.default) : '';
    const own = { key, type: field.schema.typeName, default: shown, doc: field.doc };
    return field.schema.typeName === 'map' && inner.length ? [...(field.doc ? [own] : []), ...inner] : [own, ...inner];
  });
}

/** Adds a check across options, after all of them could be read. `complain` takes the inner path ('' for the whole). */
export function check<T>(
  schema: Schema<T>,
  verify: (value: T, complain: (inner: string, message: string) => void) => void,
): Schema<T> {
  return {
    ...schema,
    read(node, path, report) {
      const value = schema.read(node, path, report);
      if (value === INVALID) return INVALID;
      let bad = false;
      verify(value, (inner, message) => {
        bad = true;
        report.issue(inner ? join(path, inner) : path, message, placeOf(node, inner));
      });
      return bad ? INVALID : value;
    },
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
