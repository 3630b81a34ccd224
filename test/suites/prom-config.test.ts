/** Prometheus' own good and bad configurations, under `config` of the receiver. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError, type Issue, parseYaml } from '#config';
import { prometheusConfig, readScrapeFiles } from '#prometheus';
import { suite } from '../support/suites.ts';

const promConfig = suite('prom-config');
const FOLDER = promConfig.path('testdata');

/** Every issue of a file, those of the scrape_config_files that it names included. */
function issuesOf(file: string): Issue[] {
  const { root, issues: faults } = parseYaml(readFileSync(join(FOLDER, file), 'utf8'), file);
  const issues = [...faults];
  const note = (path: string, message: string, place: Issue['place']) => issues.push({ path, message, place });
  const config = root && prometheusConfig.read(root, '', { issue: note, warn() {} });
  if (config && typeof config !== 'symbol') {
    const scrapeFiles = config.scrapeFiles.map((pattern) => join(FOLDER, pattern));
    try {
      readScrapeFiles({ ...config, scrapeFiles });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      issues.push(...error.issues);
    }
  }
  return issues;
}

/** What a good Prometheus configuration may hold and a receiver does not take; the report says so in one clear line. */
const OUT_OF_SCOPE = /^(is not supported; there are static_configs, |is not for a receiver)/;

describe('the prom-config suite', () => {
  const files = readdirSync(FOLDER);

  for (const file of files.filter((name) => name.endsWith('.bad.yml'))) {
    promConfig.holds(file, () => {
      const issues = issuesOf(file);
      expect(issues).not.to.deep.equal([]);
      for (const { path, message } of issues) expect(path || message).not.to.equal('');
    });
  }

  for (const file of files.filter((name) => name.endsWith('.good.yml'))) {
    promConfig.holds(file, () => {
      const issues = issuesOf(file);
      expect(issues.filter(({ message }) => !OUT_OF_SCOPE.test(message))).to.deep.equal([]);
    });
  }

  it('has no expected error that is not among its bad files', () => {
    const expected = promConfig.json<{ file: string }[]>('expected-errors.json').map(({ file }) => file);
    expect(expected.filter((file) => !files.includes(file))).to.deep.equal([]);
  });

  promConfig.listIsCurrent();
});
