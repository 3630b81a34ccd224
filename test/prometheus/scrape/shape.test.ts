import { expect } from 'chai';
import { parse } from '#config';
import { formatLabels, type Labels, labelsOf, makeFamily, type Series } from '#metrics';
import { compileRelabel, createPageParser, type ParsedPage, parsePage, prometheusConfig } from '#prometheus';
import { joinLabels } from '../../../src/prometheus/scrape/labels.ts';
import type { SharedLabels } from '../../../src/prometheus/scrape/naming.ts';
import { Shaper, type ShaperOptions } from '../../../src/prometheus/scrape/shape.ts';
import { random } from '../../support/random.ts';

function shaperOf(scrape: object = {}) {
  const config = parse(prometheusConfig, { scrape_configs: [{ job_name: 'j', ...scrape }] }).scrapes[0]!;
  const relabeler = compileRelabel(config.metricRelabel);
  let relabelled = 0;
  const relabel = (labels: Labels) => {
    relabelled++;
    return relabeler.relabel(labels);
  };
  const options: ShaperOptions = {
    config,
    target: labelsOf({ job: 'j' }),
    relabel: 'metric_relabel_configs' in scrape ? relabel : undefined,
    externalLabels: new Map(),
  };
  const shaper = new Shaper(options);
  const parser = createPageParser({ format: 'text' });
  return {
    options,
    shaper,
    shape(page: string) {
      const { layout, origin } = parser.parse(Buffer.from(page));
      return shaper.shape(layout, origin);
    },
    relabelled: () => relabelled,
  };
}

const page = (...names: string[]) => names.map((name) => `${name} 1\n`).join('');

describe('prometheus/scrape shapes', () => {
  it('relabels a series once, for as long as it is there', () => {
    const { shape, relabelled } = shaperOf({ metric_relabel_configs: [] });
    shape(page('a', 'b'));
    shape(page('a', 'b'));
    expect(relabelled()).to.equal(2);
    shape(page('a', 'aa', 'b'));
    expect(relabelled()).to.equal(3);
  });

  it('of a large page is made in steps before it is asked for', () => {
    const { shaper } = shaperOf();
    const parser = createPageParser({ format: 'text' });
    const large = (from: number) =>
      parser.parse(Buffer.from(Array.from({ length: 20_000 }, (_, i) => `a{i="${from + i}"} 1\n`).join('')));
    const steps = (page: ParsedPage): number => {
      const work = shaper.prepare(page.layout, page.origin);
      let count = 0;
      while (work && !work.next().done) count++;
      return count;
    };
    const first = large(0);
    expect(steps(first)).to.be.at.least(70);
    expect(shaper.shape(first.layout).added).to.equal(20_000);
    expect(shaper.shape(first.layout).added).to.equal(0);
    expect(steps(first)).to.equal(0);
    const second = large(5);
    expect(steps(second)).to.be.at.least(70);
    const shape = shaper.shape(second.layout, second.origin);
    expect([shape.added, shape.vanished!.series.length, shape.set.series.length]).to.deep.equal([5, 5, 20_000]);
    expect(shape.set.series[0]!.labels).to.include('5');
    expect(shaper.shape(second.layout).vanished).to.equal(undefined);
  });

  it('of a small page is made when it is asked for', () => {
    const { shaper } = shaperOf();
    expect(shaper.prepare(parsePage(Buffer.from(page('a')), { format: 'text' }).layout)).to.equal(undefined);
  });

  it('needs no index while every sample is kept', () => {
    const { shape } = shaperOf({
      metric_relabel_configs: [{ source_labels: ['__name__'], regex: 'x', action: 'drop' }],
    });
    expect(shape(page('a', 'b')).index).to.equal(undefined);
    expect(shape(page('a', 'x', 'b')).index).to.deep.equal(Uint32Array.of(0, 2));
  });

  it('keeps its set when only dropped samples change', () => {
    const { shape } = shaperOf({
      metric_relabel_configs: [{ source_labels: ['__name__'], regex: 'x', action: 'drop' }],
    });
    const { set } = shape(page('a', 'b'));
    expect(shape(page('x', 'a', 'b')).set).to.equal(set);
  });

  it('keeps series when the page puts them in another order', () => {
    const { shape } = shaperOf();
    const [a, b] = shape(page('a', 'b')).set.series;
    expect(shape(page('b', 'a')).set.series).to.have.ordered.members([b, a]);
  });

  it('counts what no page had since the last good one', () => {
    const { shape } = shaperOf({ label_limit: 2 });
    expect(shape(page('a', 'b')).added).to.equal(2);
    expect(shape(page('a', 'b')).added).to.equal(0);
    expect(() => shape(`${page('a', 'c')}d{x="1"} 1\n`)).to.throw(
      'label_limit exceeded (metric: d, labels: 3, limit: 2)',
    );
    expect(shape(page('a', 'c')).added).to.equal(0);
    expect(shape(page('a', 'd')).added).to.equal(1);
  });

  it('holds no more than the live series after a good page', () => {
    const { shape, shaper } = shaperOf();
    for (let scrape = 0; scrape < 20; scrape++) shape(page(...Array.from({ length: 50 }, (_, i) => `m${scrape}_${i}`)));
    expect(shaper.size).to.equal(50);
  });

  it('tracks all but the series with timestamps of their own', () => {
    const { shape } = shaperOf();
    const { set, tracked } = shape('a 1\nb 1 1700000000000\n');
    expect(tracked.series).to.deep.equal([set.series[0]]);
    const again = shaperOf({ track_timestamps_staleness: true }).shape('a 1\nb 1 1700000000000\n');
    expect(again.tracked).to.equal(again.set);
  });

  it('shares labels with the targets that show the same', () => {
    const shared: SharedLabels = new WeakMap();
    const { layout } = createPageParser({ format: 'text' }).parse(Buffer.from('a{zone="x."} 1\n'));
    const rules = { metric_relabel_configs: [{ source_labels: ['zone'], regex: '(.*)\\.', target_label: 'zone' }] };
    const sets = ['one', 'two'].map((instance) => {
      const { options } = shaperOf(rules);
      return new Shaper({ ...options, target: labelsOf({ job: 'j', instance }), shared }).shape(layout).set;
    });
    expect(sets.map(({ series }) => formatLabels(series[0]!.labels))).to.deep.equal([
      'a{instance="one",job="j",zone="x"}',
      'a{instance="two",job="j",zone="x"}',
    ]);
    expect(shared.get(layout.samples[0]!)).to.deep.equal(labelsOf({ __name__: 'a', zone: 'x' }));
  });

  it('take no word of another parser for where a layout comes from', () => {
    const { shaper } = shaperOf();
    const parser = createPageParser({ format: 'text' });
    const [first, second] = [page('a', 'b'), page('b', 'c')].map((text) => parser.parse(Buffer.from(text)));
    shaper.shape(parsePage(Buffer.from(page('x', 'y')), { format: 'text' }).layout);
    const { set, added } = shaper.shape(second!.layout, second!.origin);
    expect(second!.origin!.before).to.equal(first!.layout);
    expect([set.series.map(({ labels }) => formatLabels(labels)), added]).to.deep.equal([
      ['b{job="j"}', 'c{job="j"}'],
      2,
    ]);
  });

  it('give a series of a sample that stays its new family', () => {
    const { shape } = shaperOf();
    const { series } = shape('# TYPE a gauge\na 1\nb 1\n').set;
    const changed = shape('# TYPE a counter\na 1\nb 1\n');
    expect(changed.set.series.map(({ family }) => family.type)).to.deep.equal(['counter', 'unknown']);
    expect([changed.set.series[1], changed.added]).to.deep.equal([series[1], 0]);
  });

  it('have a series once that becomes a native histogram', () => {
    const { shaper } = shaperOf();
    const family = makeFamily('a', 'histogram');
    const [a, b] = ['a', 'b'].map((name) => ({ family, labels: labelsOf({ __name__: name }), hasTimestamp: false }));
    shaper.shape({ samples: [a!, b!] });
    const { set, added, vanished } = shaper.shape({ samples: [{ ...a!, native: true }, b!] });
    expect(set.series.map(({ native }) => native)).to.deep.equal([true, undefined]);
    expect([added, vanished!.series]).to.deep.equal([0, []]);
  });

  const rules = {
    metric_relabel_configs: [
      { source_labels: ['x'], regex: '[01]', action: 'drop' },
      { regex: 'y', action: 'labeldrop' },
      { source_labels: ['x'], regex: '9', target_label: 'job', replacement: 'mine' },
    ],
  };
  const areTrue = (scrape: object) => () => {
    const rnd = random(23);
    const { shape, options } = shaperOf(scrape);
    const relabel = options.relabel ?? ((labels) => labels);
    let before = new Map<string, Series>();
    let sameSeries = 0;
    for (let round = 0; round < 300; round++) {
      const lines = Array.from({ length: Math.floor(rnd() * 60) }, () => {
        const pick = (n: number) => Math.floor(rnd() * n);
        return `m${pick(4)}{x="${pick(12)}"${rnd() < 0.3 ? `,y="${pick(2)}"` : ''}${rnd() < 0.1 ? ',job="own"' : ''}} 1\n`;
      });
      if (rnd() < 0.6) lines.sort();
      const page = lines.join('');
      const want = new Set<string>();
      for (const { labels } of parsePage(Buffer.from(page), { format: 'text' }).layout.samples) {
        const named = relabel(joinLabels(labels, options.target, false));
        if (named) want.add(formatLabels(named));
      }
      const { set, added, kept, duplicates, index } = shape(page);
      const names = set.series.map((series) => formatLabels(series.labels));
      expect(names).to.deep.equal([...want]);
      expect(added).to.equal(names.filter((name) => !before.has(name)).length);
      expect(kept - duplicates).to.equal(names.length);
      if (!index) expect(names.length).to.equal(lines.length);
      names.forEach((name, i) => {
        if (!before.has(name)) return;
        expect(set.series[i]).to.equal(before.get(name));
        sameSeries++;
      });
      before = new Map(names.map((name, i) => [name, set.series[i]!]));
    }
    expect(sameSeries).to.be.above(1000);
  };
  it('are what labels made anew for each page say, whatever comes and goes', areTrue({}));
  it('are so with rules as well', areTrue(rules));
});
