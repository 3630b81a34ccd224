import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { labelsOf } from '#metrics';
import { closeServers, until } from '../../support/servers.ts';
import { advanceUntil, HOUR, reported, rig, samples, scrapeOf, snapshotWith, stopRigs, target } from './rig.ts';

/** With it thirty thousand lines are a page of more than two megabytes, which is read in turns. */
const LONG = 'label'.repeat(10);

describe('receivers/prometheus scrapes', () => {
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  it('a target hands on its samples and the five report series', async () => {
    const page = await target('# TYPE a counter\na{x="1"} 5\nb 2\n');
    const { scrape } = await rig([scrapeOf([page])]);
    const batch = await scrape();
    expect(samples(batch)).to.deep.equal({ 'a{x="1"}': 5, b: 2 });
    expect(reported(batch)).to.include({
      up: 1,
      scrape_samples_scraped: 2,
      scrape_samples_post_metric_relabeling: 2,
      scrape_series_added: 2,
    });
    expect(reported(batch).scrape_duration_seconds).to.equal(0);
    const { labels, family } = snapshotWith(batch, 'a').set.series[0]!;
    expect(labels).to.deep.equal(labelsOf({ __name__: 'a', instance: 'i', job: 'test', x: '1' }));
    expect(family).to.include({ name: 'a', type: 'counter' });
  });

  it('every set of a target, marks included, carries its scheme as a resource attribute', async () => {
    const page = await target('a 1\nb 2\n');
    const { scrape } = await rig([scrapeOf([page])]);
    const first = await scrape();
    page.body = 'a 1\n';
    for (const { set } of [...first, ...(await scrape())]) {
      expect(set.resource.attributes).to.deep.equal(['url.scheme', 'http']);
    }
  });

  it('an unchanged target gives the same series sets, and nothing is new', async () => {
    const page = await target('a 1\nb 2\n');
    const { scrape } = await rig([scrapeOf([page])]);
    const first = await scrape();
    page.body = 'a 10\nb 20\n';
    const second = await scrape();
    expect(second.map((s) => s.set)).to.have.ordered.members(first.map((s) => s.set));
    expect(samples(second)).to.deep.equal({ a: 10, b: 20 });
    expect(reported(second).scrape_series_added).to.equal(0);
  });

  it('a large page, which is read in turns, is told and marked stale as any other', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `large{number="${i}",more="${LONG}"} ${i}\n`);
    const page = await target(lines.join(''));
    const { scrape } = await rig([scrapeOf([page])]);
    const first = await scrape();
    expect(reported(first)).to.include({ up: 1, scrape_samples_scraped: 30_000, scrape_series_added: 30_000 });
    expect(samples(first)[`large{more="${LONG}",number="29999"}`]).to.equal(29_999);
    lines[7] = 'new 7\n';
    page.body = lines.join('');
    const second = await scrape();
    expect(reported(second)).to.include({ up: 1, scrape_series_added: 1 });
    expect(samples(second)).to.include({ new: 7, [`large{more="${LONG}",number="7"}`]: 'stale' });
    page.body = `${lines.join('')}not a sample`;
    const third = await scrape();
    expect(reported(third)).to.include({ up: 0, scrape_samples_scraped: 30_000 });
    expect(new Set(Object.values(samples(third)))).to.deep.equal(new Set(['stale']));
  });

  it('a large page beyond sample_limit fails as any other', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `large{number="${i}",more="${LONG}"} 1\n`);
    const page = await target(lines.join(''));
    const { scrape, host } = await rig([scrapeOf([page], { sample_limit: 10_000 })]);
    const batch = await scrape();
    expect(reported(batch)).to.include({ up: 0, scrape_samples_scraped: 30_000, scrape_series_added: 10_000 });
    expect(samples(batch)).to.deep.equal({});
    expect(String(host.logs.at(-1)!.fields.error)).to.include('sample_limit exceeded (samples: 30000, limit: 10000)');
  });

  it('a new series leaves the others the same objects', async () => {
    const page = await target('a 1\nc 3\n');
    const { scrape } = await rig([scrapeOf([page])]);
    const first = snapshotWith(await scrape(), 'a').set.series;
    page.body = 'a 1\nb 2\nc 3\n';
    const batch = await scrape();
    const second = snapshotWith(batch, 'a').set.series;
    expect([second[0], second[2]]).to.have.ordered.members([...first]);
    expect(reported(batch).scrape_series_added).to.equal(1);
  });

  it('timestamps are exactly an interval apart', async () => {
    const page = await target('a 1\n');
    const { scrape } = await rig([scrapeOf([page])]);
    const times = [await scrape(), await scrape(), await scrape()].map((batch) => snapshotWith(batch, 'a').time);
    expect([times[1]! - times[0]!, times[2]! - times[1]!]).to.deep.equal([HOUR, HOUR]);
  });

  it('the request says what Prometheus says', async () => {
    const page = await target('a 1\n');
    const { scrape } = await rig([scrapeOf([page], { params: { x: ['1', '2'] }, metrics_path: '/m' })]);
    await scrape();
    const { url, headers } = page.requests[0]!;
    expect(url).to.equal('/m?x=1&x=2');
    expect(headers).to.include({
      'accept-encoding': 'gzip',
      'user-agent': 'dnscol/0.0.0-test',
      'x-prometheus-scrape-timeout-seconds': '3600',
    });
    expect(headers.accept).to.match(/^application\/openmetrics-text;version=1\.0\.0;escaping=allow-utf-8;q=0\.6,/);
  });

  it('enable_compression false asks for identity, true takes gzip', async () => {
    const [plain, packed] = [await target('a 1\n'), await target(gzipSync('b 2\n'))];
    packed.headers['content-encoding'] = 'gzip';
    const { scrape } = await rig([
      scrapeOf([plain], { enable_compression: false }),
      scrapeOf([packed], { job_name: 'packed' }),
    ]);
    expect(samples(await scrape(2))).to.deep.equal({ a: 1, b: 2 });
    expect(plain.requests[0]!.headers['accept-encoding']).to.equal('identity');
  });

  it('gzip that was not asked for is unpacked, and nothing else is', async () => {
    const [packed, brotli] = [await target(gzipSync('a 1\n')), await target(brotliCompressSync('b 1\n'))];
    packed.headers['content-encoding'] = 'gzip';
    brotli.headers['content-encoding'] = 'br';
    const { scrape, host } = await rig([
      scrapeOf([packed, brotli], { enable_compression: false, body_size_limit: '4KiB' }),
    ]);
    expect(samples(await scrape(2))).to.deep.equal({ a: 1 });
    expect(packed.requests[0]!.headers['accept-encoding']).to.equal('identity');
    expect(String(host.logs.at(-1)!.fields.error)).to.include('Content-Encoding br, not asked for');
    packed.body = gzipSync(`a 1\n${'# \n'.repeat(10_000)}`);
    await scrape(2);
    expect(String(host.logs.at(-1)!.fields.error)).to.include('the page has 4096 bytes or more');
  });

  it('scrapes of one target share a connection', async () => {
    const page = await target('a 1\n');
    const { scrape } = await rig([scrapeOf([page])]);
    for (let i = 0; i < 3; i++) await scrape();
    expect([page.requests.length, page.made]).to.deep.equal([3, 1]);
  });

  it('OpenMetrics is read by its Content-Type', async () => {
    const page = await target('# TYPE a counter\na_total 5\n# EOF\n');
    page.headers['content-type'] = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
    const { scrape } = await rig([scrapeOf([page])]);
    const { family } = snapshotWith(await scrape(), 'a_total').set.series[0]!;
    expect(family).to.include({ name: 'a', type: 'counter' });
  });

  it('external labels are on every sample, over what it has', async () => {
    const page = await target('a{cluster="own"} 1\n');
    const { scrape } = await rig([scrapeOf([page])], { global: { external_labels: { cluster: 'c', n: 1 } } });
    const batch = await scrape();
    expect(samples(batch)).to.deep.equal({ 'a{cluster="c",n="1"}': 1 });
    const up = snapshotWith(batch, 'up').set.series[0]!.labels;
    expect(up).to.deep.equal(labelsOf({ __name__: 'up', cluster: 'c', instance: 'i', job: 'test', n: '1' }));
  });

  it('metric_relabel_configs drop and change series; the index picks the values', async () => {
    const page = await target('a 1\nb 2\nc{x="y"} 3\n');
    const { scrape } = await rig([
      scrapeOf([page], {
        metric_relabel_configs: [
          { source_labels: ['__name__'], regex: 'a', action: 'drop' },
          { regex: 'x', action: 'labeldrop' },
        ],
      }),
    ]);
    const batch = await scrape();
    expect(samples(batch)).to.deep.equal({ b: 2, c: 3 });
    expect(reported(batch)).to.include({ scrape_samples_scraped: 3, scrape_samples_post_metric_relabeling: 2 });
    page.body = 'a 10\nb 20\nc{x="y"} 30\n';
    expect(samples(await scrape())).to.deep.equal({ b: 20, c: 30 });
  });

  it('of two samples of one series the first counts, and the other is counted', async () => {
    const page = await target('a{x="1"} 1\na{x="2"} 2\nb 3\n');
    const { scrape, host } = await rig([
      scrapeOf([page], { metric_relabel_configs: [{ regex: 'x', action: 'labeldrop' }] }),
    ]);
    const batch = await scrape();
    expect(samples(batch)).to.deep.equal({ a: 1, b: 3 });
    expect(reported(batch)).to.include({ up: 1, scrape_samples_post_metric_relabeling: 3 });
    expect(host.metric('prometheus_target_scrapes_sample_duplicate_timestamp_total')).to.equal(1);
  });

  it('a scrape that takes too long fails, and the next one comes', async () => {
    const page = await target('a 1\n');
    page.answer = () => {};
    const { clock, out, host } = await rig([scrapeOf([page], { scrape_interval: '2m', scrape_timeout: '1m' })]);
    // Small steps: each leaves a real answer the time to come.
    const untilUp = (up: number) =>
      advanceUntil(clock, 1000, () => out.batches.some((batch) => reported(batch).up === up));
    await untilUp(0);
    expect(String(host.logs[0]!.fields.error)).to.include('timed out after 60 s');
    page.answer = undefined;
    await untilUp(1);
  });

  it('targets do not wait for one another', async () => {
    const [silent, quick] = [await target(), await target('a 1\n')];
    silent.answer = () => {};
    const { scrape } = await rig([scrapeOf([silent]), scrapeOf([quick], { job_name: 'quick' })]);
    expect(samples(await scrape())).to.deep.equal({ a: 1 });
  });

  it('nothing is scraped while the samples before are being taken; then at once, and what is left out is counted', async () => {
    const page = await target('a 1\n');
    const { clock, out, host } = await rig([scrapeOf([page])]);
    let take = () => {};
    const consume = out.consume.bind(out);
    out.consume = (batch, signal) =>
      new Promise((resolve, reject) => {
        take = () => void consume(batch, signal).then(resolve, reject);
      });
    await clock.advance(HOUR);
    await until(() => page.requests.length === 1);
    await clock.advance(2 * HOUR);
    expect(page.requests).to.have.length(1);
    await until(() => {
      take();
      return out.batches.length === 1;
    });
    await clock.advance(0);
    expect(host.metric('dnscol_prometheus_scrapes_skipped_total', { scrape_job: 'test' })).to.equal(1);
    await until(() => page.requests.length === 2);
  });

  it('scrape_on_shutdown scrapes once more', async () => {
    const page = await target('a 1\n');
    const { scrape, stop, out } = await rig([scrapeOf([page])], { receiver: { scrape_on_shutdown: true } });
    await scrape();
    page.body = 'a 2\n';
    await stop();
    expect(samples(out.batches.at(-1)!)).to.deep.equal({ a: 2 });
  });

  it('initial_scrape_offset holds the first scrape back', async () => {
    const page = await target('a 1\n');
    const { clock, out, scrape } = await rig([scrapeOf([page])], { receiver: { initial_scrape_offset: '1h' } });
    await clock.advance(HOUR - 1);
    expect(out.batches).to.deep.equal([]);
    expect(reported(await scrape()).up).to.equal(1);
  });

  it('extra_scrape_metrics adds three', async () => {
    const page = await target('a 1\n');
    const { scrape } = await rig([scrapeOf([page], { extra_scrape_metrics: true, sample_limit: 7 })]);
    expect(reported(await scrape())).to.include({
      scrape_timeout_seconds: 3600,
      scrape_sample_limit: 7,
      scrape_body_size_bytes: 4,
    });
  });
});
