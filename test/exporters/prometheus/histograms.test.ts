import { expect } from 'chai';
import type { Exporter, ExporterFactory } from '#component';
import { parse } from '#config';
import { createHttpClient } from '#http';
import { type Exemplar, labelsOf, makeFamily, makeSeries, makeSet, type Snapshot } from '#metrics';
import { parsePage } from '#prometheus';
import factory from '../../../exporters/prometheus/prometheus.ts';
import { bucketsOf, CUSTOM, EXPONENTIAL, histogramOf, nativeSet, nativeSnapshot } from '../../support/histograms.ts';
import { fakeHost } from '../../support/host.ts';

const never = new AbortController().signal;
const OPENMETRICS = 'application/openmetrics-text;version=1.0.0';

describe('exporter prometheus, of histograms and exemplars', () => {
  const client = createHttpClient({ keepAlive: false });
  const running: Exporter[] = [];
  afterEach(async () => {
    for (const exporter of running.splice(0)) await exporter.stop?.(AbortSignal.abort());
  });

  async function start(config: Record<string, unknown> = {}) {
    const host = fakeHost('exporter', 'prometheus');
    const { create, config: schema } = factory as ExporterFactory;
    const exporter = create(parse(schema, { endpoint: '127.0.0.1:0', ...config }), host);
    await exporter.start?.(never);
    running.push(exporter);
    const page = async (accept = '') => {
      const headers: Record<string, string> = accept ? { accept } : {};
      const url = new URL(exporter.address!()!);
      const { body } = await client.request({ method: 'GET', url, headers, signal: never });
      return body.toString();
    };
    return { host, page, give: (...batch: Snapshot[]) => exporter.consume(batch, never) };
  }

  it('shows count and sum of native histograms, as client_golang does, and counts what loses its buckets', async () => {
    const { page, give, host } = await start();
    await give(nativeSnapshot(nativeSet('a.'), [EXPONENTIAL]));
    expect(await page()).to.equal(
      [
        '# HELP h Help of h.',
        '# TYPE h histogram',
        'h_bucket{job="j",le="+Inf",zone="a."} 10',
        'h_sum{job="j",zone="a."} -2.5',
        'h_count{job="j",zone="a."} 10',
        '',
      ].join('\n'),
    );
    expect(host.metric('dnscol_exporter_prometheus_flattened_histograms_total')).to.equal(1);
  });

  it('shows custom buckets as the classic ones they are', async () => {
    const { page, give, host } = await start();
    await give(nativeSnapshot(nativeSet('a.'), [CUSTOM]));
    expect((await page()).split('\n').slice(2)).to.deep.equal([
      'h_bucket{job="j",le="0.5",zone="a."} 1',
      'h_bucket{job="j",le="2.0",zone="a."} 1',
      'h_bucket{job="j",le="+Inf",zone="a."} 4',
      'h_sum{job="j",zone="a."} 7.5',
      'h_count{job="j",zone="a."} 4',
      '',
    ]);
    expect(host.metric('dnscol_exporter_prometheus_flattened_histograms_total')).to.equal(0);
  });

  it('lets a native histogram that ends leave at once, and buckets whose bounds are no more', async () => {
    const { page, give } = await start();
    const set = nativeSet('a.', 'b.');
    await give(nativeSnapshot(set, [CUSTOM, EXPONENTIAL]));
    const other = { ...CUSTOM, customBounds: Float64Array.of(1, 2) };
    await give(nativeSnapshot(set, [other, EXPONENTIAL]));
    expect(await page())
      .to.include('le="1.0"')
      .and.include('le="2.0"')
      .and.not.include('le="0.5"');
    await give(nativeSnapshot(makeSet([set.series[0]!]), [undefined]));
    expect(await page())
      .to.include('zone="b."')
      .and.not.include('zone="a."');
  });

  it('keeps the other series of a set, and names them as told', async () => {
    const { page, give } = await start({ namespace: 'ns', send_timestamps: true });
    const gauge = makeSeries(makeFamily('g', 'gauge'), labelsOf({ __name__: 'g' }));
    const set = makeSet([...nativeSet('a.').series, gauge]);
    const times = Float64Array.of(5, 7);
    const histograms = new Map([[0, histogramOf({ count: 1, sum: 2, positive: bucketsOf([0, 1]) })]]);
    await give({ set, values: Float64Array.of(2, 3), time: 9, times, histograms });
    const lines = (await page()).split('\n').filter((line) => !line.startsWith('#'));
    expect(lines).to.deep.equal([
      'ns_g 3 7',
      'ns_h_bucket{job="j",le="+Inf",zone="a."} 1 5',
      'ns_h_sum{job="j",zone="a."} 2 5',
      'ns_h_count{job="j",zone="a."} 1 5',
      '',
    ]);
  });

  describe('exemplars', () => {
    const took = makeFamily('took', 'histogram');
    const series = (name: string, le?: string) =>
      makeSeries(took, labelsOf({ __name__: `took_${name}`, ...(le && { le }) }));
    const set = makeSet([
      makeSeries(makeFamily('x', 'counter'), labelsOf({ __name__: 'x_total' })),
      makeSeries(makeFamily('g', 'gauge'), labelsOf({ __name__: 'g' })),
      series('bucket', '1.0'),
      series('bucket', '+Inf'),
      series('sum'),
      series('count'),
    ]);
    const id = (index: number, labels: Record<string, string>, timestamp?: number): Exemplar => ({
      index,
      labels: labelsOf(labels),
      value: index + 0.5,
      ...(timestamp && { timestamp }),
    });
    const snapshot = (...exemplars: Exemplar[]): Snapshot => ({
      set,
      values: Float64Array.of(1, 2, 3, 4, 5, 4),
      time: 1_700_000_000_000,
      exemplars,
    });

    it('stand in OpenMetrics, where that allows them', async () => {
      const { page, give } = await start({ enable_open_metrics: true });
      const all = [0, 1, 2, 3, 4, 5].map((index) => id(index, { id: `${index}` }, 1_600_000_000_250));
      await give(snapshot(...all, id(3, { 'utf8.läbel': 'a"b' })));
      const text = await page(`${OPENMETRICS};escaping=allow-utf-8`);
      expect(text.split('\n').filter((line) => !line.startsWith('#'))).to.deep.equal([
        'g 2',
        'took_bucket{le="1.0"} 3 # {id="2"} 2.5 1600000000.250',
        'took_bucket{le="+Inf"} 4 # {"utf8.läbel"="a\\"b"} 3.5',
        'took_sum 5',
        'took_count 4',
        'x_total 1 # {id="0"} 0.5 1600000000.250',
        '',
      ]);
      const parsed = parsePage(Buffer.from(text), { format: 'openmetrics', exemplars: true, strict: true });
      expect(parsed.exemplars).to.have.length(3);
      expect(await page()).to.not.include('} 3 #');
    });

    it('that are too long for OpenMetrics are left out', async () => {
      const { page, give } = await start({ enable_open_metrics: true });
      await give(snapshot(id(0, { id: 'x'.repeat(126) }), id(2, { id: 'x'.repeat(127) })));
      const text = await page(OPENMETRICS);
      expect(text)
        .to.include(`x_total 1 # {id="${'x'.repeat(126)}"} 0.5`)
        .and.include('took_bucket{le="1.0"} 3\n');
    });

    it('of native histograms go to the bucket of their value', async () => {
      const { page, give } = await start({ enable_open_metrics: true });
      const exemplars = [id(0, { id: 'a' }), id(1, { id: 'b' })];
      await give(nativeSnapshot(nativeSet('a.', 'b.'), [CUSTOM, EXPONENTIAL], { exemplars }));
      const text = await page(OPENMETRICS);
      expect(text).to.include('le="0.5",zone="a."} 1 # {id="a"} 0.5\n');
      expect(text).to.include('le="+Inf",zone="b."} 10 # {id="b"} 1.5\n');
    });
  });
});
