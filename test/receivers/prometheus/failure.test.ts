import { expect } from 'chai';
import { MemoryShortError, PermanentError } from '#component';
import { type Batch, isStale, seriesName } from '#metrics';
import { closeServers, until } from '../../support/servers.ts';
import { HOUR, reported, rig, samples, scrapeOf, snapshotWith, stopRigs, target } from './rig.ts';

describe('receivers/prometheus when something is wrong', () => {
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  it('a failed scrape is up 0 and marks every series stale, in the set it had', async () => {
    const page = await target('a 1\nb 2\n');
    const { scrape } = await rig([scrapeOf([page])]);
    const set = snapshotWith(await scrape(), 'a').set;
    page.status = 500;
    const failed = await scrape();
    expect(reported(failed)).to.include({ up: 0, scrape_samples_scraped: 0, scrape_series_added: 0 });
    expect(samples(failed)).to.deep.equal({ a: 'stale', b: 'stale' });
    expect(snapshotWith(failed, 'a').set).to.equal(set);
    expect(samples(await scrape()), 'the marks go out once').to.deep.equal({});
    page.status = 200;
    const back = await scrape();
    expect(samples(back)).to.deep.equal({ a: 1, b: 2 });
    expect(reported(back)).to.include({ up: 1, scrape_series_added: 0 });
  });

  it('a vanished series is marked stale once', async () => {
    const page = await target('a 1\nb 2\n');
    const { scrape } = await rig([scrapeOf([page])]);
    await scrape();
    page.body = 'a 1\n';
    expect(samples(await scrape())).to.deep.equal({ a: 1, b: 'stale' });
    expect(samples(await scrape())).to.deep.equal({ a: 1 });
  });

  it('marks come before the samples, but behind them where samples have times of their own', async () => {
    const page = await target('a 1\nb 2\n');
    const { scrape } = await rig([scrapeOf([page])]);
    await scrape();
    page.body = 'a 1\n';
    const first = (batch: Batch) => batch.map(({ set }) => seriesName(set.series[0]!)).slice(0, 2);
    expect(first(await scrape())).to.deep.equal(['b', 'a']);
    page.body = 'c 1 1700000000000\n';
    expect(first(await scrape())).to.deep.equal(['c', 'a']);
  });

  it('a series whose type changes is not marked stale', async () => {
    const page = await target('# TYPE a gauge\na 1\n');
    const { scrape } = await rig([scrapeOf([page])]);
    await scrape();
    page.body = '# TYPE a counter\na 2\n';
    expect(samples(await scrape())).to.deep.equal({ a: 2 });
  });

  it('marks that were refused are sent again', async () => {
    const page = await target('a 1\nb 2\n');
    const { scrape, out, clock, host } = await rig([scrapeOf([page])]);
    await scrape();
    page.body = 'a 1\n';
    out.fail = new PermanentError('no');
    await clock.advance(HOUR);
    await until(() => host.logs.some((entry) => entry.message === 'samples of a scrape were refused'));
    out.fail = undefined;
    expect(samples(await scrape())).to.deep.equal({ a: 1, b: 'stale' });
  });

  it('when memory is short, what makes the next scrape cheap is given back, and no page is asked for until something is taken', async () => {
    const page = await target('a 1\nb 1\n');
    const { scrape, out, clock, host } = await rig([scrapeOf([page])]);
    const refused = () => host.logs.filter((entry) => entry.message === 'samples of a scrape were refused').length;
    const first = snapshotWith(await scrape(), 'a').set;
    expect(snapshotWith(await scrape(), 'a').set).to.equal(first);
    out.fail = new Error('wrapped', { cause: new MemoryShortError('memory is short') });
    for (const times of [1, 2]) {
      await clock.advance(HOUR);
      await until(() => refused() === times);
    }
    expect(page.requests).to.have.length(3);
    out.fail = undefined;
    const instead = await scrape();
    expect(reported(instead).up).to.equal(0);
    expect(samples(instead)).to.deep.equal({ a: 'stale', b: 'stale' });
    expect(page.requests).to.have.length(3);
    const after = await scrape();
    expect(snapshotWith(after, 'a').set).not.to.equal(first);
    expect(samples(after)).to.deep.equal({ a: 1, b: 1 });
    expect(host.logs.filter((entry) => entry.message.startsWith('scrape '))).to.deep.equal([]);
  });

  it('the reason is logged when it changes, not at each scrape', async () => {
    const page = await target('a 1\n');
    const { scrape, host } = await rig([scrapeOf([page])]);
    const messages = () => host.logs.filter((entry) => entry.level !== 'debug').map((entry) => entry.message);
    page.status = 503;
    await scrape();
    await scrape();
    expect(messages()).to.deep.equal(['scrape failed']);
    expect(String(host.logs[0]!.fields.error)).to.include('server returned HTTP status 503');
    expect(host.metric('dnscol_prometheus_scrapes_failed_total')).to.equal(2);
    expect(host.metric('dnscol_prometheus_targets_down', { scrape_job: 'test' })).to.equal(1);
    page.status = 200;
    await scrape();
    expect(messages()).to.deep.equal(['scrape failed', 'scrape succeeds again']);
    // However many targets change at once, each is named.
    expect(host.logs.filter((log) => log.message.startsWith('scrape ')).map((log) => log.manner)).to.deep.equal([
      { always: true },
      { always: true },
    ]);
    expect(host.metric('dnscol_prometheus_targets_down')).to.equal(0);
  });

  it('a target that is not there is up 0 and leaves the receiver well', async () => {
    const page = await target();
    await page.close();
    const { scrape, host } = await rig([scrapeOf([page])]);
    expect(reported(await scrape()).up).to.equal(0);
    expect(host.statuses.map((status) => status.status)).to.deep.equal(['ok']);
  });

  const fails = (name: string, body: string | Buffer, config: object, want: object, counter?: string) =>
    it(`${name} fails the scrape`, async () => {
      const page = await target(body);
      const { scrape, host } = await rig([scrapeOf([page], config)]);
      const batch = await scrape();
      expect(samples(batch)).to.deep.equal({});
      expect(reported(batch)).to.include({ up: 0, ...want });
      if (counter) expect(host.metric(counter)).to.equal(1);
    });

  fails('a page that cannot be parsed', 'a 1\n1234notvali}{ 444\n', {}, {});
  fails('a label given twice', 'ok 1\na{x="1",x="2"} 1\n', {}, {});
  fails('a sample without a name', '{x="1"} 1\n', {}, {});
  fails(
    'relabelling that takes the name',
    'a 1\n',
    { metric_relabel_configs: [{ regex: '__name__', action: 'labeldrop' }] },
    {},
  );
  fails('a name that the legacy scheme refuses', '{"a.b"} 1\n', { metric_name_validation_scheme: 'legacy' }, {});
  fails(
    'sample_limit',
    'a 1\nb 2\nc 3\n',
    { sample_limit: 1 },
    { scrape_samples_scraped: 3, scrape_samples_post_metric_relabeling: 3, scrape_series_added: 1 },
    'prometheus_target_scrapes_exceeded_sample_limit_total',
  );
  fails(
    'label_limit',
    'a 1\nb{l1="",l2="2",l3="3"} 1\n',
    { label_limit: 4 },
    { scrape_samples_scraped: 2, scrape_samples_post_metric_relabeling: 1 },
    'prometheus_target_scrape_pool_exceeded_label_limits_total',
  );
  fails(
    'body_size_limit',
    `a ${'1'.repeat(12)}\n`,
    { body_size_limit: '15B', extra_scrape_metrics: true },
    { scrape_body_size_bytes: -1 },
    'prometheus_target_scrapes_exceeded_body_size_limit_total',
  );

  fails('a page that cannot be read', 'a 1\nb{ 2\n', { extra_scrape_metrics: true }, { scrape_body_size_bytes: 9 });

  it('sample_limit counts after relabelling', async () => {
    const page = await target('a 1\nb 2\nc 3\n');
    const metric_relabel_configs = [{ source_labels: ['__name__'], regex: '[ab]', action: 'drop' }];
    const { scrape } = await rig([scrapeOf([page], { sample_limit: 1, metric_relabel_configs })]);
    expect(samples(await scrape())).to.deep.equal({ c: 3 });
  });

  it('a page of another type needs fallback_scrape_protocol, which is said once', async () => {
    const page = await target('a 1\n');
    page.headers = { 'content-type': 'text/html' };
    const { scrape, host } = await rig([scrapeOf([page])]);
    expect(samples(await scrape())).to.deep.equal({ a: 1 });
    await scrape();
    expect(host.logs.map((entry) => entry.level)).to.deep.equal(['warn']);
  });

  it('an empty page is a good scrape', async () => {
    const page = await target('a 1\n');
    const { scrape } = await rig([scrapeOf([page])]);
    await scrape();
    page.body = '';
    page.headers = {};
    const batch = await scrape();
    expect(reported(batch).up).to.equal(1);
    expect(samples(batch)).to.deep.equal({ a: 'stale' });
  });

  it('target_limit fails every scrape of the job', async () => {
    const [one, two] = [await target('a 1\n'), await target('b 1\n')];
    const { scrape, host } = await rig([scrapeOf([one, two], { target_limit: 1 })]);
    const batch = await scrape(2);
    expect(samples(batch)).to.deep.equal({});
    expect(snapshotWith(batch, 'up').values[0]).to.equal(0);
    expect([one.requests.length, two.requests.length]).to.deep.equal([0, 0]);
    expect(host.metric('prometheus_target_scrape_pool_exceeded_target_limit_total')).to.equal(1);
  });

  describe('timestamps of the page', () => {
    const now = 1_700_000_000_000;

    it('are kept, and their series get no marks', async () => {
      const page = await target(`a 1 ${now + 5}\nb 2\n`);
      const { scrape } = await rig([scrapeOf([page])]);
      const snapshot = snapshotWith(await scrape(), 'a');
      expect(Array.from(snapshot.times!)).to.deep.equal([now + 5, snapshot.time]);
      page.status = 500;
      expect(samples(await scrape())).to.deep.equal({ b: 'stale' });
    });

    it('get marks with track_timestamps_staleness', async () => {
      const page = await target(`a 1 ${now + 5}\n`);
      const { scrape } = await rig([scrapeOf([page], { track_timestamps_staleness: true })]);
      await scrape();
      page.body = 'b 1\n';
      expect(samples(await scrape())).to.deep.equal({ a: 'stale', b: 1 });
    });

    it('are left out with honor_timestamps false', async () => {
      const page = await target(`a 1 ${now + 5}\n`);
      const { scrape } = await rig([scrapeOf([page], { honor_timestamps: false })]);
      expect(snapshotWith(await scrape(), 'a')).not.to.have.property('times');
    });

    it('too far ahead, older than the last, or the same with another value: dropped and counted, up stays 1', async () => {
      const far = now + 5 * HOUR;
      const page = await target(`a 1 ${now}\nb 1 ${now}\nc 1 ${now}\nd 1 ${far}\n`);
      const { scrape, host } = await rig([scrapeOf([page])]);
      expect(samples(await scrape())).to.deep.equal({ a: 1, b: 1, c: 1 });
      page.body = `a 2 ${now + 1}\nb 2 ${now}\nc 2 ${now - 1}\nd 1 ${far}\n`;
      const batch = await scrape();
      expect(samples(batch)).to.deep.equal({ a: 2 });
      expect(reported(batch).up).to.equal(1);
      const dropped = (why: string) => host.metric(`prometheus_target_scrapes_sample_${why}_total`);
      expect([dropped('duplicate_timestamp'), dropped('out_of_order'), dropped('out_of_bounds')]).to.deep.equal([
        1, 1, 2,
      ]);
    });

    it('may be several for one series', async () => {
      const page = await target(`a 1 ${now}\na 2 ${now + 1}\nb 1\na 3 ${now + 2}\n`);
      const { scrape } = await rig([scrapeOf([page])]);
      const batch = (await scrape()).filter((snapshot) => snapshot.times);
      expect(batch.map((snapshot) => Array.from(snapshot.values))).to.deep.equal([[1, 1], [2], [3]]);
    });
  });

  it('stop ends in time while a target is silent, and says nothing about it', async () => {
    const page = await target();
    page.answer = () => {};
    const { clock, stop, out } = await rig([scrapeOf([page])]);
    await clock.advance(HOUR);
    await until(() => page.requests.length === 1);
    await stop();
    expect(out.batches).to.deep.equal([]);
    expect(clock.pending).to.equal(0);
    await until(() => page.open === 0);
  });

  it('a stale mark survives as its bits', async () => {
    const page = await target('a NaN\n');
    const { scrape } = await rig([scrapeOf([page])]);
    const { values } = snapshotWith(await scrape(), 'a');
    expect(isStale(values, 0)).to.equal(false);
    page.status = 404;
    expect(isStale(snapshotWith(await scrape(), 'a').values, 0)).to.equal(true);
  });
});
