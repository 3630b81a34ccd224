/**
 * The types of plain YAML scalars, as the Collector's YAML library (go-yaml v3) gives them: YAML 1.2's core schema, and also
 * `0o17`, `0b11`, `017` (octal) and `1_000`. `yes` and `on` are strings; so are dates, which no option here wants.
 */

export type ScalarValue = string | number | bigint | boolean | null;

const NULLS = new Set(['', '~', 'null', 'Null', 'NULL']);
const TRUE = new Set(['true', 'True', 'TRUE']);
const FALSE = new Set(['false', 'False', 'FALSE']);
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const SPECIAL_FLOAT = /^([-+]?)\.(inf|Inf|INF)$/;
const NAN = /^\.(nan|NaN|NAN)$/;
const INT = /^[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/;

/** What an unquoted scalar stands for. */
export function typeScalar(text: string): ScalarValue {
  if (NULLS.has(text)) return null;
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  return typeNumber(text) ?? text;
}

function typeNumber(text: string): number | bigint | undefined {
  if (!/^[-+.0-9]/.test(text)) return undefined;
  const plain = /^[-+]?[0-9]/.test(text) ? text.replaceAll('_', '') : text;
  if (INT.test(plain)) return integer(plain);
  if (FLOAT.test(plain)) return Number(plain);
  if (NAN.test(text)) return Number.NaN;
  const infinite = SPECIAL_FLOAT.exec(text);
  return infinite ? (infinite[1] === '-' ? -Infinity : Infinity) : undefined;
}

function integer(text: string): number | bigint {
  const negative = text.startsWith('-');
  const digits = text.replace(/^[-+]/, '').replace(/^0[oO]?(?=[0-7])/, '0o');
  const value = BigInt(digits.toLowerCase()) * (negative ? -1n : 1n);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** What a scalar with an explicit tag stands for; undefined when the tag is not known or does not fit the text. */
export function typeTagged(tag: string, text: string): ScalarValue | undefined {
  const typed = typeScalar(text);
  switch (tag) {
    case '!':
    case 'tag:yaml.org,2002:str':
      return text;
    case 'tag:yaml.org,2002:int':
      return typeof typed === 'bigint' || Number.isInteger(typed) ? typed : undefined;
    case 'tag:yaml.org,2002:float':
      return typeof typed === 'number' || typeof typed === 'bigint' ? Number(typed) : undefined;
    case 'tag:yaml.org,2002:bool':
      return typeof typed === 'boolean' ? typed : undefined;
    case 'tag:yaml.org,2002:null':
      return typed === null ? null : undefined;
    default:
      return undefined;
  }
}
