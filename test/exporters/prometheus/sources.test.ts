import { expect } from 'chai';
import { formatLabels, isStale, makeSet, markStale, type SeriesSet, staleValues } from '#metrics';
import { Sources } from '../../../exporters/prometheus/sources.ts';
import { setOf, snapshotOf } from '../../support/batch.ts';
import { FakeClock } from '../../support/clock.ts';

describe('the state of the prometheus exporter', () => {
  let clock: FakeClock;
  let collisions: [string, number][];
  let sources: Sources;

  beforeEach(() => {
    clock = new FakeClock();
    collisions = [];
    const onCollision = (series: { labels: readonly string[] }, count: number) =>
      collisions.push([formatLabels(series.labels), count]);
    sources = new Sources({ clock, expiration: 300_000, onCollision });
  });

  const put = (set: SeriesSet, ...values: number[]) => sources.take([snapshotOf(set, values)]);
  const end = (set: SeriesSet) => sources.take([{ set, values: staleValues(set.series.length), time: 0 }]);
  const shown = () =>
    sources
      .current()
      .flatMap(({ snapshot: { set, values }, hidden }) =>
        set.series.flatMap((one, i) =>
          hidden?.[i] || isStale(values, i) ? [] : [`${formatLabels(one.labels).replace('{}', '')} ${values[i]}`],
        ),
      )
      .sort();
  const part = (set: SeriesSet, from: number, to: number) => makeSet(set.series.slice(from, to));

  it('is the last value of each series', () => {
    const [one, other] = [setOf([['a'], ['b']]), setOf([['c']])];
    put(one, 1, 2);
    put(other, 3);
    put(one, 4, 5);
    expect(shown()).to.deep.equal(['a 4', 'b 5', 'c 3']);
    expect(sources.size).to.equal(3);
  });

  it('has a new set take over the series of the one before', () => {
    const before = setOf([['a'], ['b']]);
    put(before, 1, 2);
    put(makeSet([...before.series, ...setOf([['c']]).series]), 3, 4, 5);
    expect(shown()).to.deep.equal(['a 3', 'b 4', 'c 5']);
    expect(sources.current()).to.have.length(1);
    expect(collisions).to.deep.equal([]);
  });

  it('loses a series that is marked stale at once, in whatever set the mark comes', () => {
    const set = setOf([['a'], ['b'], ['c']]);
    put(set, 1, 2, 3);
    end(part(set, 0, 1));
    expect(shown()).to.deep.equal(['b 2', 'c 3']);
    const values = Float64Array.of(4, 5, 6);
    markStale(values, 1);
    sources.take([{ set, values, time: 0 }]);
    expect(shown()).to.deep.equal(['a 4', 'c 6']);
    end(set);
    expect(shown()).to.deep.equal([]);
    expect(sources.size).to.equal(0);
    put(set, 7, 8, 9);
    expect(shown()).to.deep.equal(['a 7', 'b 8', 'c 9']);
  });

  it('takes a set in slices, cut differently each time, without a collision', () => {
    const set = setOf([['a'], ['b'], ['c']]);
    const slices = [part(set, 0, 2), part(set, 2, 3), part(set, 0, 1), part(set, 1, 3)] as const;
    for (let round = 0; round < 3; round++) {
      sources.take([snapshotOf(slices[0], [round, round]), snapshotOf(slices[1], [round])]);
      sources.take([snapshotOf(slices[2], [round + 10]), snapshotOf(slices[3], [round + 10, round + 10])]);
      expect(shown()).to.deep.equal([`a ${round + 10}`, `b ${round + 10}`, `c ${round + 10}`]);
    }
    expect(collisions).to.deep.equal([]);
  });

  it('forgets what is not reported again', async () => {
    const [one, other] = [setOf([['a']]), setOf([['b']])];
    put(one, 1);
    put(other, 2);
    await clock.advance(299_999);
    put(other, 3);
    await clock.advance(1);
    const version = sources.version();
    expect(shown()).to.deep.equal(['b 3']);
    await clock.advance(300_000);
    expect(sources.version()).to.not.equal(version);
    expect([sources.size, shown()]).to.deep.equal([0, []]);
  });

  it('never changes what it has handed out', () => {
    const set = setOf([['a'], ['b'], ['c']]);
    put(set, 1, 2, 3);
    end(part(set, 0, 1));
    const handed = sources.current();
    const before = JSON.stringify(handed);
    end(part(set, 1, 2));
    put(set, 4, 5, 6);
    expect(JSON.stringify(handed)).to.equal(before);
  });

  describe('when two sources report the same series', () => {
    const first = setOf([['a'], ['b']]);
    const second = setOf([['b'], ['c']]);

    it('shows the one that came first, and counts the other', () => {
      for (let round = 0; round < 4; round++) {
        put(first, 1, round);
        put(second, round + 100, 3);
        expect(shown().filter((line) => line.startsWith('b'))).to.have.length(1);
      }
      put(first, 1, 9);
      expect(shown()).to.deep.equal(['a 1', 'b 9', 'c 3']);
      put(second, 109, 3);
      expect(shown()).to.deep.equal(['a 1', 'b 9', 'c 3']);
      expect(collisions.at(-1)).to.deep.equal(['b{}', 1]);
    });

    it('does so when they report exactly the same', () => {
      const [one, twin] = [setOf([['a']]), setOf([['a']])];
      for (let round = 0; round < 3; round++) {
        put(one, 1);
        put(twin, 2);
      }
      expect(shown()).to.deep.equal(['a 1']);
      expect(collisions.length).to.be.at.least(3);
    });

    it('shows the other when the first ends or expires', async () => {
      put(first, 1, 2);
      put(second, 3, 4);
      put(first, 1, 2);
      end(first);
      put(second, 5, 6);
      expect(shown()).to.deep.equal(['b 5', 'c 6']);
      put(first, 7, 8);
      expect(shown()).to.deep.equal(['a 7', 'b 8', 'c 6']);
      await clock.advance(200_000);
      put(second, 9, 10);
      await clock.advance(200_000);
      put(second, 11, 12);
      expect(shown()).to.deep.equal(['b 11', 'c 12']);
    });

    it('shows a series once, whatever the order of 1,000 random events', () => {
      let seed = 7;
      const random = (n: number) => {
        seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
        return seed % n;
      };
      const names = ['a', 'b', 'c', 'd', 'e'];
      const sets = Array.from({ length: 12 }, () =>
        setOf(names.filter(() => random(2) === 0).map((name): [string] => [name])),
      );
      for (let event = 0; event < 1000; event++) {
        const set = sets[random(sets.length)]!;
        if (random(5) === 0) end(set);
        else put(set, ...set.series.map(() => event));
        const lines = shown().map((line) => line.split(' ')[0]);
        expect(lines).to.deep.equal([...new Set(lines)]);
        expect(lines.length).to.equal(sources.size);
      }
    });
  });
});
