/** The Collector's own fixtures of configuration: expansion, merging, telemetry and its components' options. */
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { Kind } from '#component';
import { components } from '../../src/components.ts';
import { expand } from '../../src/config/expand.ts';
import { findFactory } from '../../src/config/factories.ts';
import type { Issue } from '../../src/config/issue.ts';
import { loadConfig } from '../../src/config/load.ts';
import { nodeOf, plainOf } from '../../src/config/node.ts';
import { INVALID } from '../../src/config/schema.ts';
import { telemetry } from '../../src/config/service.ts';
import { parseYaml } from '../../src/config/yaml.ts';
import { suite } from '../support/suites.ts';

const otelcol = suite('otelcol');

interface ExpandCase {
  name: string;
  env: Record<string, string>;
  value: unknown;
  expected: unknown;
  needs_test_provider: boolean;
}

async function expanded(value: unknown, env: Record<string, string>): Promise<{ got: unknown; issues: Issue[] }> {
  const issues: Issue[] = [];
  const around = { env, readFile: (path: string) => readFile(path, 'utf8'), issues, warnings: [], texts: new Map() };
  return { got: plainOf(await expand(nodeOf(value), around)), issues };
}

/** The suite's provider of its own gives back its text; so does ours of YAML. */
const withYaml = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll('${test:', '${yaml:'));

const load = (files: string[], env: Record<string, string> = {}) =>
  loadConfig(files, [], { env, readFile: (path) => readFile(path, 'utf8') });

describe('the otelcol suite', () => {
  for (const { name, env, value, expected, needs_test_provider } of otelcol.json<ExpandCase[]>(
    'expand-string-values.json',
  )) {
    otelcol.holds(name, async () => {
      const { got, issues } = await expanded(withYaml(value), env);
      expect(issues).to.deep.equal([]);
      // Its own provider gives text, ours of YAML a number where the text is one.
      expect(needs_test_provider ? String(got) : got).to.deep.equal(withYaml(expected));
    });
  }

  interface EscapedCase {
    name: string;
    file: string;
    env: Record<string, string>;
    expected: Record<string, unknown>;
  }
  for (const { name, file, env, expected } of otelcol.json<EscapedCase[]>('escaped-env.json')) {
    otelcol.holds(name, async () => {
      const { tree, issues } = await load([otelcol.path(file)], env);
      expect(issues).to.deep.equal([]);
      expect(JSON.parse(JSON.stringify(plainOf(tree)))).to.deep.equal(expected);
    });
  }

  interface ErrorCase {
    name: string;
    config: unknown;
    env?: Record<string, string>;
    expected_error: string;
  }
  for (const { name, config, env, expected_error } of otelcol.json<ErrorCase[]>('expand-errors.json')) {
    otelcol.holds(`error: ${name}`, async () => {
      const { issues } = await expanded(config, env ?? {});
      expect(issues.map((i) => i.message).join('\n')).to.include(expected_error);
    });
  }

  otelcol.holds('merge: 1-config-first and 1-config-second', async () => {
    const folder = 'testdata/otelcol/testdata/configs';
    const merged = await load(['first', 'second'].map((part) => otelcol.path(folder, `1-config-${part}.yaml`)));
    const want = await load([otelcol.path(folder, '1-config-output.yaml')]);
    expect(plainOf(merged.tree)).to.deep.equal(plainOf(want.tree));
  });

  interface Scenario {
    name: string;
    configs: unknown[];
    expected: unknown;
  }
  const scenarioFile = otelcol.path('testdata/confmap/testdata/merge-append-scenarios-featuregate-disabled.yaml');

  it('merge scenarios without the append gate give what is expected', async () => {
    const scenarios = plainOf(parseYaml(await readFile(scenarioFile, 'utf8'), 'x').root!) as Scenario[];
    for (const { name, configs, expected } of scenarios) {
      const { tree, issues } = await load(configs.map((config) => `yaml:${JSON.stringify(config)}`));
      expect(issues, name).to.deep.equal([]);
      expect(JSON.stringify(sorted(plainOf(tree))), name).to.equal(JSON.stringify(sorted(expected)));
    }
  });

  it('keys with :: are nested', async () => {
    const { tree } = await load([otelcol.path('testdata/confmap/internal/testdata/embedded_keys.yaml')]);
    const want = { floating: { point: { example: 3.14 } }, integer: { example: 1234 }, bool: { example: false } };
    expect(plainOf(tree)).to.deep.include({
      typed: { options: { ...want, string: { example: 'this is a string' }, nil: { example: null } } },
    });
  });

  it('a file and variables are expanded in each other', async () => {
    const folder = otelcol.path('testdata/confmap/internal/e2e/testdata');
    const env = { BASE_FOLDER: folder, OTEL_LOGS_RECEIVER: '[nop, otlp]', OTEL_LOGS_EXPORTER: '[otlp_grpc, nop]' };
    const { tree, issues } = await load([`${folder}/indirect-slice-env-var-main.yaml`], env);
    expect(issues).to.deep.equal([]);
    const logs = { receivers: ['nop', 'otlp'], exporters: ['otlp_grpc', 'nop'] };
    expect(plainOf(tree.entries.get('service')!.value)).to.deep.equal({ pipelines: { logs } });
  });

  it('a comment with a reference in an included file is a comment', async () => {
    const folder = otelcol.path('testdata/confmap/internal/e2e/testdata');
    const text = await readFile(`${folder}/issue-10787-main.yaml`, 'utf8');
    const { tree, issues } = await load([`yaml:${text.replace('testdata/', `${folder}/`)}`]);
    expect(issues).to.deep.equal([]);
    expect(plainOf(tree.entries.get('exporters')!.value)).to.deep.equal({ debug: { verbosity: 'detailed' } });
  });

  describe('service.telemetry', () => {
    const folder = 'testdata/service/telemetry/otelconftelemetry/testdata';
    const read = async (file: string) => {
      const text = await readFile(otelcol.path(folder, file), 'utf8');
      const issues: string[] = [];
      const note = (path: string, message: string) => issues.push(`${path}: ${message}`);
      const node = parseYaml(text, file).root ?? nodeOf({});
      return { got: telemetry.read(node, '', { issue: note, warn: () => {} }), issues };
    };
    const accepts = (file: string) =>
      otelcol.holds(file, async () => {
        const { got, issues } = await read(file);
        expect(issues).to.deep.equal([]);
        expect(got).to.not.equal(INVALID);
      });
    const refuses = (file: string, words: string) =>
      otelcol.holds(file, async () => {
        expect((await read(file)).issues.join('\n')).to.include(words);
      });

    accepts('config_deprecated_address.yaml');
    accepts('config_deprecated_address_and_readers.yaml');
    accepts('config_empty.yaml');
    accepts('config_logs.yaml');
    accepts('config_metrics_empty_readers.yaml');
    accepts('config_prometheus_host_only.yaml');
    accepts('config_resource_detection_development.yaml');
    refuses('config_invalid_deprecated_address.yaml', 'metrics.address: must be host:port');
    refuses('config_invalid_metrics_empty_readers.yaml', 'metrics.readers: must name at least one reader');
    refuses('config_invalid_metrics_views_level.yaml', 'metrics.views: can only be set when level is detailed');
    refuses('config_invalid_unknown_field.yaml', 'metrics.unknown: is not an option');
  });

  describe('the options of components', () => {
    const read = async (kind: Kind, type: string, file: string) => {
      const factory = await findFactory(components, kind, type);
      const issues: string[] = [];
      const note = (path: string, message: string) => issues.push(`${path}: ${message}`);
      const { root } = parseYaml(await readFile(otelcol.path('testdata', file), 'utf8'), file);
      factory!.config.read(root ?? nodeOf({}), '', { issue: note, warn: () => {} });
      return issues.join('\n');
    };
    const accepts = (kind: Kind, type: string, file: string) =>
      otelcol.holds(file, async () => {
        expect(await read(kind, type, file)).to.equal('');
      });
    const refuses = (kind: Kind, type: string, file: string, words: string) =>
      otelcol.holds(file, async () => {
        expect(await read(kind, type, file)).to.include(words);
      });

    accepts('processor', 'batch', 'processor/batchprocessor/testdata/config.yaml');
    accepts('processor', 'memory_limiter', 'internal/memorylimiter/testdata/config.yaml');
    const negative = 'internal/memorylimiter/testdata/negative_unsigned_limits_config.yaml';
    refuses('processor', 'memory_limiter', negative, 'limit_mib: must be');
    accepts('exporter', 'otlphttp', 'exporter/otlphttpexporter/testdata/config.yaml');
    refuses(
      'exporter',
      'otlp_http',
      'exporter/otlphttpexporter/testdata/bad_invalid_encoding.yaml',
      'encoding: must be',
    );
    accepts('exporter', 'debug', 'exporter/debugexporter/testdata/config_verbosity.yaml');
    accepts('exporter', 'debug', 'exporter/debugexporter/testdata/config_output_paths.yaml');
    refuses('exporter', 'debug', 'exporter/debugexporter/testdata/config_output_paths_empty.yaml', 'output_paths');
    const typo = 'exporter/debugexporter/testdata/config_verbosity_typo.yaml';
    refuses('exporter', 'debug', typo, 'verBosity: is not an option; did you mean verbosity?');
  });

  otelcol.listIsCurrent();
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
