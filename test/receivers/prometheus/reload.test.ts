import { expect } from 'chai';
import { closeServers } from '../../support/servers.ts';
import { HOUR, reported, rig, samples, scrapeOf, stopRigs, target } from './rig.ts';

describe('receivers/prometheus at a reload', () => {
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  it('marks stale what a target that stays does not show any more', async () => {
    const page = await target('c 1\nd 2\n');
    const before = await rig([scrapeOf([page])]);
    await before.scrape();
    page.body = 'c 1\n';
    const { scrape } = await rig([scrapeOf([page], { sample_limit: 100 })], { before });
    expect(samples(await scrape())).to.deep.equal({ c: 1, d: 'stale' });
    expect(samples(await scrape())).to.deep.equal({ c: 1 });
  });

  it('marks stale all of a target that stays and is down now', async () => {
    const page = await target('c 1\n');
    const before = await rig([scrapeOf([page])]);
    await before.scrape();
    page.status = 500;
    const { scrape } = await rig([scrapeOf([page], { sample_limit: 100 })], { before });
    expect(samples(await scrape())).to.deep.equal({ c: 'stale' });
  });

  const goes = (what: string, now: (b: object, c: object) => object[]) =>
    it(`marks stale, once, a target of a ${what} that is none any more, its report series too`, async () => {
      const [b, c] = [await target('b 1\n'), await target('c 1\n')];
      const jobs = (count: number) =>
        now(
          scrapeOf([b], { job_name: 'gone' }, { instance: 'b' }),
          scrapeOf([c], { sample_limit: count }, { instance: 'c' }),
        );
      const before = await rig([scrapeOf([b], { job_name: 'gone' }, { instance: 'b' }), scrapeOf([c])]);
      await before.scrape(2);
      const { out, clock } = await rig(jobs(100), { before });
      const time = clock.now();
      for (let hours = 0; hours < 4; hours++) await clock.advance(HOUR);
      const marked = out.batches.filter((batch) => 'b' in samples(batch));
      expect(marked.map(samples)).to.deep.equal([{ b: 'stale' }]);
      expect(reported(marked[0]!)).to.include({ up: 'stale', scrape_samples_scraped: 'stale' });
      expect(marked[0]!.map((snapshot) => snapshot.time)).to.deep.equal([time, time]);
    });

  goes('job that goes', (_, c) => [c]);
  goes('job that stays', (b, c) => [{ ...b, static_configs: [] }, c]);

  it('marks nothing of two targets that nobody can tell apart', async () => {
    const [one, two] = [await target('a 1\n'), await target('b 1\n')];
    const before = await rig([scrapeOf([one, two])]);
    await before.scrape(2);
    const { scrape } = await rig([scrapeOf([one, two], { sample_limit: 100 })], { before });
    expect(samples(await scrape(2))).to.deep.equal({ a: 1, b: 1 });
  });

  it('leaves what nobody has marked yet to the next one', async () => {
    const [b, c] = [await target('b 1\n'), await target('c 1\nd 1\n')];
    const first = await rig([scrapeOf([b, c].slice(0, 1), { job_name: 'b' }), scrapeOf([c])]);
    await first.scrape(2);
    const second = await rig([scrapeOf([c], { sample_limit: 100 })], { before: first });
    c.body = 'c 1\n';
    const { out, clock } = await rig([scrapeOf([c], { sample_limit: 101 })], { before: second });
    for (let hours = 0; hours < 4; hours++) await clock.advance(HOUR);
    await out.received(2);
    const shown = out.batches.map(samples);
    expect(shown.filter((one) => 'b' in one)).to.deep.equal([{ b: 'stale' }]);
    expect(shown.filter((one) => 'd' in one)).to.deep.equal([{ c: 1, d: 'stale' }]);
  });
});
