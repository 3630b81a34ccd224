import { createHash } from '#kit';
import type { Labels } from '#metrics';
import { LabelBuilder } from './builder.ts';
import { lowercase, uppercase } from './case.ts';
import type { RelabelConfig } from './config.ts';
import { isValidLabelName, type NameValidationScheme } from './names.ts';
import { expand, parseTemplate } from './template.ts';

/** Rules, compiled. Keeps nothing between calls. */
export interface Relabeler {
  /**
   * What the rules make of the labels, or undefined when they drop them: the same object when nothing changed. `__name__`
   * and other labels that begin with `__` are labels like any other; whoever asks takes away those it does not want.
   */
  relabel(labels: Labels): Labels | undefined;
}

/** One rule, compiled. False: drop. */
type Step = (labels: LabelBuilder) => boolean;

/** `scheme` decides whether a name that `replace` makes up is valid; where it is not, that rule does nothing. */
export function compileRelabel(rules: readonly RelabelConfig[], scheme: NameValidationScheme = 'utf8'): Relabeler {
  const steps = rules.map((rule) => compileRule(rule, scheme));
  return {
    relabel(labels) {
      const builder = new LabelBuilder(labels);
      for (const step of steps) if (!step(builder)) return undefined;
      return builder.labels();
    },
  };
}

function compileRule(rule: RelabelConfig, scheme: NameValidationScheme): Step {
  const { regex, target_label: target } = rule;
  const value = sourceValue(rule);
  switch (rule.action) {
    case 'keep':
      return (labels) => regex.test(value(labels));
    case 'drop':
      return (labels) => !regex.test(value(labels));
    case 'keepequal':
      return (labels) => labels.get(target) === value(labels);
    case 'dropequal':
      return (labels) => labels.get(target) !== value(labels);
    case 'replace':
      return replace(rule, scheme);
    case 'lowercase':
      return always((labels) => labels.set(target, lowercase(value(labels))));
    case 'uppercase':
      return always((labels) => labels.set(target, uppercase(value(labels))));
    case 'hashmod':
      return always((labels) => labels.set(target, hashModulo(value(labels), rule.modulus)));
    case 'labelmap':
      return labelmap(rule);
    case 'labeldrop':
      return dropLabels((name) => regex.test(name));
    case 'labelkeep':
      return dropLabels((name) => !regex.test(name));
  }
}

function always(run: (labels: LabelBuilder) => void): Step {
  return (labels) => {
    run(labels);
    return true;
  };
}

function sourceValue({ source_labels, separator }: RelabelConfig): (labels: LabelBuilder) => string {
  const [only] = source_labels;
  if (source_labels.length === 1) return (labels) => labels.get(only!);
  return (labels) => source_labels.map((name) => labels.get(name)).join(separator);
}

function replace(rule: RelabelConfig, scheme: NameValidationScheme): Step {
  const { regex } = rule;
  const value = sourceValue(rule);
  const target = parseTemplate(rule.target_label, regex.names);
  const replacement = parseTemplate(rule.replacement, regex.names);
  return always((labels) => {
    const groups = regex.exec(value(labels));
    if (!groups) return;
    const name = expand(target, groups);
    if (isValidLabelName(name, scheme)) labels.set(name, expand(replacement, groups));
  });
}

function labelmap({ regex, replacement }: RelabelConfig): Step {
  const template = parseTemplate(replacement, regex.names);
  return always((labels) => {
    for (const [name, value] of labels.entries()) {
      if (regex.test(name)) labels.set(regex.replaceAll(name, template), value);
    }
  });
}

function dropLabels(unwanted: (name: string) => boolean): Step {
  return always((labels) => {
    for (const [name] of labels.entries()) if (unwanted(name)) labels.set(name, '');
  });
}

/** The last eight bytes of the MD5, as a big-endian number, modulo. */
function hashModulo(value: string, modulus: bigint): string {
  return String(createHash('md5').update(value).digest().readBigUInt64BE(8) % modulus);
}

export {
  checkRelabelNames,
  type RelabelAction,
  type RelabelConfig,
  relabelConfigSchema,
  relabelConfigsSchema,
} from './config.ts';
export { isValidLabelName, type NameValidationScheme, nameValidationSchemes } from './names.ts';
