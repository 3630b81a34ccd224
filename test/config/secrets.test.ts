import { inspect } from 'node:util';
import { expect } from 'chai';
import { components } from '../../src/components.ts';
import { fingerprint } from '../../src/config/fingerprint.ts';
import { formatIssues } from '../../src/config/format.ts';
import { redactUrls } from '../../src/config/redact.ts';
import { runCli } from '../support/command.ts';
import { resolveText } from '../support/config.ts';

/** Twelve planted secrets; none may be found in anything that is printed. */
const planted = Array.from({ length: 12 }, (_, i) => `canary-${i}-${'zq'.repeat(4)}`);
const [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11] = planted as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];
const env = { PASSWORD: c0, REMOTE: `http://user:${c1}@127.0.0.1:9009/push`, HEADER: c2 };

const SOUND = `receivers:
  prometheus:
    config:
      scrape_configs:
        - job_name: a
          basic_auth: {username: u, password: ${c3}}
          static_configs: [{targets: ['127.0.0.1:1']}]
        - job_name: b
          authorization: {credentials: "${c4}"}
          proxy_url: http://p:${c5}@127.0.0.1:3128
          static_configs: [{targets: ['127.0.0.1:1']}]
        - job_name: c
          bearer_token: ${c6}
          static_configs: [{targets: ['127.0.0.1:1']}]
exporters:
  prometheusremotewrite:
    endpoint: \${env:REMOTE}
    headers:
      Authorization: Bearer ${c7}
      X-Key: \${env:HEADER}
    tls:
      cert_pem: x
      key_pem: |
        ${c8}
  prometheusremotewrite/two:
    endpoint: http://u:${c9}@127.0.0.1:9009/push
    headers: {Cookie: ${c10}, X-Password: '\${env:PASSWORD:-${c11}}'}
service:
  telemetry:
    metrics:
      readers:
        - periodic: {exporter: {otlp: {headers: [{name: authorization, value: ${c11}}]}}}
  pipelines:
    metrics: {receivers: [prometheus], exporters: [prometheusremotewrite, prometheusremotewrite/two]}
`;

function expectNone(text: string, secrets = planted): void {
  expect(text).to.match(/\S/);
  for (const secret of secrets) expect(text.includes(secret), `${secret} in ${text}`).to.equal(false);
}

describe('a secret', () => {
  for (const format of ['yaml', 'json']) {
    it(`is not in print-config as ${format}`, async () => {
      const { code, stdout, stderr } = await runCli(
        ['print-config', '--config', `yaml:${SOUND}`, '--format', format],
        env,
      );
      expect(stderr.replace(/^.*warning: .*\n.*\n.*\n/gm, '')).to.equal('');
      expect(code).to.equal(0);
      expectNone(stdout + stderr);
      expect(stdout).to.include('[REDACTED]');
    });
  }

  it('is in no report when every line of the configuration is broken in turn', async () => {
    const lines = SOUND.split('\n');
    for (const i of lines.keys()) {
      for (const broken of breakages(lines[i]!)) {
        const text = [...lines.slice(0, i), broken, ...lines.slice(i + 1)].join('\n');
        const { issues, warnings, excerpts } = await resolveText(text, { components, env });
        for (const secret of planted) {
          const report = formatIssues([...warnings, ...issues], excerpts);
          expect(report.includes(secret), `${secret} after ${broken}:\n${report}`).to.equal(false);
        }
      }
    }
  });

  it('is in no inspection of what was resolved, where it has an option of its own', async () => {
    const inUrls = [c1, c5, c9];
    const own = planted.filter((secret) => !inUrls.includes(secret));
    const resolved = await resolveText(SOUND, { components, env });
    expect(resolved.issues).to.deep.equal([]);
    for (const { config } of [...resolved.receivers, ...resolved.exporters]) {
      expectNone(inspect(config, { depth: 20, showHidden: false }) + JSON.stringify(config), own);
    }
    expectNone(inspect(resolved.service, { depth: 20 }), own);
  });

  it('is not in a fingerprint, but changes it', async () => {
    const of = async (text: string) => (await resolveText(text, { components, env })).receivers[0]!;
    const [one, other] = [await of(SOUND), await of(SOUND.replace(c3, 'Other'))];
    expectNone(one.fingerprint);
    expect(one.fingerprint).to.not.equal(other.fingerprint);
    expect(one.fingerprint).to.equal(fingerprint(one.type, one.node));
  });

  it('on the command line is in no report', async () => {
    const sets = [`exporters.prometheusremotewrite.pasword=${c0}`, `a.token=${c1}`, `x.y=http://u:${c2}@h/`];
    const argv = ['validate', '--config', `yaml:${SOUND.replace('exporters:', 'exporter:')}`];
    const { stderr } = await runCli([...argv, ...sets.flatMap((set) => ['--set', set])], env);
    expectNone(stderr);
  });
});

const shows = (text: string, want: string) =>
  it(`${text} is shown as ${want}`, () => expect(redactUrls(text)).to.equal(want));

describe('a URL', () => {
  shows('https://u:p@h/w?apikey=S', 'https://[REDACTED]@h/w?apikey=[REDACTED]');
  shows('https://h/w?a=S,}&b=${env:B}&c=', 'https://h/w?a=[REDACTED],}&b=[REDACTED]&c=');
  shows('https://h/w?a=${env:A}SEKRET', 'https://h/w?a=[REDACTED]');
  shows('https://h?SEKRET', 'https://h?[REDACTED]');
  shows('/m?token=S&x=y', '/m?token=[REDACTED]&x=[REDACTED]');
  shows('(/metrics)?:(?P<port>.*)', '(/metrics)?:(?P<port>.*)');

  it('shows the values of its query neither in print-config nor under an issue', async () => {
    const text = SOUND.replace('${env:REMOTE}', 'https://h/w?sig=SEKRET').replace(
      'job_name: c',
      'job_name: c\n          metrics_path: /m?sig=SEKRET',
    );
    const { code, stdout } = await runCli(['print-config', '--config', `yaml:${text}`], env);
    expect(code).to.equal(0);
    expectNone(stdout, ['SEKRET']);
    expect(stdout).to.include('/m?sig=[REDACTED]').and.include('https://h/w?sig=[REDACTED]');
    const { issues, excerpts } = await resolveText(text.replaceAll(/(endpoint|metrics_path):/g, '$1x:'), {
      components,
      env,
    });
    expectNone(formatIssues(issues, excerpts), ['SEKRET']);
  });
});

describe('an issue', () => {
  it('names a scheme of authorization that has a section of its own', async () => {
    const { issues } = await resolveText(SOUND.replace('{credentials:', '{type: basic, credentials:'), {
      components,
      env,
    });
    expect(issues.map((issue) => issue.message)).to.deep.equal(['cannot be basic; use basic_auth']);
  });
});

describe('the line under an issue', () => {
  for (const line of ['proxy_connect_header: {a: [SEKRET7]}', 'datadog: {api: {key: SEKRET8}}']) {
    it(`masks ${line}`, async () => {
      const { issues, excerpts } = await resolveText(`exporters: {${line}}\n`, { components, env });
      const report = formatIssues(issues, excerpts);
      expect(report).to.include('[REDACTED]');
      expect(report).to.not.include('SEKRET');
    });
  }
});

/** A misspelt key, a wrong type, a tab, an open quote, a lost indentation. */
function breakages(line: string): string[] {
  return [
    line.replace(/(\w)(\w)(\w*:)/, '$2$1$3'),
    line.replace(/: .*$/, (value) => `: [${value.slice(2)}]`),
    `\t${line}`,
    `${line}"`,
    line.replace(/: /, ': "'),
    line.replace(/: /, ' '),
    line.slice(2),
    ` ${line}`,
    `${line} %`,
    `${line} }`,
    line.replace(/: /, ': !t '),
  ];
}
