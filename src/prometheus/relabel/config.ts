import * as s from '#config';
import { laxString } from '../config/lax.ts';
import { isLabelTemplate, isValidLabelName, type NameValidationScheme } from './names.ts';
import { compileRegex, type Regex, RegexError } from './regex.ts';

export const relabelActions = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const;
export type RelabelAction = (typeof relabelActions)[number];

/** One rule of `relabel_configs` or `metric_relabel_configs`, with Prometheus' keys. */
export interface RelabelConfig {
  source_labels: readonly string[];
  separator: string;
  regex: Regex;
  /** Up to 2^64 - 1. */
  modulus: bigint;
  target_label: string;
  replacement: string;
  action: RelabelAction;
}

const DEFAULT_REGEX = '(.*)';
const DEFAULT_SEPARATOR = ';';
const DEFAULT_REPLACEMENT = '$1';
const NEEDS_TARGET = new Set<string>(['replace', 'keepequal', 'dropequal', 'hashmod', 'lowercase', 'uppercase']);
const ONLY_REGEX = new Set<string>(['labeldrop', 'labelkeep']);
const ONLY_EQUAL = new Set<string>(['keepequal', 'dropequal']);
const NO_REPLACEMENT = new Set<string>(['keepequal', 'dropequal', 'lowercase', 'uppercase']);

const regex: s.Schema<Regex> = s.transform(laxString({ typeName: 'regex' }), (source, complain) => {
  try {
    return compileRegex(source);
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    return complain('', `is not a regular expression (RE2): ${error.message}`);
  }
});

/** Prometheus takes any case here. */
const action: s.Schema<RelabelAction> = (() => {
  const word = s.oneOf(...relabelActions);
  const lower = (node: s.ConfigNode): s.ConfigNode =>
    node.kind === 'scalar' && typeof node.value === 'string'
      ? { ...node, value: node.value.toLowerCase(), text: node.value.toLowerCase() }
      : node;
  return { ...word, read: (node, path, report) => word.read(lower(node), path, report) };
})();

const modulus: s.Schema<bigint> = {
  typeName: 'int',
  read(node, path, report) {
    const value = node.kind === 'scalar' ? node.value : undefined;
    const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
    if (whole && BigInt(value as number) >= 0n && BigInt(value as number) < 1n << 64n) return BigInt(value as number);
    report.issue(path, `must be a whole number of at least 0 and less than 2^64, not ${s.describe(node)}`, node.place);
    return s.INVALID;
  },
  json: () => ({ type: 'integer', minimum: 0 }),
};

const sourceLabel = laxString({ typeName: 'label name', nonEmpty: true });

const shape = s.object({
  source_labels: s.withDefault(s.list(sourceLabel), [], 'Labels whose values, joined by `separator`, are looked at.'),
  separator: s.withDefault(laxString(), DEFAULT_SEPARATOR, 'Stands between the values of `source_labels`.'),
  regex: s.withDefault(regex, DEFAULT_REGEX, 'RE2 pattern that must match the whole value, or the whole label name.'),
  modulus: s.withDefault(modulus, 0, '`hashmod`: the remainder of this is taken.'),
  target_label: s.withDefault(laxString(), '', 'The label to write; for `replace` a template such as `$1_total`.'),
  replacement: s.withDefault(laxString(), DEFAULT_REPLACEMENT, 'What to write, or for `labelmap` the new name.'),
  action: s.withDefault(action, 'replace', 'What to do.'),
});

type Complain = (inner: string, message: string) => void;

/**
 * One relabelling rule as Prometheus 3 reads and checks it, apart from what depends on the name validation scheme: that
 * is set elsewhere in the file, so whoever knows it calls `checkRelabelNames`.
 */
export const relabelConfigSchema: s.Schema<RelabelConfig> = {
  ...shape,
  read(node, path, report) {
    if (node.kind === 'scalar' && node.value === null) {
      report.issue(path, 'is empty; a relabelling rule is a map', node.place);
      return s.INVALID;
    }
    const rule = shape.read(nullsAsText(node), path, report);
    if (rule === s.INVALID) return rule;
    let bad = false;
    checkAction(rule, given(node), (inner, message) => {
      bad = true;
      report.issue(inner ? s.join(path, inner) : path, message, s.placeOf(node, inner));
    });
    return bad ? s.INVALID : rule;
  },
};

/** `relabel_configs`, `metric_relabel_configs`. */
export const relabelConfigsSchema: s.Schema<RelabelConfig[]> = s.list(relabelConfigSchema);

/** A key with nothing behind it is the empty string to Prometheus, not the default: an empty `regex` matches only ''. */
function nullsAsText(node: s.ConfigNode): s.ConfigNode {
  if (node.kind !== 'map') return node;
  const entries = [...node.entries].map(([key, entry]): [string, s.Entry] => {
    const { value } = entry;
    const empty = value.kind === 'scalar' && value.value === null && !['source_labels', 'modulus'].includes(key);
    return [key, empty ? { ...entry, value: { ...value, text: '' } } : entry];
  });
  return { ...node, entries: new Map(entries) };
}

/** The keys that were written; a `source_labels` with nothing behind it is as good as none. */
function given(node: s.ConfigNode): ReadonlySet<string> {
  if (node.kind !== 'map') return new Set();
  const isNull = (value: s.ConfigNode) => value.kind === 'scalar' && value.value === null;
  return new Set([...node.entries].filter(([key, { value }]) => key === 'regex' || !isNull(value)).map(([key]) => key));
}

function checkAction(rule: RelabelConfig, written: ReadonlySet<string>, complain: Complain): void {
  const { action } = rule;
  if (NEEDS_TARGET.has(action) && rule.target_label === '') complain('target_label', `is missing; ${action} needs it`);
  if (action === 'hashmod' && rule.modulus === 0n) complain('modulus', 'is missing; hashmod needs one above 0');
  if (action === 'labelmap' && rule.replacement === '') complain('replacement', 'must not be empty for labelmap');
  for (const key of unwanted(rule, written)) complain(key, `has no meaning for ${action}`);
}

/** Keys that Prometheus refuses beside this action, when they differ from their defaults. */
function* unwanted(rule: RelabelConfig, written: ReadonlySet<string>): Generator<string> {
  const { action } = rule;
  const onlyRegex = ONLY_REGEX.has(action);
  if (onlyRegex && written.has('source_labels')) yield 'source_labels';
  if (onlyRegex && rule.target_label !== '') yield 'target_label';
  if (ONLY_EQUAL.has(action) && written.has('regex')) yield 'regex';
  if (onlyRegex || ONLY_EQUAL.has(action)) {
    if (rule.separator !== DEFAULT_SEPARATOR) yield 'separator';
    if (rule.modulus !== 0n) yield 'modulus';
  }
  if ((onlyRegex || NO_REPLACEMENT.has(action)) && rule.replacement !== DEFAULT_REPLACEMENT) yield 'replacement';
}

/** The checks that depend on which names are valid. `complain` takes the inner path, such as `[2].target_label`. */
export function checkRelabelNames(
  rules: readonly RelabelConfig[],
  scheme: NameValidationScheme,
  complain: Complain,
): void {
  rules.forEach((rule, i) => {
    const { action, target_label, replacement } = rule;
    const isTemplate = action === 'replace' && target_label.includes('$');
    const isValid = isTemplate ? isLabelTemplate : isValidLabelName;
    if (NEEDS_TARGET.has(action) && !isValid(target_label, scheme)) {
      complain(`[${i}].target_label`, `is not a label name that the ${scheme} scheme takes`);
    }
    if (action === 'labelmap' && !isLabelTemplate(replacement, scheme)) {
      complain(`[${i}].replacement`, `is not a label name that the ${scheme} scheme takes`);
    }
  });
}
