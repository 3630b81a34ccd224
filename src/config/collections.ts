/** Schemas of lists, maps and objects. */
import { didYouMean, type Report } from './issue.ts';
import { type ConfigNode, join, type MapNode, nodeOf } from './node.ts';
import { Partly, partlyReadable, put, readPartly } from './partly.ts';
import { mismatch, textOf } from './reading.ts';
import { string } from './scalars.ts';
import {
  type Field,
  type Fields,
  type FieldValues,
  INVALID,
  type Invalid,
  type JsonSchema,
  type OptionRow,
  type Schema,
} from './schema.ts';

export function list<T>(item: Schema<T>, options: { min?: number } = {}): Schema<T[]> {
  return {
    typeName: `list of ${item.typeName}`,
    inner: { '*': item as Schema<unknown> },
    read: partlyReadable((node, path, report) => {
      if (node.kind === 'scalar' && node.value === null && !options.min) return [];
      if (node.kind !== 'list') return mismatch(node, path, report, `a list of ${item.typeName}`);
      if (options.min && node.items.length < options.min) {
        report.issue(path, 'must not be empty', node.place);
        return INVALID;
      }
      const out: T[] = [];
      let sound = true;
      for (const [i, written] of node.items.entries()) {
        sound = put(out, i, readPartly(item, orEmptyText(written, item), `${path}[${i}]`, report)) && sound;
      }
      return sound ? out : new Partly(out);
    }),
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
        const got = value.read(orEmptyText(entry.value, value), at, report);
        if (got === INVALID) bad = true;
        else out.set(name, got);
      }
      return bad ? INVALID : out;
    },
    json: () => ({ type: ['object', 'null'], additionalProperties: value.json() }),
    rows: (prefix) => value.rows?.(`${prefix}.*`) ?? [],
  };
}

/** An object with these options and no others. Left empty in the YAML, it has its defaults. */
export function object<F extends Fields>(fields: F): Schema<FieldValues<F>> & { readonly fields: F } {
  return {
    typeName: 'map',
    fields,
    inner: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.schema])),
    read: partlyReadable((node, path, report) => {
      const map = asMap(node);
      if (!map) return mismatch(node, path, report, 'a map');
      let sound = !reportUnknown(map, fields, path, report);
      const out = {} as FieldValues<F>;
      for (const [name, field] of Object.entries(fields)) {
        sound = put(out, name, readField(name, field, map, path, report)) && sound;
      }
      return sound ? out : new Partly(out);
    }),
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
  if (entry && !isNothing(entry.value, field.schema)) return readPartly(field.schema, entry.value, at, report);
  if (field.required) {
    report.issue(at, entry ? 'must have a value' : 'is missing', entry?.keyPlace ?? map.place);
    return INVALID;
  }
  if (field.hasDefault)
    return readPartly(field.schema, nodeOf(field.default, entry?.keyPlace ?? map.place), at, report);
  // `tls:` with nothing behind it means "this section, with its defaults"; a scalar without a value means "not given".
  return entry && field.schema.inner ? readPartly(field.schema, entry.value, at, report) : undefined;
}

/** An unset variable is an empty text among texts, as in the Collector: an entry cannot be left out as an option can. */
function orEmptyText(node: ConfigNode, schema: Schema<unknown>): ConfigNode {
  const unset = node.kind === 'scalar' && node.value === null && node.expanded && node.text === undefined;
  return unset && schema.textual ? { ...node, value: '', text: '' } : node;
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
