import { expect } from 'chai';
import {
  equalLabels,
  labelsHash,
  labelsOf,
  labelsWithout,
  makeFamily,
  makeJoinedSeries,
  makeSeries,
  mergedLabels,
} from '#metrics';

const own = labelsOf({ __name__: 'x', a: '1', z: '2' });
const common = labelsOf({ instance: 'i', job: 'j' });
const whole = labelsOf({ __name__: 'x', a: '1', z: '2', instance: 'i', job: 'j' });

describe('joined series', () => {
  it('have the labels of both parts, sorted', () => {
    const series = makeJoinedSeries(makeFamily('x'), own, common);
    expect(series.labels).to.deep.equal(whole);
    expect(series.labels).to.be.frozen;
    expect(series).to.be.frozen;
  });

  it('are told apart by their labels, as other series are', () => {
    const family = makeFamily('x');
    const series = makeJoinedSeries(family, own, common);
    const other = makeJoinedSeries(family, own, labelsOf({ instance: 'k', job: 'j' }));
    expect(series.labels).to.deep.equal(whole);
    expect(other.labels).not.to.deep.equal(whole);
    expect(series.labels).to.deep.equal(whole);
    expect(series).not.to.deep.equal(other);
    expect(series).to.deep.equal(makeJoinedSeries(family, own, common));
    expect(makeSeries(family, whole).labels).to.deep.equal(series.labels);
  });
});

describe('parts of labels', () => {
  it('make the whole, and are what is left of it', () => {
    expect(mergedLabels(own, common)).to.deep.equal(whole);
    expect(labelsWithout(whole, common)).to.deep.equal(own);
    expect(labelsWithout(whole, own)).to.deep.equal(common);
    expect(labelsWithout(whole, [])).to.equal(whole);
  });

  it('are only taken away as a whole', () => {
    expect(labelsWithout(whole, labelsOf({ instance: 'other', job: 'j' }))).to.equal(undefined);
    expect(labelsWithout(whole, labelsOf({ instance: 'i', nobody: 'j' }))).to.equal(undefined);
  });

  it('come in byte order beyond the basic plane', () => {
    const a = labelsOf({ '\u{1f600}': '1' });
    const b = labelsOf({ '�': '2' });
    expect(equalLabels(mergedLabels(a, b), labelsOf({ '\u{1f600}': '1', '�': '2' }))).to.equal(true);
  });

  it('have a hash in which the ends of names and values count', () => {
    expect(labelsHash(labelsOf({ ab: 'c' }))).not.to.equal(labelsHash(labelsOf({ a: 'bc' })));
    expect(labelsHash(labelsOf({ a: 'b', c: 'd' }))).to.equal(labelsHash(labelsOf({ c: 'd', a: 'b' })));
  });
});
