/** Schemas of single values. */
import { didYouMean } from './issue.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './quantity.ts';
import { article, describe, mismatch, textOf } from './reading.ts';
import { INVALID, type JsonSchema, type Schema } from './schema.ts';
import { Secret } from './secret.ts';

interface StringOptions {
  /** Shown in the README in place of `string`. */
  typeName?: string;
  nonEmpty?: boolean;
  /** A sentence for what is wrong with the value, or undefined when it is fine. */
  check?: (value: string) => string | undefined;
  json?: JsonSchema;
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

/**
 * The id of an extension, such as an authenticator; it must be configured and listed in `service.extensions`. `need`: what it
 * must be able to do.
 */
export function extensionId(need?: 'storage'): Schema<string> {
  const id = string({ typeName: 'extension id', nonEmpty: true });
  return {
    ...id,
    read(node, path, report) {
      const got = id.read(node, path, report);
      if (got !== INVALID) report.reference?.(path, 'extension', got, node.place, need);
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
      report.issue(
        path,
        `must be one of ${words.map((w) => w || "''").join(', ')}, not ${describe(node)}${hint}`,
        node.place,
      );
      return INVALID;
    },
    json: () => ({ enum: words }),
  };
}

/** One of these words (in lower case) in any case, as the Collector reads its levels. */
export function word<const T extends string>(...words: readonly T[]): Schema<T> {
  const exact = oneOf(...words);
  return {
    ...exact,
    read(node, path, report) {
      const text = textOf(node)?.toLowerCase();
      const isWord = (words as readonly (string | undefined)[]).includes(text);
      return isWord ? (text as T) : exact.read(node, path, report);
    },
    json: () => ({ type: 'string', pattern: `^(?:${words.map(anyCase).join('|')})$` }),
  };
}
const anyCase = (text: string) => text.replace(/[a-z]/g, (c) => `[${c}${c.toUpperCase()}]`);
