/**
 * Option schemas for sections that Prometheus' own YAML decoder reads in the Collector too. That decoder is laxer than the
 * Collector's: where a string belongs, `1.0`, `true` or `0123` is the text that was written.
 */
import * as s from '#config';
import { parseBase2Bytes, parsePromDuration } from './quantity.ts';

/** The text of a scalar as it was written, or undefined for a map or a list. */
export function writtenText(node: s.ConfigNode): string | undefined {
  if (node.kind !== 'scalar') return undefined;
  return node.text ?? node.source ?? (node.value === null ? '' : String(node.value));
}

function asText(node: s.ConfigNode): s.ConfigNode {
  const value = writtenText(node);
  return node.kind === 'scalar' && value !== undefined ? { ...node, value, text: value } : node;
}

/** Any scalar, as text. */
export function laxString(options: Parameters<typeof s.string>[0] = {}): s.Schema<string> {
  const strict = s.string(options);
  return {
    ...strict,
    read: (node, path, report) => strict.read(asText(node), path, report),
    json: () => ({ ...strict.json(), type: ['string', 'number', 'boolean', 'null'] }),
  };
}

/** Any scalar as text, never printed. */
export function laxSecret(): s.Schema<s.Secret> {
  const strict = s.secret();
  return { ...strict, read: (node, path, report) => strict.read(asText(node), path, report) };
}

/** A bool; YAML 1.1's `yes`, `no`, `on` and `off` too. */
export function laxBool(): s.Schema<boolean> {
  const strict = s.bool();
  return {
    ...strict,
    read(node, path, report) {
      const word = node.kind === 'scalar' && typeof node.value === 'string' ? node.value.toLowerCase() : '';
      if (['yes', 'on', 'y'].includes(word)) return true;
      if (['no', 'off', 'n'].includes(word)) return false;
      return strict.read(node, path, report);
    },
  };
}

/** A scalar read by `parse`, which throws or gives undefined for what it does not take. */
function parsed(
  typeName: string,
  want: string,
  parse: (text: string) => number | undefined,
  json: s.JsonSchema,
): s.Schema<number> {
  return {
    typeName,
    read(node, path, report) {
      const text = writtenText(node);
      let why = '';
      try {
        const value = text === undefined ? undefined : parse(text);
        if (value !== undefined) return value;
      } catch (error) {
        why = node.kind === 'scalar' && node.expanded ? '' : `: ${(error as Error).message}`;
      }
      report.issue(path, `must be ${want}, not ${s.describe(node)}${why}`, node.place);
      return s.INVALID;
    },
    json: () => json,
  };
}

/** Milliseconds, in Prometheus' spelling: `15s`, `1m30s`, `1d`. */
export function promDuration(): s.Schema<number> {
  return parsed('duration', 'a duration such as 30s or 1m30s', parsePromDuration, {
    anyOf: [{ type: 'string', pattern: '^((\\d+)(ms|[ywdhms]))+$|^0$|\\$\\{' }, { const: 0 }],
  });
}

/** Bytes with a unit: `15MB`, `4MiB`, 1024-based either way. */
export function promBytes(): s.Schema<number> {
  return parsed('size', 'a size with its unit, such as 15MB', parseBase2Bytes, {
    anyOf: [{ type: 'string' }, { const: 0 }],
  });
}

/** A limit: a whole number, 0 for none. */
export function limit(): s.Schema<number> {
  return s.int({ min: 0 });
}

/** `inner`, where an item of a list may not be left empty as a section may. */
export function given<T>(inner: s.Schema<T>, what: string): s.Schema<T> {
  return {
    ...inner,
    read: s.partlyReadable((node, path, report) => {
      if (node.kind !== 'scalar' || node.value !== null) return s.readPartly(inner, node, path, report);
      report.issue(path, `is an empty ${what}`, node.place);
      return s.INVALID;
    }),
  };
}

/**
 * `inner`, with keys that have a meaning elsewhere but none here: each of them that holds anything is reported at its
 * place, with its sentence, as an issue or (`warn`) as a warning, and `inner` does not see it.
 */
export function apart<T>(
  inner: s.Schema<T>,
  sentences: (key: string) => { refuse?: string; warn?: string } | undefined,
): s.Schema<T> {
  return {
    ...inner,
    read: s.partlyReadable((node, path, report) => {
      if (node.kind !== 'map') return s.readPartly(inner, node, path, report);
      const rest = new Map<string, s.Entry>();
      let refused = false;
      for (const [key, entry] of node.entries) {
        const sentence = sentences(key);
        if (!sentence) rest.set(key, entry);
        else if (!isEmpty(entry.value)) {
          if (sentence.warn) report.warn(s.join(path, key), sentence.warn, entry.keyPlace);
          if (sentence.refuse) {
            report.issue(s.join(path, key), sentence.refuse, entry.keyPlace);
            refused = true;
          }
        }
      }
      const got = s.readPartly(inner, { ...node, entries: rest }, path, report);
      return !refused || got === s.INVALID || got instanceof s.Partly ? got : new s.Partly(got);
    }),
  };
}

function isEmpty(node: s.ConfigNode): boolean {
  if (node.kind === 'scalar') return node.value === null;
  return node.kind === 'list' ? node.items.length === 0 : node.entries.size === 0;
}
