import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Issue, nodeOf } from '#config';
import { collectGarbage } from '#kit';
import { labelMap, labelsOf, labelValue } from '#metrics';
import prometheus from '../../../receivers/prometheus/prometheus.ts';
import { targetUrl } from '../../../src/prometheus/scrape/target.ts';
import { closeServers, until } from '../../support/servers.ts';
import {
  advanceUntil,
  HOUR,
  type Rig,
  reported,
  rig,
  samples,
  scrapeOf,
  snapshotWith,
  stopRigs,
  target,
} from './rig.ts';

describe('receivers/prometheus targets', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-targets-'));
  });
  afterEach(async () => {
    await stopRigs();
    await closeServers();
    rmSync(folder, { recursive: true });
  });

  const write = (name: string, groups: unknown) => {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, typeof groups === 'string' ? groups : JSON.stringify(groups));
    renameSync(`${path}.new`, path);
    return path;
  };
  const fromFiles = (more: object = {}) => ({
    job_name: 'files',
    file_sd_configs: [{ files: [join(folder, '*.json')] }],
    ...more,
  });
  const active = ({ host }: Rig) => host.metric('prometheus_target_scrape_pool_targets', { scrape_job: 'files' });
  /** Lets what the folder's watch has seen take effect. */
  const settle = (running: Rig, count: number) => advanceUntil(running.clock, 100, () => active(running) === count);

  it('are none whose address is another way to write an address, which a rule would not know', async () => {
    const odd = [
      '0x7f.1',
      '2130706433',
      '0177.0.0.1',
      '127.1',
      '127.0.0.1.',
      '127%2e0.0.1',
      '１２７.0.0.1',
      '127。0。0。1',
    ];
    const fine = [
      '127.0.0.1:80',
      '127.0.0.1',
      '[::1]:9100',
      '[0:0::1]',
      'LocalHost:1',
      'a_b.example.',
      'bücher.example:80',
    ];
    const one = (address: string) => {
      const labels = labelsOf({ __address__: address, __scheme__: 'http', __metrics_path__: '/' });
      return () => targetUrl(labels, new Map());
    };
    for (const address of [...odd, ...odd.map((host) => `${host}:9100`)]) {
      expect(one(address), address).to.throw(`${JSON.stringify(address)} is not a valid hostname`);
    }
    for (const address of fine) expect(one(address), address).not.to.throw();
  });

  it('come from files, with labels that relabelling may use', async () => {
    const page = await target('a 1\n');
    const path = write('one.json', [{ targets: [page.address], labels: { env: 'x' } }]);
    const { scrape } = await rig([
      fromFiles({ relabel_configs: [{ source_labels: ['__meta_filepath'], target_label: 'file' }] }),
    ]);
    const { labels } = snapshotWith(await scrape(), 'a').set.series[0]!;
    expect(Object.fromEntries(labelMap(labels))).to.deep.equal({
      __name__: 'a',
      env: 'x',
      file: path,
      instance: page.address,
      job: 'files',
    });
  });

  it('appear and vanish with their files', async () => {
    const [one, two] = [await target('a 1\n'), await target('b 1\n')];
    write('one.json', [{ targets: [one.address] }]);
    const running = await rig([fromFiles()]);
    expect(active(running)).to.equal(1);
    const path = write('two.json', [{ targets: [two.address] }]);
    await settle(running, 2);
    rmSync(path);
    await settle(running, 1);
  });

  it('stay when their file is broken, which is said once and counted', async () => {
    const page = await target('a 1\n');
    write('one.json', [{ targets: [page.address] }]);
    const running = await rig([fromFiles()]);
    write('one.json', '[{ "targets": ');
    const errors = () => running.host.metric('prometheus_sd_file_read_errors_total')!;
    await advanceUntil(running.clock, 100, () => errors() > 0);
    expect(active(running)).to.equal(1);
    const before = errors();
    await running.clock.advance(300_000);
    await until(() => errors() > before);
    expect(running.host.logs.filter((entry) => entry.level === 'error')).to.have.length(1);
  });

  it('that are gone have their series marked stale two intervals later', async () => {
    const page = await target('a 1\n');
    const path = write('one.json', [{ targets: [page.address] }]);
    const running = await rig([fromFiles()]);
    const { time } = snapshotWith(await running.scrape(), 'a');
    rmSync(path);
    await settle(running, 0);
    await running.clock.advance(time + 2.1 * HOUR - 1000 - running.clock.now());
    expect(running.out.batches).to.have.length(1);
    await running.clock.advance(2000);
    const batch = running.out.batches[1]!;
    expect(samples(batch)).to.deep.equal({ a: 'stale' });
    expect(reported(batch)).to.deep.equal({
      up: 'stale',
      scrape_duration_seconds: 'stale',
      scrape_samples_scraped: 'stale',
      scrape_samples_post_metric_relabeling: 'stale',
      scrape_series_added: 'stale',
    });
    expect(snapshotWith(batch, 'a').time).to.equal(time + HOUR);
  });

  it('that come back in time go on where they were', async () => {
    const page = await target('a 1\nb 1\n');
    write('one.json', [{ targets: [page.address] }]);
    const running = await rig([fromFiles()]);
    const first = snapshotWith(await running.scrape(), 'a').set;
    write('one.json', []);
    await settle(running, 0);
    await running.clock.advance(HOUR / 2);
    write('one.json', [{ targets: [page.address] }]);
    await settle(running, 1);
    page.body = 'a 2\n';
    const batch = await running.scrape();
    expect(samples(batch)).to.deep.equal({ a: 2, b: 'stale' });
    expect(snapshotWith(batch, 'a').set.series[0]).to.equal(first.series[0]);
    await running.clock.advance(3 * HOUR);
    expect(running.out.batches.map(reported).some((report) => report.up === 'stale')).to.equal(false);
  });

  it('that cannot be scraped are named once and counted; the others are scraped', async () => {
    const page = await target('a 1\n');
    write('one.json', [{ targets: ['http://bad', page.address], labels: {} }]);
    const running = await rig([fromFiles()]);
    expect(active(running)).to.equal(1);
    expect(running.host.metric('prometheus_target_sync_failed_total')).to.equal(1);
    const [entry] = running.host.logs;
    expect(entry?.fields.error).to.match(/^target 0 of .*one\.json:0: "http:\/\/bad" is not a valid hostname$/);
  });

  it('with the same labels are one', async () => {
    const page = await target('a 1\n');
    const { host } = await rig([scrapeOf([page, page])]);
    expect(host.metric('prometheus_target_scrape_pool_targets', { scrape_job: 'test' })).to.equal(1);
  });

  it('that relabelling drops are not scraped', async () => {
    const page = await target('a 1\n');
    const relabel_configs = [{ source_labels: ['env'], regex: 'no', action: 'drop' }];
    const { host } = await rig([
      scrapeOf([page], { relabel_configs }),
      scrapeOf([page], { relabel_configs, job_name: 'other' }, { env: 'no' }),
    ]);
    expect(host.metric('prometheus_target_scrape_pool_targets', { scrape_job: 'other' })).to.equal(0);
    expect(host.metric('dnscol_prometheus_targets_dropped', { scrape_job: 'other' })).to.equal(1);
  });

  it('may come from scrape_config_files', async () => {
    const page = await target('a 1\n');
    const path = write(
      'more.yml',
      `scrape_configs:\n  - job_name: more\n    static_configs: [{targets: ['${page.address}']}]\n`,
    );
    const { scrape } = await rigWithFiles(path);
    expect(labelValue(snapshotWith(await scrape(), 'a').set.series[0]!.labels, 'job')).to.equal('more');
  });

  it('of a broken scrape_config_file are reported with its own place, as soon as the configuration is read', () => {
    const path = write('more.yml', 'scrape_configs:\n  - job_nam: more\n');
    expect(faultsWithFiles(path)).to.deep.include({
      path: 'scrape_configs[0].job_nam',
      message: 'is not an option; did you mean job_name?',
      place: { file: path, line: 2, column: 5, length: 7 },
    });
  });

  it('of scrape_config_files that are not there are none', () => {
    expect(faultsWithFiles(join(tmpdir(), 'no', 'such.yml'))).to.deep.equal([]);
    expect(faultsWithFiles(tmpdir()).map(({ path, message }) => `${path} ${message}`)).to.deep.equal([
      `config.scrape_config_files cannot read the scrape configurations in ${tmpdir()}: EISDIR: illegal operation on a directory, read`,
    ]);
  });

  const rigWithFiles = (path: string) => rig([], { config: { scrape_config_files: [path] } });

  function faultsWithFiles(path: string): Issue[] {
    const issues: Issue[] = [];
    const issue = (path: string, message: string, place: Issue['place']) => issues.push({ path, message, place });
    prometheus.config.read(nodeOf({ config: { scrape_config_files: [path] } }), '', { issue, warn() {} });
    return issues;
  }

  it('cost less than 3 KB of heap each, before they are scraped', async () => {
    const heapUsed = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const targets = Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i % 256}:9153`);
    const before = heapUsed();
    const { host } = await rig([{ job_name: 'many', static_configs: [{ targets, labels: { a: 'b' } }] }]);
    expect((heapUsed() - before) / targets.length).to.be.below(3000);
    expect(host.metric('prometheus_target_scrape_pool_targets', { scrape_job: 'many' })).to.equal(targets.length);
  });
});
