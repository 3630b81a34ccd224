import { expect } from 'chai';
import { plainOf } from '../src/config/node.ts';
import { parseYaml } from '../src/config/yaml.ts';
import { version } from '../src/version.ts';
import { runCli } from './support/command.ts';

const CGROUP = `receivers:
  cgroup:
processors:
  batch:
exporters:
  prometheusremotewrite:
    endpoint: http://127.0.0.1:9009/api/v1/push
    headers: {X-Scope-OrgID: tenant-one}
service:
  pipelines:
    metrics: {receivers: [cgroup], processors: [batch], exporters: [prometheusremotewrite]}
`;
const config = (text = CGROUP) => ['--config', `yaml:${text}`];

describe('the command line', () => {
  it('prints its help and exits 0', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).to.equal(0);
    for (const name of ['run', 'validate', 'print-config', 'components', 'schema', 'parse', 'relabel']) {
      expect(stdout).to.match(new RegExp(`^  ${name} `, 'm'));
    }
  });

  it('prints its version', async () => {
    expect(await runCli(['--version'])).to.deep.equal({ code: 0, stdout: `dnscol version ${version}\n`, stderr: '' });
  });

  const misused = (argv: string[], sentence: string) =>
    it(`answers ${argv.join(' ') || 'nothing'} with exit code 2 and a sentence`, async () => {
      const { code, stdout, stderr } = await runCli(argv);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.include(sentence);
    });
  misused([], 'Usage: dnscol');
  misused(['valdate'], 'there is no command "valdate"; did you mean validate?');
  misused(['constructor'], 'there is no command "constructor"');
  misused(['validate'], 'validate: needs --config FILE');
  misused(['validate', '--confg', 'x'], "validate: Unknown option '--confg'");
  misused(['validate', 'agent.yaml'], 'validate: Unexpected argument');
  misused(['validate', '--config', 'x', '--set', 'a.b'], '--set must be KEY=VALUE');
  misused(['--set', 'a=b'], 'run: needs --config FILE');
  misused(['print-config', '--config', 'x', '--format', 'toml'], '--format must be yaml or json');
  misused(['print-config', '--config', 'x', '--mode', 'unredacted'], 'secrets are never printed');
});

describe('dnscol validate', () => {
  it('says nothing of a sound configuration but what is deprecated', async () => {
    const { code, stdout, stderr } = await runCli(['validate', ...config()]);
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: '' });
    expect(stderr).to.match(/^<yaml>:6:3: warning: exporters\.prometheusremotewrite: .*prometheus_remote_write/);
    expect(stderr.trim().split('\n')).to.have.length(3);
  });

  it('accepts the newer name quietly', async () => {
    const text = CGROUP.replaceAll('prometheusremotewrite', 'prometheus_remote_write');
    expect(await runCli(['validate', ...config(text)])).to.deep.equal({ code: 0, stdout: '', stderr: '' });
  });

  it('reports all issues and exits 1', async () => {
    const text = CGROUP.replace('batch:', 'batch: {timeuot: 1s}').replace('endpoint:', 'endpiont:');
    const { code, stderr } = await runCli(['validate', ...config(text)]);
    expect(code).to.equal(1);
    expect(stderr).to.include('processors.batch.timeuot: is not an option; did you mean timeout?');
    expect(stderr).to.include('exporters.prometheusremotewrite.endpiont: is not an option; did you mean endpoint?');
  });

  it('reads several sources, variables and sets, the last one winning', async () => {
    const sets = ['--set', 'processors.batch.timeout=${env:T}'];
    const argv = ['validate', '--config', 'env:AGENT', '--config', 'yaml:processors::batch::timeout: 5s', ...sets];
    expect((await runCli(argv, { AGENT: CGROUP, T: '7s' })).code).to.equal(0);
    expect((await runCli(argv, { AGENT: CGROUP, T: '7 sheep' })).code).to.equal(1);
  });

  it('names a file that is not there', async () => {
    const { code, stderr } = await runCli(['validate', '--config', '/nonexistent/agent.yaml']);
    expect(code).to.equal(1);
    expect(stderr).to.include('cannot read /nonexistent/agent.yaml: there is no such file');
  });
});

describe('dnscol print-config', () => {
  it('prints what was merged and expanded, as YAML that reads back', async () => {
    const argv = ['print-config', ...config(), '--set', 'processors.batch.timeout=${env:T}'];
    const { code, stdout } = await runCli(argv, { T: '7s' });
    expect(code).to.equal(0);
    const { root, issues } = parseYaml(stdout, 'printed');
    expect(issues).to.deep.equal([]);
    const printed = JSON.parse(JSON.stringify(plainOf(root!)));
    expect(printed.processors).to.deep.equal({ batch: { timeout: '7s' } });
    expect(printed.exporters.prometheusremotewrite.headers).to.deep.equal({ 'X-Scope-OrgID': '[REDACTED]' });
  });

  it('prints the same as JSON', async () => {
    const { stdout } = await runCli(['print-config', ...config(), '--format', 'json']);
    expect(JSON.parse(stdout).service.pipelines.metrics.receivers).to.deep.equal(['cgroup']);
  });

  it('prints no broken configuration', async () => {
    const { code, stdout, stderr } = await runCli(['print-config', '--config', 'yaml:receivers: {}']);
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
    expect(stderr).to.include('no receiver configuration specified in config');
  });
});

describe('dnscol components', () => {
  it('lists every component with summary and stability, as YAML', async () => {
    const { stdout } = await runCli(['components']);
    const listed = JSON.parse(JSON.stringify(plainOf(parseYaml(stdout, 'components').root!)));
    expect(listed.buildinfo.version).to.equal(version);
    const cgroup = listed.receivers.find((c: { name: string }) => c.name === 'cgroup');
    expect(cgroup.summary).to.match(/\w/);
    expect(cgroup.stability.metrics).to.match(/^(Development|Alpha|Beta|Stable)$/);
  });
});

describe('dnscol schema', () => {
  it('prints a JSON Schema with a pattern for each component id', async () => {
    const schema = JSON.parse((await runCli(['schema'])).stdout);
    expect(schema.$schema).to.equal('https://json-schema.org/draft/2020-12/schema');
    const patterns = Object.keys(schema.properties.receivers.patternProperties);
    expect(patterns).to.include('^cgroup(/.*)?$');
    expect(schema.properties.receivers.additionalProperties).to.equal(false);
  });
});
