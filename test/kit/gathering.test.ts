import { expect } from 'chai';
import { Gathering } from '#kit';
import { isStale, seriesName } from '#metrics';
import { lines } from '../support/batch.ts';

const metric = { name: 'x_total', type: 'counter', help: 'Xs.' } as const;

describe('Gathering', () => {
  it('gives the same set while the same series are reported', () => {
    const gathering = new Gathering();
    const collect = (value: number) => {
      gathering.add(metric, { a: '1' }, value);
      gathering.add(metric, { a: '2', empty: '' }, value);
      return gathering.finish(1000 + value);
    };
    const [first] = collect(1);
    const [second] = collect(2);
    expect(second!.set).to.equal(first!.set);
    expect(lines([second!])).to.deep.equal(['x_total{a="1"} 2 @1002', 'x_total{a="2"} 2 @1002']);
    expect(first!.set.series[0]!.family).to.include({ name: 'x_total', type: 'counter', help: 'Xs.' });
  });

  it('ends a series that is not reported again, once', () => {
    const gathering = new Gathering();
    gathering.add(metric, { a: '1' }, 1);
    gathering.add(metric, { a: '2' }, 1);
    gathering.finish(1000);
    gathering.add(metric, { a: '2' }, 2);
    const [ended, rest] = gathering.finish(2000);
    expect(ended!.set.series.map((s) => s.labels)).to.deep.equal([['__name__', 'x_total', 'a', '1']]);
    expect(isStale(ended!.values, 0)).to.equal(true);
    expect(lines([rest!])).to.deep.equal(['x_total{a="2"} 2 @2000']);
    gathering.add(metric, { a: '2' }, 3);
    expect(gathering.finish(3000)).to.have.length(1);
  });

  it('ends everything when nothing is reported', () => {
    const gathering = new Gathering();
    gathering.add(metric, {}, 1);
    gathering.finish(1000);
    expect(gathering.finish(2000).map((s) => isStale(s.values, 0))).to.deep.equal([true]);
    expect(gathering.finish(3000)).to.deep.equal([]);
  });

  it('takes a series once', () => {
    const gathering = new Gathering();
    expect(gathering.add(metric, {}, 1)).to.equal(true);
    expect(gathering.add(metric, {}, 2)).to.equal(false);
    expect(lines(gathering.finish(0))).to.deep.equal(['x_total{} 1 @0']);
  });

  it('puts parts of a family under their own names', () => {
    const gathering = new Gathering();
    gathering.add({ name: 'h', type: 'histogram', help: '' }, { le: '1' }, 1, 'h_bucket');
    const [only] = gathering.finish(0);
    expect(seriesName(only!.set.series[0]!)).to.equal('h_bucket');
    expect(only!.set.series[0]!.family.name).to.equal('h');
  });
});
