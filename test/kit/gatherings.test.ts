import { expect } from 'chai';
import type { MetricDeclaration } from '#component';
import { Gatherings } from '#kit';
import { type Batch, formatLabels, isStale } from '#metrics';

const METRIC: MetricDeclaration = { name: 'm', type: 'gauge', help: '' };
const shown = (batch: Batch) =>
  batch.map(({ set, values }) =>
    set.series.map((one, i) => `${formatLabels(one.labels)} ${isStale(values, i) ? 'stale' : values[i]}`),
  );

describe('Gatherings', () => {
  it('one that changes leaves the set of the others as it is', () => {
    const all = new Gatherings();
    const round = (time: number, ...keys: string[]) => {
      for (const key of keys) all.of(key).add(METRIC, { key }, time);
      return all.finish(time);
    };
    const first = round(1, 'a', 'b');
    expect(shown(first)).to.deep.equal([['m{key="a"} 1'], ['m{key="b"} 1']]);
    const second = round(2, 'b', 'c');
    expect(shown(second)).to.deep.equal([['m{key="a"} stale'], ['m{key="b"} 2'], ['m{key="c"} 2']]);
    expect(second[1]?.set).to.equal(first[1]?.set);
    expect(shown(round(3, 'b'))).to.deep.equal([['m{key="c"} stale'], ['m{key="b"} 3']]);
    expect(shown(round(4))).to.deep.equal([['m{key="b"} stale']]);
    expect(round(5)).to.deep.equal([]);
  });
});
