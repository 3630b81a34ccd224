import { expect } from 'chai';
import { INVALID, nodeOf, parse, parseYaml } from '#config';
import { type PrometheusConfig, prometheusConfig, type ScrapeConfig } from '#prometheus';

/** Issues and warnings of a configuration, each `line path: message`. */
function read(yaml: string): { config: PrometheusConfig | undefined; issues: string[]; warnings: string[] } {
  const issues: string[] = [];
  const warnings: string[] = [];
  const config = prometheusConfig.read(parseYaml(yaml, 'test').root ?? nodeOf(null), '', {
    issue: (path, message, place) => issues.push(`${place.line} ${path}: ${message}`),
    warn: (path, message, place) => warnings.push(`${place.line} ${path}: ${message}`),
  });
  return { config: config === INVALID ? undefined : config, issues, warnings };
}

const scrapeOf = (scrape: object, global: object = {}): ScrapeConfig =>
  parse(prometheusConfig, { global, scrape_configs: [{ job_name: 'a', ...scrape }] }).scrapes[0]!;

describe('prometheus/config', () => {
  it('has the defaults of Prometheus', () => {
    expect(scrapeOf({})).to.include({
      job: 'a',
      interval: 60_000,
      timeout: 10_000,
      metricsPath: '/metrics',
      scheme: 'http',
      honorLabels: false,
      honorTimestamps: true,
      trackTimestampsStaleness: false,
      compression: true,
      fallbackProtocol: 'PrometheusText0.0.4',
      escaping: 'allow-utf-8',
      validation: 'utf8',
      extraMetrics: false,
    });
  });

  const inherits = (title: string, scrape: object, global: object, want: Partial<ScrapeConfig>) =>
    it(title, () => expect(scrapeOf(scrape, global)).to.deep.include(want));
  inherits(
    "takes global's interval and timeout",
    {},
    { scrape_interval: '15s', scrape_timeout: '5s' },
    { interval: 15_000, timeout: 5000 },
  );
  inherits(
    "cuts an inherited timeout to the job's interval",
    { scrape_interval: '2s' },
    {},
    { interval: 2000, timeout: 2000 },
  );
  inherits(
    "cuts the default timeout to global's interval",
    {},
    { scrape_interval: '5s' },
    { interval: 5000, timeout: 5000 },
  );
  inherits(
    'keeps its own interval',
    { scrape_interval: '50s', scrape_timeout: '20s' },
    { scrape_interval: '15s' },
    { interval: 50_000, timeout: 20_000 },
  );
  inherits(
    'escapes as its own validation scheme needs',
    { metric_name_validation_scheme: 'legacy' },
    {},
    { escaping: 'underscores', validation: 'legacy' },
  );
  inherits(
    "takes global's schemes",
    {},
    { metric_name_validation_scheme: 'legacy' },
    { escaping: 'underscores', validation: 'legacy' },
  );
  inherits(
    'takes limits from global where it has none',
    { sample_limit: 5 },
    { sample_limit: 9, label_limit: 7, body_size_limit: '1KB' },
    {
      limits: {
        bodySize: 1024,
        samples: 5,
        targets: 0,
        labels: 7,
        labelName: 0,
        labelValue: 0,
        buckets: 0,
        bucketFactor: 0,
      },
    },
  );

  const forms = (title: string, scrape: object, global: object, want: ScrapeConfig['nativeLabels']) =>
    it(`wants histograms ${title}`, () => expect(scrapeOf(scrape, global).nativeLabels).to.deep.equal(want));
  const ALL = {
    scrape_native_histograms: true,
    always_scrape_classic_histograms: true,
    convert_classic_histograms_to_nhcb: true,
  };
  forms('as they are on text pages, by default', {}, {}, { native: false, classic: false, convert: false });
  forms("as global says where the scrape configuration doesn't", {}, ALL, {
    native: true,
    classic: true,
    convert: true,
  });
  forms(
    'as the scrape configuration says',
    {
      scrape_native_histograms: false,
      always_scrape_classic_histograms: false,
      convert_classic_histograms_to_nhcb: false,
    },
    ALL,
    { native: false, classic: false, convert: false },
  );
  forms(
    "in the classic form, too, by Prometheus 2's option",
    { scrape_classic_histograms: true },
    {},
    {
      native: false,
      classic: true,
      convert: false,
    },
  );

  it("takes numbers and bools for text as they were written, by Prometheus' YAML rules", () => {
    const { config, issues } = read(`
global:
  external_labels: {version: 1.0, flag: true, octal: 0123, none: }
scrape_configs:
- job_name: 7
  params: {module: [1.50]}
  static_configs: [{targets: [a:1], labels: {port: 0x10}}]
`);
    expect(issues).to.deep.equal([]);
    expect([...config!.global.external_labels]).to.deep.equal([
      ['version', '1.0'],
      ['flag', 'true'],
      ['octal', '0123'],
      ['none', ''],
    ]);
    const [scrape] = config!.scrapes;
    expect([scrape!.job, scrape!.params.get('module')]).to.deep.equal(['7', ['1.50']]);
    expect([...scrape!.groups[0]!.labels]).to.deep.equal([['port', '0x10']]);
  });

  const refuses = (title: string, yaml: string, ...want: string[]) =>
    it(`refuses ${title}`, () => expect(read(yaml).issues).to.deep.equal(want));
  const job = (more: string) => `scrape_configs:\n- job_name: a\n  ${more}\n`;
  refuses('a job without a name', 'scrape_configs:\n- metrics_path: /\n', '2 scrape_configs[0].job_name: is missing');
  refuses(
    'two jobs of one name',
    'scrape_configs:\n- job_name: a\n- job_name: a\n',
    '3 scrape_configs[1].job_name: "a" is another scrape configuration\'s job_name',
  );
  refuses(
    'all that is wrong at once, whatever else could not be read',
    `scrape_configs:
- {job_name: a, honor_labels: 7}
- {job_name: a, scrape_timeout: 2m, nonsense: 1}
- {job_name: b, basic_auth: {username: u}, bearer_token: t, scrape_interval: never, oauth2: {x: y}}
`,
    '2 scrape_configs[0].honor_labels: must be true or false, not the number 7',
    '3 scrape_configs[1].nonsense: is not an option',
    '4 scrape_configs[2].scrape_interval: must be a duration such as 30s or 1m30s, not the string "never": not a valid duration string: "never"',
    '4 scrape_configs[2].oauth2.x: is not an option',
    '4 scrape_configs[2].oauth2.client_id: is missing',
    '4 scrape_configs[2].oauth2.token_url: is missing',
    '4 scrape_configs[2].bearer_token: at most one of basic_auth, oauth2, bearer_token may be given',
    '4 scrape_configs[2].oauth2: at most one of basic_auth, oauth2, authorization may be given',
    '3 scrape_configs[1].job_name: "a" is another scrape configuration\'s job_name',
    '3 scrape_configs[1].scrape_timeout: is greater than scrape_interval',
  );
  refuses(
    'an empty scrape configuration',
    'scrape_configs:\n-\n',
    '2 scrape_configs[0]: is an empty scrape configuration',
  );
  refuses(
    'a timeout longer than the interval',
    job('scrape_timeout: 2m'),
    '3 scrape_configs[0].scrape_timeout: is greater than scrape_interval',
  );
  refuses(
    "a global timeout longer than global's interval",
    'global:\n  scrape_timeout: 2m\n',
    '2 global.scrape_timeout: is greater than scrape_interval',
  );
  refuses(
    'a discovery that dnscol does not have, naming those it has',
    job('consul_sd_configs: [{server: x}]'),
    '3 scrape_configs[0].consul_sd_configs: is not supported; there are static_configs, file_sd_configs, dns_sd_configs, http_sd_configs and kubernetes_sd_configs',
  );
  refuses(
    'headers for a proxy that there is not',
    job('proxy_connect_header: {x: [a]}'),
    '3 scrape_configs[0].proxy_connect_header: needs proxy_url or proxy_from_environment',
  );
  refuses(
    'headers for a proxy that would break its request',
    job('proxy_url: http://p:1\n  proxy_connect_header: {Host: [a], x: ["a\\nb"]}'),
    '4 scrape_configs[0].proxy_connect_header.Host: is a header that may not be set here',
    '4 scrape_configs[0].proxy_connect_header.x[0]: holds what no header may hold',
  );
  refuses(
    'what oauth2 lacks, and what belongs to a grant that is not there',
    job('oauth2: {client_secret: a, client_secret_file: b, grant_type: x, claims: {a: 1}, iss: y}'),
    '3 scrape_configs[0].oauth2.claims: is not supported: it belongs to the grant type jwt-bearer',
    '3 scrape_configs[0].oauth2.iss: is not supported: it belongs to the grant type jwt-bearer',
    '3 scrape_configs[0].oauth2.client_id: is missing',
    '3 scrape_configs[0].oauth2.grant_type: is not supported: client_credentials is',
    '3 scrape_configs[0].oauth2.token_url: is missing',
    '3 scrape_configs[0].oauth2.client_secret_file: at most one of client_secret, client_secret_file may be given',
  );
  refuses(
    'oauth2 beside basic_auth',
    job('basic_auth: {username: u}\n  oauth2: {client_id: x, token_url: "http://a/"}'),
    '4 scrape_configs[0].oauth2: at most one of basic_auth, oauth2, authorization may be given',
  );
  refuses(
    'a key that is none, with the nearest',
    job('static_config: []'),
    '3 scrape_configs[0].static_config: is not an option; did you mean static_configs?',
  );
  refuses(
    'a URL for a target',
    job('static_configs: [{targets: [a:1, "http://b"]}]'),
    '3 scrape_configs[0].static_configs[0].targets[1]: must be host or host:port, not "http://b"',
  );
  refuses(
    'what belongs to the Prometheus server',
    'rule_files: [a]\nremote_write: [{url: x}]\n',
    '1 rule_files: is not for a receiver: rules and alerts belong to Prometheus itself',
    '2 remote_write: is not for a receiver: use a prometheusremotewrite exporter',
  );
  refuses(
    'a file of targets with an odd name',
    job('file_sd_configs: [{files: ["*/a.json"]}]'),
    '3 scrape_configs[0].file_sd_configs[0].files[0]: must end in .json, .yml or .yaml, with * only in its last part',
  );
  refuses(
    'a size without a unit',
    job('body_size_limit: 100'),
    '3 scrape_configs[0].body_size_limit: must be a size with its unit, such as 15MB, not the number 100',
  );
  refuses(
    'credentials of two kinds',
    job('basic_auth: {username: u}\n  authorization: {credentials: c}'),
    '4 scrape_configs[0].authorization: at most one of basic_auth, oauth2, authorization may be given',
  );
  refuses(
    'a target label that the legacy scheme refuses',
    job('metric_name_validation_scheme: legacy\n  relabel_configs: [{target_label: a.b}]'),
    '4 scrape_configs[0].relabel_configs[0].target_label: is not a label name that the legacy scheme takes',
  );

  it('takes empty sections of the server, and warns of those that have no effect', () => {
    const { issues, warnings } = read('rule_files: []\nalerting:\nstorage: {tsdb: {}}\n');
    expect(issues).to.deep.equal([]);
    expect(warnings).to.deep.equal(['3 storage: has no effect: it belongs to the Prometheus server']);
  });

  it('never quotes a secret', () => {
    const { issues } = read(job('basic_auth: {password: [hunter2]}\n  bearer_token: hunter2\n  proxy_url: "hunter2"'));
    expect(issues).not.to.deep.equal([]);
    expect(issues.join('\n')).not.to.include('hunter2');
  });
});
