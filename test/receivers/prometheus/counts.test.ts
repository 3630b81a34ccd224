import { expect } from 'chai';
import { family, PROTOBUF_TYPE, protobufPage } from '../../support/metric_family.ts';
import { closeServers } from '../../support/servers.ts';
import { type Rig, reported, rig, scrapeOf, stopRigs, type TestTarget, target } from './rig.ts';

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';

describe('receivers/prometheus, the counts of a scrape', () => {
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  const metric_relabel_configs = [{ source_labels: ['__name__'], regex: 'drop_.*', action: 'drop' }];

  async function scraped(more: object = {}): Promise<{ page: TestTarget; counts: () => Promise<number[]> }> {
    const page = await target();
    const made: Rig = await rig([scrapeOf([page], { metric_relabel_configs, ...more })]);
    return {
      page,
      async counts() {
        const report = reported(await made.scrape());
        const { up, scrape_samples_scraped, scrape_samples_post_metric_relabeling, scrape_series_added } = report;
        const all = [up, scrape_samples_scraped, scrape_samples_post_metric_relabeling, scrape_series_added];
        return all.map(Number);
      },
    };
  }

  const breaks = (fault: string, body: string, want: number[], type = 'text/plain; version=0.0.4') =>
    it(`of a page with ${fault} are those in front of it`, async () => {
      const { page, counts } = await scraped();
      page.body = body;
      page.headers = { 'content-type': type };
      expect(await counts()).to.deep.equal([0, ...want]);
      const [scrapedAgain, keptAgain] = want;
      expect(await counts(), 'the second time nothing is new').to.deep.equal([0, scrapedAgain, keptAgain, 0]);
    });

  breaks('a bad value', 'a 1\ndrop_b 2\nc x\nd 1\n', [2, 1, 1]);
  breaks('no end', 'a 1\nb 2\n', [2, 2, 2], OPENMETRICS);
  breaks('something behind its end', 'a 1\nb 2\n# EOF\nc 1\n', [2, 2, 2], OPENMETRICS);
  breaks('a blank line', 'a 1\n\nb 2\n# EOF\n', [1, 1, 1], OPENMETRICS);
  const large = Array.from({ length: 30_000 }, (_, i) => `a{number="${i}",more="labels"} 1\n`).join('');
  breaks('30,000 samples and a fault', `drop_a 1\n${large}b x\n`, [30_001, 30_000, 30_000]);

  it('of a page with a fault go by the last good page, which stays known', async () => {
    const { page, counts } = await scraped();
    page.body = 'a 1\n';
    expect(await counts()).to.deep.equal([1, 1, 1, 1]);
    page.body = 'a 1\nb 1\nc x\n';
    expect(await counts()).to.deep.equal([0, 2, 2, 1]);
    page.body = 'a 1\nb 1\nc 1\n';
    expect(await counts()).to.deep.equal([1, 3, 3, 1]);
  });

  it('of a page with a fault are up to sample_limit and beyond', async () => {
    const { page, counts } = await scraped({ sample_limit: 1 });
    page.body = 'a 1\nb 1\nc x\n';
    expect(await counts()).to.deep.equal([0, 2, 2, 1]);
    page.body = 'a 1\nb 1\n';
    expect(await counts(), 'nor is a page beyond the limit new again').to.deep.equal([0, 2, 2, 0]);
  });

  it('of a protobuf page with a fault are those in front of it', async () => {
    const { page, counts } = await scraped({ scrape_native_histograms: true });
    const families = [
      family('gauge', 'a', [
        [{ x: '1' }, { value: 1 }],
        [{ x: '2' }, { value: 1 }],
      ]),
      family('gauge', 'drop_b', [[{}, { value: 1 }]]),
    ];
    page.body = Buffer.concat([protobufPage(families), Buffer.from([0x7f])]);
    page.headers = { 'content-type': PROTOBUF_TYPE };
    expect(await counts()).to.deep.equal([0, 3, 2, 2]);
    expect(await counts()).to.deep.equal([0, 3, 2, 0]);
  });

  it('say nothing new after a body without a byte, but after one without a sample', async () => {
    const { page, counts } = await scraped();
    const all: number[][] = [];
    for (const body of ['a 1\n', '', 'a 1\n', '# nothing\n', 'a 1\n']) {
      page.body = body;
      all.push(await counts());
    }
    expect(all).to.deep.equal([
      [1, 1, 1, 1],
      [1, 0, 0, 0],
      [1, 1, 1, 0],
      [1, 0, 0, 0],
      [1, 1, 1, 1],
    ]);
  });
});
