import { expect } from 'chai';
import type { ProcessorFactory } from '#component';
import { parse } from '#config';
import {
  isStale,
  labelsOf,
  type MetricType,
  makeFamily,
  makeSeries,
  makeSet,
  type Series,
  type SeriesSet,
  staleValues,
} from '#metrics';
import relabel from '../../../processors/relabel/relabel.ts';
import { processorContract } from '../../contract/processor.ts';
import { lines, setOf, snapshotOf } from '../../support/batch.ts';
import { CUSTOM, EXPONENTIAL, nativeSet, nativeSnapshot } from '../../support/histograms.ts';
import { fakeHost, sink } from '../../support/host.ts';

const factory = relabel as ProcessorFactory;
const signal = new AbortController().signal;
const dropB = { source_labels: ['zone'], regex: 'b', action: 'drop' };
const zoneToZ = { source_labels: ['zone'], target_label: 'z' };

function make(...rules: unknown[]) {
  const host = fakeHost('processor', 'relabel');
  const next = sink();
  const processor = factory.create(parse(factory.config, { metric_relabel_configs: rules }), host, next);
  const send = async (set: SeriesSet, values: number[]) => {
    await processor.consume([snapshotOf(set, values)], signal);
    return next.batches.at(-1)?.[0];
  };
  const dropped = (reason: string) => host.metric('dnscol_processor_relabel_dropped_metric_points_total', { reason });
  return { host, next, processor, send, dropped };
}

const zones = (...names: string[]) => setOf(names.map((zone) => ['up', { zone }]));

describe('processors/relabel', () => {
  processorContract(relabel, { config: { metric_relabel_configs: [] } });
  processorContract(relabel, { config: { metric_relabel_configs: [zoneToZ] } });

  it('takes native histograms, exemplars and start times along, a new name too', async () => {
    const rename = { source_labels: ['__name__'], target_label: '__name__', replacement: 'x_$1' };
    const { processor, next } = make(dropB, rename);
    const exemplars = [0, 1, 2].map((index) => ({ index, labels: ['id', `${index}`], value: 1 }));
    const starts = Float64Array.of(5, 6, 7);
    const set = nativeSet('a', 'b', 'c');
    await processor.consume([nativeSnapshot(set, [EXPONENTIAL, CUSTOM, CUSTOM], { exemplars, starts })], signal);
    const [got] = next.batches.at(-1)!;
    expect(got!.set.series.map(({ family, native }) => [family.name, family.type, native])).to.deep.equal([
      ['x_h', 'histogram', true],
      ['x_h', 'histogram', true],
    ]);
    expect([...got!.histograms!]).to.deep.equal([
      [0, EXPONENTIAL],
      [1, CUSTOM],
    ]);
    expect(got!.exemplars).to.deep.equal([exemplars[0], { ...exemplars[2], index: 1 }]);
    expect([...got!.starts!]).to.deep.equal([5, 7]);
  });

  it('relabels and drops, and values follow their series', async () => {
    const { send, next, dropped } = make(dropB, zoneToZ);
    await send(zones('a', 'b', 'c'), [1, 2, 3]);
    expect(lines(next.batches[0]!)).to.deep.equal([
      'up{z="a",zone="a"} 1 @1700000000000',
      'up{z="c",zone="c"} 3 @1700000000000',
    ]);
    expect(dropped('rule')).to.equal(1);
  });

  it('sends nothing on when nothing is left', async () => {
    const { send, next, dropped } = make({ action: 'drop' });
    await send(zones('a', 'b'), [1, 2]);
    expect(next.batches).to.have.length(0);
    expect(dropped('rule')).to.equal(2);
  });

  it('keeps times and the stale bits of the series that stay', async () => {
    const { processor, next } = make(dropB);
    const set = zones('a', 'b', 'c');
    await processor.consume([{ set, values: staleValues(3), time: 0, times: Float64Array.of(1, 2, 3) }], signal);
    const [out] = next.batches[0]!;
    expect([...out!.times!]).to.deep.equal([1, 3]);
    expect([0, 1].map((i) => isStale(out!.values, i))).to.deep.equal([true, true]);
  });

  describe('paying once', () => {
    it('hands an unchanged set on as it is, with its snapshot', async () => {
      const { processor, next } = make({ ...dropB, regex: 'x' });
      const given = snapshotOf(zones('a'), [1]);
      await processor.consume([given], signal);
      expect(next.batches[0]![0]).to.equal(given);
    });

    it('makes the same set of the same set, sharing the values when all series stay', async () => {
      const { send } = make(zoneToZ);
      const set = zones('a', 'b');
      const first = await send(set, [1, 2]);
      const values = Float64Array.of(3, 4);
      const { processor, next } = make(zoneToZ);
      await processor.consume([{ set, values, time: 1 }], signal);
      await processor.consume([{ set, values, time: 2 }], signal);
      expect(next.batches[0]![0]!.values).to.equal(values);
      expect(next.batches[1]![0]!.set).to.equal(next.batches[0]![0]!.set);
      expect(first!.set).not.to.equal(set);
    });

    it('keeps the objects of the series that stay when others come', async () => {
      const { send } = make(zoneToZ);
      const a = zones('a').series[0]!;
      const b = zones('b').series[0]!;
      const first = await send(makeSet([a]), [1]);
      const second = await send(makeSet([a, b]), [1, 2]);
      expect(second!.set.series[0]).to.equal(first!.set.series[0]);
    });
  });

  describe('series that become equal', () => {
    it('leave the first; the others are counted, and said once', async () => {
      const { send, next, host, dropped } = make({ regex: 'zone', action: 'labeldrop' });
      const set = zones('a', 'b', 'c');
      await send(set, [1, 2, 3]);
      await send(set, [4, 5, 6]);
      expect(next.batches.flatMap(lines)).to.deep.equal(['up{} 1 @1700000000000', 'up{} 4 @1700000000000']);
      expect(dropped('duplicate')).to.equal(4);
      expect(host.logs.map((l) => l.message)).to.have.length(1);
      expect(host.logs[0]!.message).to.contain('up{}');
    });

    it('are found among many', async () => {
      const { send, dropped } = make({ source_labels: ['n'], regex: '(.*)x', target_label: 'n' });
      const names = Array.from({ length: 2000 }, (_, i): [string, Record<string, string>] => ['m', { n: `${i}` }]);
      const out = await send(setOf([...names, ['m', { n: '77x' }]]), new Array(2001).fill(0));
      expect(out!.set.series).to.have.length(2000);
      expect(dropped('duplicate')).to.equal(1);
    });
  });

  it('counts series that lose their name', async () => {
    const { send, next, dropped } = make({ target_label: '__name__', replacement: '' });
    await send(zones('a'), [1]);
    expect(next.batches).to.have.length(0);
    expect(dropped('no_name')).to.equal(1);
  });

  describe('a new name', () => {
    const rename = { source_labels: ['__name__'], target_label: '__name__' };
    const one = (family: string, type: MetricType, name: string, unit = ''): Series =>
      makeSeries(makeFamily(family, type, 'Help.', unit), labelsOf({ __name__: name }));
    const moves = (series: Series, regex: string, replacement: string, want: string) =>
      it(`${series.family.type} ${series.labels[1]} as ${replacement} is of ${want}`, async () => {
        const { send } = make({ ...rename, regex, replacement });
        const out = await send(makeSet([series]), [1]);
        const { family, labels } = out!.set.series[0]!;
        expect(`${family.type} ${family.name} (${labels[1]}) ${family.unit}`.trim()).to.equal(want);
        expect(family.help).to.equal('Help.');
      });

    moves(one('h', 'histogram', 'h_bucket'), '(.*)', 'x_$1', 'histogram x_h (x_h_bucket)');
    moves(one('h', 'histogram', 'h_bucket'), '.*', 'y', 'unknown y (y)');
    moves(one('h', 'histogram', 'h_bucket'), '.*', '_bucket', 'unknown _bucket (_bucket)');
    moves(one('c', 'counter', 'c_total'), '(.*)', 'x_$1', 'counter x_c (x_c_total)');
    moves(one('c', 'counter', 'c_total'), '.*', 'y', 'counter y (y)');
    moves(one('c_total', 'counter', 'c_total'), '.*', 'y_total', 'counter y_total (y_total)');
    moves(one('c', 'counter', 'c_created'), '.*', 'y', 'unknown y (y)');
    moves(one('s', 'summary', 's'), '.*', 't', 'summary t (t)');
    moves(one('g_seconds', 'gauge', 'g_seconds', 'seconds'), '.*', 't_seconds', 'gauge t_seconds (t_seconds) seconds');
    moves(one('g_seconds', 'gauge', 'g_seconds', 'seconds'), '.*', 't', 'gauge t (t)');

    it('leaves the series of a family with one family', async () => {
      const { send } = make({ ...rename, regex: '(.*)', replacement: 'x_$1' });
      const family = makeFamily('h', 'histogram');
      const set = makeSet(['h_bucket', 'h_sum'].map((name) => makeSeries(family, labelsOf({ __name__: name }))));
      const out = await send(set, [1, 2]);
      expect(out!.set.series[0]!.family).to.equal(out!.set.series[1]!.family);
    });
  });

  describe('configuration', () => {
    it('takes UTF-8 names by default and refuses them under legacy, at their place', () => {
      const rule = { target_label: 'é', replacement: 'x' };
      expect(() => parse(factory.config, { metric_relabel_configs: [rule] })).not.to.throw();
      expect(() =>
        parse(factory.config, { metric_relabel_configs: [rule], name_validation_scheme: 'legacy' }),
      ).to.throw('metric_relabel_configs[0].target_label: is not a label name');
    });

    it('says what is wrong with a pattern', () => {
      expect(() => parse(factory.config, { metric_relabel_configs: [{ ...dropB, regex: 'a(b' }] })).to.throw(
        'metric_relabel_configs[0].regex: is not a regular expression (RE2): missing closing )',
      );
    });
  });
});
