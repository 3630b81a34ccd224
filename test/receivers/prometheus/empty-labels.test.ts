import { expect } from 'chai';
import { formatLabels } from '#metrics';
import { family, PROTOBUF_TYPE, protobufPage } from '../../support/metric_family.ts';
import { closeServers } from '../../support/servers.ts';
import { rig, scrapeOf, stopRigs, target } from './rig.ts';

describe('receivers/prometheus, a label that the page leaves empty', () => {
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  const page = '# TYPE a gauge\na{instance="",job="batch"} 1\na{job=""} 2\nb{team=""} 3\n';

  /** The series of a page, which are the same when it comes again. */
  async function series(body: string | Buffer, more: object, type = 'text/plain; version=0.0.4'): Promise<string[]> {
    const pushed = await target(body);
    pushed.headers = { 'content-type': type };
    const { scrape } = await rig([scrapeOf([pushed], more, { team: 'dns' })]);
    const shown = async () => (await scrape())[0]!.set.series.map(({ labels }) => formatLabels(labels));
    const first = await shown();
    expect(await shown()).to.deep.equal(first);
    return first;
  }

  it('is none, with honor_labels, where the target has it', async () => {
    expect(await series(`${page}b 4\n`, { honor_labels: true })).to.deep.equal([
      'a{job="batch",team="dns"}',
      'a{instance="i",team="dns"}',
      'b{instance="i",job="test"}',
      'b{instance="i",job="test",team="dns"}',
    ]);
  });

  it('gives way to the target without, and nothing becomes exported_', async () => {
    expect(await series(page, {})).to.deep.equal([
      'a{exported_job="batch",instance="i",job="test",team="dns"}',
      'a{instance="i",job="test",team="dns"}',
      'b{instance="i",job="test",team="dns"}',
    ]);
  });

  it('is the same to rules as one that is not there', async () => {
    const rules = [{ source_labels: ['instance'], regex: '', target_label: 'pushed', replacement: 'yes' }];
    expect(
      await series('a{instance=""} 1\na 2\n', { honor_labels: true, metric_relabel_configs: rules }),
    ).to.deep.equal(['a{job="test",pushed="yes",team="dns"}', 'a{instance="i",job="test",team="dns"}']);
  });

  it('is none in a histogram that was made a native one', async () => {
    const buckets = 'h_bucket{instance="",le="1"} 1\nh_bucket{instance="",le="+Inf"} 1\n';
    const rest = 'h_sum{instance=""} 1\nh_count{instance=""} 1\n';
    const convert = { honor_labels: true, convert_classic_histograms_to_nhcb: true };
    expect(await series(`# TYPE h histogram\n${buckets}${rest}`, convert)).to.deep.equal(['h{job="test",team="dns"}']);
  });

  it('is none on a protobuf page', async () => {
    const body = protobufPage([family('gauge', 'a', [[{ instance: '', job: 'batch' }, { value: 1 }]])]);
    const more = { honor_labels: true, scrape_native_histograms: true };
    expect(await series(body, more, PROTOBUF_TYPE)).to.deep.equal(['a{job="batch",team="dns"}']);
  });
});
