import { expect } from 'chai';
import { parse } from '#config';
import { labelsOf } from '#metrics';
import { compileRelabel, createPageParser, prometheusConfig } from '#prometheus';
import { Shaper } from '../../../src/prometheus/scrape/shape.ts';

function shaperOf(scrape: object = {}) {
  const config = parse(prometheusConfig, { scrape_configs: [{ job_name: 'j', ...scrape }] }).scrapes[0]!;
  const relabeler = compileRelabel(config.metricRelabel);
  let relabelled = 0;
  const shaper = new Shaper({
    config,
    target: labelsOf({ job: 'j' }),
    relabel(labels) {
      relabelled++;
      return relabeler.relabel(labels);
    },
    externalLabels: new Map(),
  });
  const parser = createPageParser({ format: 'text' });
  return {
    shaper,
    shape: (page: string) => shaper.shape(parser.parse(Buffer.from(page)).layout),
    relabelled: () => relabelled,
  };
}

const page = (...names: string[]) => names.map((name) => `${name} 1\n`).join('');

describe('prometheus/scrape shapes', () => {
  it('relabels a series once, for as long as it is there', () => {
    const { shape, relabelled } = shaperOf();
    shape(page('a', 'b'));
    shape(page('a', 'b'));
    expect(relabelled()).to.equal(2);
    shape(page('a', 'aa', 'b'));
    expect(relabelled()).to.equal(3);
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

  it('counts what is new since the last good page', () => {
    const { shape } = shaperOf({ label_limit: 2 });
    expect(shape(page('a', 'b')).added).to.equal(2);
    expect(shape(page('a', 'b')).added).to.equal(0);
    expect(() => shape(`${page('a', 'c')}d{x="1"} 1\n`)).to.throw(
      'label_limit exceeded (metric: d, labels: 3, limit: 2)',
    );
    expect(shape(page('a', 'c')).added).to.equal(1);
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
});
