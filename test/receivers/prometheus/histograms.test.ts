import { expect } from 'chai';
import { isStale, type NativeHistogram, type Snapshot } from '#metrics';
import { family, PROTOBUF_TYPE, protobufPage } from '../../support/metric_family.ts';
import type { Message } from '../../support/protobuf.ts';
import { closeServers } from '../../support/servers.ts';
import { reported, rig, samples, scrapeOf, snapshotWith, stopRigs, type TestTarget, target } from './rig.ts';

/** 1 + 2 + 3 observations in the buckets 0, 1 and 4 of schema 1. */
const native = (more: Message = {}): Message => ({
  sampleCount: 6,
  sampleSum: 12.5,
  schema: 1,
  positiveSpan: [
    { offset: 0, length: 2 },
    { offset: 2, length: 1 },
  ],
  positiveDelta: [1, 1, 1],
  ...more,
});
const bucket = [
  { upperBound: 1, cumulativeCount: 1 },
  { upperBound: 2, cumulativeCount: 3 },
];
const page = (histogram: Message) => protobufPage([family('histogram', 'h', [[{}, histogram]]), gauge]);
const gauge = family('gauge', 'g', [[{}, { value: 1 }]]);

async function protobufTarget(body: Buffer): Promise<TestTarget> {
  const made = await target(body);
  made.headers = { 'content-type': PROTOBUF_TYPE };
  return made;
}

const histogramOf = ({ set, histograms }: Snapshot, name: string): NativeHistogram | undefined => {
  const i = set.series.findIndex((series) => series.family.name === name && series.native);
  return histograms?.get(i);
};

describe('receivers/prometheus histograms', () => {
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  const scraped = async (body: Buffer, more: object = {}) => {
    const source = await protobufTarget(body);
    const running = await rig([scrapeOf([source], more)]);
    return { source, ...running, batch: await running.scrape() };
  };
  const NATIVE = { scrape_native_histograms: true };

  const asks = (title: string, more: object, first: RegExp) =>
    it(title, async () => {
      const { source } = await scraped(page(native()), more);
      expect(source.requests[0]!.headers.accept).to.match(first);
    });
  asks('ask for protobuf first where native ones are wanted', NATIVE, /^application\/vnd\.google\.protobuf;.*q=0\.6,/);
  asks('ask for text otherwise', {}, /^application\/openmetrics-text;/);
  asks(
    'leave the order of formats to scrape_protocols',
    { ...NATIVE, scrape_protocols: ['PrometheusText0.0.4', 'PrometheusProto'] },
    /^text\/plain;version=0\.0\.4;q=0\.6,application\/vnd\.google\.protobuf/,
  );
  asks(
    'ask for protobuf where a rule wants native ones of this target',
    { relabel_configs: [{ target_label: '__scrape_native_histograms__', replacement: 'true' }] },
    /^application\/vnd\.google\.protobuf/,
  );

  it('arrive as native ones, whose series say so', async () => {
    const { batch } = await scraped(page(native({ bucket })), NATIVE);
    const snapshot = snapshotWith(batch, 'h');
    expect(histogramOf(snapshot, 'h')).to.deep.include({ schema: 1, count: 6, sum: 12.5 });
    expect(samples(batch)).to.deep.equal({ h: 12.5, g: 1 });
    expect(snapshot.set.series.map((one) => one.native)).to.deep.equal([true, undefined]);
    expect(reported(batch).scrape_samples_scraped).to.equal(2);
  });

  it('keep their set while only numbers change', async () => {
    const { source, scrape, batch } = await scraped(page(native()), NATIVE);
    source.body = page(native({ sampleCount: 7, positiveDelta: [1, 1, 2] }));
    const next = snapshotWith(await scrape(), 'h');
    expect(next.set).to.equal(snapshotWith(batch, 'h').set);
    expect(histogramOf(next, 'h')!.count).to.equal(7);
  });

  it('arrive in the classic form where native ones are not wanted, and in both where both are', async () => {
    const flat = {
      'h_bucket{le="1.0"}': 1,
      'h_bucket{le="2.0"}': 3,
      'h_bucket{le="+Inf"}': 6,
      h_count: 6,
      h_sum: 12.5,
      g: 1,
    };
    expect(samples((await scraped(page(native({ bucket })))).batch)).to.deep.equal(flat);
    const both = await scraped(page(native({ bucket })), { ...NATIVE, always_scrape_classic_histograms: true });
    expect(samples(both.batch)).to.deep.equal({ h: 12.5, ...flat });
  });

  it('that vanish are marked stale with a number', async () => {
    const { source, scrape } = await scraped(page(native()), NATIVE);
    source.body = protobufPage([gauge]);
    const batch = await scrape();
    expect(samples(batch)).to.deep.equal({ g: 1, h: 'stale' });
    const marks = snapshotWith(batch, 'h');
    expect([marks.histograms, marks.set.series[0]!.native, isStale(marks.values, 0)]).to.deep.equal([
      undefined,
      true,
      true,
    ]);
    source.body = page(native());
    await scrape();
    source.status = 500;
    expect(samples(await scrape())).to.deep.equal({ g: 'stale', h: 'stale' });
  });

  it('go through metric_relabel_configs, which may drop them', async () => {
    const body = protobufPage([
      gauge,
      family('histogram', 'h', [
        [{ zone: 'a.' }, native()],
        [{ zone: 'b.' }, native({ sampleSum: 1 })],
      ]),
    ]);
    const metric_relabel_configs = [{ source_labels: ['zone'], regex: 'a.', action: 'drop' }];
    const { batch } = await scraped(body, { ...NATIVE, metric_relabel_configs });
    expect(samples(batch)).to.deep.equal({ g: 1, 'h{zone="b."}': 1 });
    expect([...snapshotWith(batch, 'h').histograms!]).to.have.length(1);
    expect(snapshotWith(batch, 'h').histograms!.get(1)!.sum).to.equal(1);
  });

  it('are made coarser to keep native_histogram_bucket_limit', async () => {
    const { batch, host } = await scraped(page(native()), { ...NATIVE, native_histogram_bucket_limit: 2 });
    // In schema 0 there are three left (0, 1, 2), in schema -1 two (0, 1).
    expect(histogramOf(snapshotWith(batch, 'h'), 'h')).to.deep.include({
      schema: -1,
      count: 6,
      positive: { spans: [{ offset: 0, length: 2 }], counts: Float64Array.of(1, 5) },
    });
    expect(host.metric('prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total')).to.equal(0);
  });

  it('fail the scrape that cannot be made coarse enough', async () => {
    const wide = native({ schema: -4, positiveSpan: [{ offset: 0, length: 3 }] });
    const { batch, host } = await scraped(page(wide), { ...NATIVE, native_histogram_bucket_limit: 2 });
    expect(reported(batch)).to.include({ up: 0, scrape_samples_scraped: 2 });
    expect(samples(batch)).to.deep.equal({});
    expect(String(host.logs[0]?.fields.error)).to.include(
      'native_histogram_bucket_limit exceeded (metric: h, buckets: 3, limit: 2)',
    );
    expect(host.metric('prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total')).to.equal(1);
  });

  it('are made coarser to keep native_histogram_min_bucket_factor', async () => {
    // 2^(2^-0) = 2.
    const { batch } = await scraped(page(native()), { ...NATIVE, native_histogram_min_bucket_factor: 1.9 });
    expect(histogramOf(snapshotWith(batch, 'h'), 'h')!.schema).to.equal(0);
  });

  it('that contradict themselves fail the scrape', async () => {
    const { batch, host } = await scraped(page(native({ sampleCount: 7 })), NATIVE);
    expect(reported(batch).up).to.equal(0);
    expect(String(host.logs[0]?.fields.error)).to.include('the native histogram h has 6 observations in its buckets');
    const dropped = [{ source_labels: ['__name__'], regex: 'h', action: 'drop' }];
    const without = await scraped(page(native({ sampleCount: 7 })), { ...NATIVE, metric_relabel_configs: dropped });
    expect(reported(without.batch).up).to.equal(1);
  });

  it('whose spans overlap fail the scrape, although their buckets could be put in order', async () => {
    const positiveSpan = [
      { offset: 0, length: 2 },
      { offset: -1, length: 1 },
    ];
    const { batch, host } = await scraped(page(native({ positiveSpan })), NATIVE);
    expect(reported(batch).up).to.equal(0);
    expect(String(host.logs[0]?.fields.error)).to.include('the native histogram h has a positive span that goes back');
  });

  it('count as one sample each against sample_limit', async () => {
    const { batch } = await scraped(page(native()), { ...NATIVE, sample_limit: 2 });
    expect(reported(batch).up).to.equal(1);
  });

  it('of their own time keep it', async () => {
    const at = 1_700_000_000_123;
    const body = protobufPage([gauge, family('histogram', 'h', [[{}, native(), at]])]);
    const { batch } = await scraped(body, NATIVE);
    const snapshot = snapshotWith(batch, 'h');
    expect(snapshot.times![1]).to.equal(at);
    expect(histogramOf(snapshot, 'h')!.count).to.equal(6);
  });

  it('and counters bring exemplars and start times along', async () => {
    const exemplar = { label: [{ name: 'trace_id', value: 'x' }], value: 3, timestamp: { seconds: 1_700_000_000 } };
    const createdTimestamp = { seconds: 1_600_000_000 };
    const body = protobufPage([
      family('counter', 'gone', [[{}, { value: 1, exemplar }]]),
      gauge,
      family('histogram', 'h', [[{}, native({ exemplars: [exemplar], createdTimestamp })]]),
    ]);
    const metric_relabel_configs = [{ source_labels: ['__name__'], regex: 'gone', action: 'drop' }];
    const { batch } = await scraped(body, { ...NATIVE, metric_relabel_configs });
    const { exemplars, starts } = snapshotWith(batch, 'h');
    expect(exemplars).to.deep.equal([{ index: 1, labels: ['trace_id', 'x'], value: 3, timestamp: 1_700_000_000_000 }]);
    expect([...starts!]).to.deep.equal([0, 1_600_000_000_000]);
  });

  describe('of text pages', () => {
    const OPENMETRICS = { 'content-type': 'application/openmetrics-text; version=1.0.0' };
    const text = async (body: string, more: object = {}) => {
      const source = await target(`${body}# EOF\n`);
      source.headers = OPENMETRICS;
      const running = await rig([scrapeOf([source], more)]);
      return { source, ...running, batch: await running.scrape() };
    };
    const classic = (inf: number) =>
      '# TYPE h histogram\n' +
      'h_bucket{le="1"} 2 # {id="a"} 0.5\nh_bucket{le="2"} 5 # {id="b"} 1.5 1700000000\n' +
      `h_bucket{le="+Inf"} ${inf}\nh_count 6\nh_sum 9\nh_created 1600000000.5\n# TYPE c counter\nc_total 1\nc_created 7\n`;

    it('bring exemplars and start times along; _created stays a series', async () => {
      const { batch, source, scrape } = await text(classic(6));
      const { set, exemplars, starts } = snapshotWith(batch, 'h_count');
      expect(exemplars).to.deep.equal([
        { index: 0, labels: ['id', 'a'], value: 0.5 },
        { index: 1, labels: ['id', 'b'], value: 1.5, timestamp: 1_700_000_000_000 },
      ]);
      const at = 1_600_000_000_500;
      expect([...starts!]).to.deep.equal([at, at, at, at, at, 0, 7000, 0]);
      expect(set.series).to.have.length(8);
      source.body = `${classic(6).replace('h_sum 9', 'h_sum 10')}# EOF\n`;
      expect(snapshotWith(await scrape(), 'h_count').starts).to.equal(starts);
      source.body = `${classic(6).replace('c_created 7', 'c_created 8')}# EOF\n`;
      expect(snapshotWith(await scrape(), 'h_count').starts![6]).to.equal(8000);
      expect(starts![6]).to.equal(7000);
    });

    it('leave out exemplars with more than 128 characters of labels, and count them', async () => {
      const of = (name: string, value: string) =>
        `# TYPE ${name} counter\n${name}_total 1 # {id="${value}"} 1 1700000000\n`;
      const page = of('a', '\u{1f600}'.repeat(126)) + of('b', '\u{1f600}'.repeat(127)) + of('c', 'x'.repeat(127));
      const { batch, host, scrape } = await text(page);
      for (const snapshot of [batch, await scrape()].map((one) => snapshotWith(one, 'a_total'))) {
        expect(snapshot.exemplars!.map(({ index }) => index)).to.deep.equal([0]);
        expect(samples(batch)).to.deep.equal({ a_total: 1, b_total: 1, c_total: 1 });
      }
      expect(host.metric('dnscol_prometheus_long_exemplars_dropped_total')).to.equal(4);
    });

    const CONVERT = { convert_classic_histograms_to_nhcb: true };
    it('become native ones with custom buckets when asked to', async () => {
      const { batch, scrape } = await text(classic(6), CONVERT);
      const snapshot = snapshotWith(batch, 'h');
      expect(samples(batch)).to.deep.equal({ h: 9, h_created: 1_600_000_000.5, c_total: 1, c_created: 7 });
      expect(histogramOf(snapshot, 'h')).to.deep.equal({
        schema: -53,
        isFloat: false,
        isGauge: false,
        count: 6,
        sum: 9,
        zeroThreshold: 0,
        zeroCount: 0,
        positive: { spans: [{ offset: 0, length: 3 }], counts: Float64Array.of(2, 3, 1) },
        negative: { spans: [], counts: new Float64Array(0) },
        customBounds: Float64Array.of(1, 2),
      });
      // An exemplar without a timestamp is none of a native histogram.
      expect(snapshot.exemplars!.map(({ index, labels }) => [index, labels[1]])).to.deep.equal([[0, 'b']]);
      expect([...snapshot.starts!]).to.deep.equal([1_600_000_000_500, 0, 7000, 0]);
      expect(snapshotWith(await scrape(), 'h').set).to.equal(snapshot.set);
    });

    it('stay beside the converted ones when asked to', async () => {
      const { batch } = await text(classic(6), { ...CONVERT, always_scrape_classic_histograms: true });
      expect(samples(batch)).to.include({ h: 9, h_count: 6, h_sum: 9, 'h_bucket{le="2.0"}': 5 });
      const { exemplars } = snapshotWith(batch, 'h');
      expect(exemplars!.map(({ labels }) => labels[1])).to.deep.equal(['a', 'b', 'b']);
    });

    it('that contradict themselves are left out when they are to be converted, and counted', async () => {
      const { source, scrape, batch, host } = await text(classic(5), CONVERT);
      expect(samples(batch)).to.not.have.property('h');
      expect(reported(batch).up).to.equal(1);
      expect(host.metric('dnscol_prometheus_histograms_not_converted_total', { scrape_job: 'test' })).to.equal(1);
      source.body = `${classic(6)}# EOF\n`;
      expect(samples(await scrape())).to.have.property('h', 9);
      source.body = `${classic(5)}# EOF\n`;
      expect(samples(await scrape())).to.have.property('h', 'stale');
    });

    it('without a count or +Inf are completed, and floats are kept', async () => {
      const body = '# TYPE h histogram\nh_bucket{le="1"} 2.5\nh_bucket{le="2"} 4\n';
      const { batch } = await text(body, CONVERT);
      expect(histogramOf(snapshotWith(batch, 'h'), 'h')).to.deep.include({
        isFloat: true,
        count: 4,
        sum: 0,
        positive: { spans: [{ offset: 0, length: 2 }], counts: Float64Array.of(2.5, 1.5) },
      });
    });
  });

  it('that are native already are not converted, classic ones beside them are', async () => {
    const body = protobufPage([
      family('histogram', 'h', [
        [{ a: '1' }, native({ bucket })],
        [{ a: '2' }, { sampleCount: 3, sampleSum: 4, bucket }],
      ]),
    ]);
    const more = { ...NATIVE, convert_classic_histograms_to_nhcb: true, always_scrape_classic_histograms: true };
    const { histograms, set } = snapshotWith((await scraped(body, more)).batch, 'h');
    expect([...histograms!.values()].map(({ schema }) => schema)).to.deep.equal([1, -53]);
    expect(set.series.filter((one) => one.native)).to.have.length(2);
    expect(set.series).to.have.length(12);
  });
});
