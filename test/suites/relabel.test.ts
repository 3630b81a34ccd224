/** Prometheus' own tables for relabelling: what rules do, which rules it refuses, and how it reads them from YAML. */
import { expect } from 'chai';
import { type ConfigNode, INVALID, nodeOf, type Report } from '#config';
import { labelMap, labelsOf } from '#metrics';
import {
  checkRelabelNames,
  compileRelabel,
  type NameValidationScheme,
  type RelabelConfig,
  relabelConfigsSchema,
} from '#prometheus';
import { parseYaml } from '../../src/config/yaml.ts';
import { suite } from '../support/suites.ts';

const relabel = suite('relabel');

type Rule = Record<string, unknown>;

function read(node: ConfigNode, scheme: NameValidationScheme = 'utf8'): RelabelConfig[] | string {
  const issues: string[] = [];
  const report: Report = { issue: (path, message) => issues.push(`${path}: ${message}`), warn: () => {} };
  const rules = relabelConfigsSchema.read(node, '', report);
  if (rules === INVALID) return issues.join('\n');
  checkRelabelNames(rules, scheme, (path, message) => issues.push(`${path}: ${message}`));
  return issues.length > 0 ? issues.join('\n') : rules;
}

function rulesOf(node: ConfigNode): RelabelConfig[] {
  const rules = read(node);
  if (typeof rules === 'string') throw new Error(rules);
  return rules;
}

function yamlNode(text: string): ConfigNode {
  const { root, issues } = parseYaml(text, 'case.yaml');
  expect(issues).to.deep.equal([]);
  return root!;
}

const textOf = (node: ConfigNode): string =>
  node.kind === 'scalar' ? String(node.value) : node.kind === 'list' ? node.items.map(textOf).join(',') : '';

type Outcome = { dropped: boolean; labels?: Record<string, string> };

function run(rules: readonly RelabelConfig[], input: Record<string, string>): Outcome {
  const labels = compileRelabel(rules).relabel(labelsOf(input));
  return labels ? { dropped: false, labels: Object.fromEntries(labelMap(labels)) } : { dropped: true };
}

describe('Prometheus’ relabelling cases', () => {
  interface Case {
    name: string;
    input: Record<string, string>;
    config: Rule[];
    expected: Outcome;
  }
  for (const { name, input, config, expected } of relabel.json<Case[]>('relabel-cases.json')) {
    relabel.holds(name, () => {
      expect(run(rulesOf(nodeOf(config)), input)).to.deep.equal(expected);
    });
  }
});

describe('Prometheus’ checks of relabelling rules', () => {
  interface Case {
    name: string;
    config: Rule & { name_validation_scheme: NameValidationScheme };
    expected: { valid?: boolean };
  }
  for (const { name, config, expected } of relabel.json<Case[]>('validate-cases.json')) {
    relabel.holds(name, () => {
      const { name_validation_scheme: scheme, ...rule } = config;
      // The table's rules are Go structs: a field that is not there is empty.
      const got = read(nodeOf([{ action: '', ...rule }]), scheme);
      expect(typeof got !== 'string', String(got)).to.equal(expected.valid === true);
    });
  }

  interface TargetCase {
    target_label: string;
    valid_under_legacy_scheme: boolean;
  }
  relabel.json<TargetCase[]>('target-label-legacy.json').forEach((one, i) => {
    relabel.holds(`target-label-legacy.json: ${i} ${one.target_label}`, () => {
      const got = read(nodeOf([{ target_label: one.target_label }]), 'legacy');
      expect(typeof got !== 'string').to.equal(one.valid_under_legacy_scheme);
    });
  });
});

describe('relabelling rules as Prometheus writes them in YAML', () => {
  for (const { name, yaml } of relabel.json<{ name: string; yaml: string }[]>('yaml-roundtrip.json')) {
    relabel.holds(name, () => {
      const node = yamlNode(yaml);
      const [rule] = rulesOf({ kind: 'list', place: node.place, items: [node] });
      const { source_labels, regex, ...others } = rule!;
      const shown: Rule = { ...others, source_labels: source_labels.join(','), regex: regex.source };
      if (node.kind !== 'map') throw new Error('a rule is a map');
      for (const [key, { value }] of node.entries) expect(shown[key], key).to.equal(textOf(value));
    });
  }

  interface Benchmark {
    name: string;
    lbls: { $labels: [string, string][] };
    config_yaml: string;
  }
  // The suite has no answers for these; they are what Prometheus 3 gave.
  const answers: Record<string, Outcome> = {
    example: {
      dropped: false,
      labels: { __meta_dns_name: 'example-some-x.com', abc: 'static', cde: 'def', job: 'foo' },
    },
    kubernetes: { dropped: true },
    'static label pair': {
      dropped: false,
      labels: {
        ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8].map((n) => [`abcdefg0${n}`, `hijklmn${n}`])),
        job: 'foo',
        with_source_labels: 'value',
        wwwwww: 'wwwwww',
        xxxxxxxxx: 'yyyyyyyyyyyy',
        yyyyyyyyyyyy: 'xxxxxxxxx',
      },
    },
  };
  for (const { name, lbls, config_yaml } of relabel.json<Benchmark[]>('benchmark-configs.json')) {
    relabel.holds(`benchmark: ${name}`, () => {
      expect(run(rulesOf(yamlNode(config_yaml)), Object.fromEntries(lbls.$labels))).to.deep.equal(answers[name]);
    });
  }
});

describe('the relabel suite', () => {
  relabel.listIsCurrent();
});
