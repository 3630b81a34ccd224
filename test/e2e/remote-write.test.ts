import { expect } from 'chai';
import type { ExporterFactory } from '#component';
import { parse } from '#config';
import { labelsOf, makeFamily, makeSeries, makeSet, type Snapshot, staleValues } from '#metrics';
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
      labels: { __name__: 'target_info', instance: 'a:1', job: 'j', k8s_node_name: 'n1' },
      value: 1,
    });
    expect(await prometheus.query(`{job="j"} @ ${stale / 1000}`)).to.deep.equal([]);
  });
});
