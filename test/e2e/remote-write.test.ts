import { expect } from 'chai';
import type { ExporterFactory } from '#component';
import { parse } from '#config';
import { labelsOf, makeFamily, makeSeries, makeSet, type NativeHistogram, type Snapshot, staleValues } from '#metrics';
import prometheusremotewrite from '../../exporters/prometheusremotewrite/prometheusremotewrite.ts';
import { stopChildren, until } from '../support/children.ts';
import { fakeHost } from '../support/host.ts';
import { startPrometheus } from '../support/peers.ts';
import { random } from '../support/random.ts';

const never = new AbortController().signal;
const SERIES = 300;
/** Enough that the later ones come from packed templates. */
const ROUNDS = 12;

describe('prometheusremotewrite with a real Prometheus', () => {
  afterEach(stopChildren);

  it('stores every value of every road at its time, and ends with staleness', async () => {
    const prometheus = await startPrometheus();
    const host = fakeHost('exporter', 'prometheusremotewrite');
    const factory = prometheusremotewrite as ExporterFactory;
    const exporter = factory.create(parse(factory.config, { endpoint: prometheus.write }), host);
    await exporter.start?.(never);

    const family = makeFamily('m', 'gauge', 'Ü');
    const set = makeSet(
      Array.from({ length: SERIES }, (_, i) =>
        makeSeries(family, labelsOf({ __name__: 'm', i: String(i), instance: 'a:1', job: 'j', text: `"ü"\n${i % 7}` })),
      ),
      { attributes: labelsOf({ 'k8s.node.name': 'n1' }) },
    );
    const next = random(3);
    const from = Date.now() - ROUNDS * 1000;
    const rounds: Snapshot[] = Array.from({ length: ROUNDS }, (_, round) => ({
      set,
      values: Float64Array.from({ length: SERIES }, () => (next() < 0.5 ? Math.floor(next() * 1e9) : next() * 1e-9)),
      time: from + round * 1000,
    }));
    for (const snapshot of rounds) {
      await exporter.consume([snapshot], never);
      // target_info is a series more.
      const want = ((snapshot.time - from) / 1000 + 1) * (SERIES + 1);
      await until(() => host.metric('otelcol_exporter_sent_metric_points') === want, 'the round is sent');
    }
    const stale = from + ROUNDS * 1000;
    await exporter.consume([{ set, values: staleValues(SERIES), time: stale }], never);
    await exporter.stop?.(never);

    for (const { values, time } of rounds) {
      const stored = await prometheus.query(`m @ ${time / 1000}`);
      const byIndex = new Map(stored.map(({ labels, value }) => [Number(labels.i), value]));
      expect([...values].filter((value, i) => byIndex.get(i) !== value)).to.deep.equal([]);
      expect(stored[0]!.labels.text).to.match(/^"ü"\n\d$/);
    }
    const [info] = await prometheus.query(`target_info @ ${from / 1000}`);
    expect(info).to.deep.equal({
      labels: {
        __name__: 'target_info',
        instance: 'a:1',
        job: 'j',
        k8s_node_name: 'n1',
        server_address: 'a',
        server_port: '1',
      },
      value: 1,
    });
    expect(await prometheus.query(`{job="j"} @ ${stale / 1000}`)).to.deep.equal([]);
  });

  for (const protobuf_message of ['prometheus.WriteRequest', 'io.prometheus.write.v2.Request']) {
    // Debian's Prometheus is older than 2.0: it takes such a request for an empty one of 1.0, and says nothing of what it wrote.
    it(`stores native histograms and exemplars; asked for ${protobuf_message}`, async () => {
      const prometheus = await startPrometheus([], undefined, ['native-histograms', 'exemplar-storage']);
      const host = fakeHost('exporter', 'prometheusremotewrite');
      const factory = prometheusremotewrite as ExporterFactory;
      const options = { endpoint: prometheus.write, protobuf_message };
      const exporter = factory.create(parse(factory.config, options), host);
      await exporter.start?.(never);
      const set = makeSet([
        makeSeries(makeFamily('h', 'histogram'), labelsOf({ __name__: 'h', instance: 'a:1', job: 'j' }), true),
        makeSeries(makeFamily('c', 'counter'), labelsOf({ __name__: 'c_total', instance: 'a:1', job: 'j' })),
      ]);
      const histogram: NativeHistogram = {
        schema: 0,
        isFloat: false,
        isGauge: false,
        count: 12,
        sum: 40,
        zeroThreshold: 0.001,
        zeroCount: 2,
        positive: { spans: [{ offset: 0, length: 3 }], counts: Float64Array.of(2, 3, 1) },
        negative: { spans: [{ offset: 1, length: 1 }], counts: Float64Array.of(4) },
      };
      const time = Date.now() - 10_000;
      const labels = labelsOf({ trace_id: 'abc' });
      const exemplars = [{ index: 1, labels, value: 0.5, timestamp: time - 3 }];
      const values = Float64Array.of(40, 7);
      await exporter.consume([{ set, values, time, histograms: new Map([[0, histogram]]), exemplars }], never);
      await until(() => host.metric('otelcol_exporter_sent_metric_points') === 2, 'the first scrape is sent');
      await exporter.consume([{ set, values: staleValues(2), time: time + 1000 }], never);
      await exporter.stop?.(never);
      expect(host.metric('otelcol_exporter_sent_metric_points')).to.equal(4);

      const at = `@ ${time / 1000}`;
      const value = async (promql: string) => (await prometheus.query(promql)).map((found) => found.value);
      expect(await value(`histogram_count(h ${at})`)).to.deep.equal([12]);
      expect(await value(`histogram_sum(h ${at})`)).to.deep.equal([40]);
      // Of twelve, the four negative and the two around zero are at most 0.001, two more at most 1, three more at most 2.
      expect(await value(`histogram_fraction(-Inf, 1, h ${at})`)).to.deep.equal([8 / 12]);
      expect(await value(`histogram_fraction(-2, -1, h ${at})`)).to.deep.equal([4 / 12]);
      expect(await value(`c_total ${at}`)).to.deep.equal([7]);
      expect(await prometheus.exemplars('c_total', time - 1000, time)).to.deep.equal([
        { labels: { trace_id: 'abc' }, value: 0.5 },
      ]);
      expect(await prometheus.query(`{job="j"} @ ${(time + 1000) / 1000}`)).to.deep.equal([]);
    });
  }
});
