import { expect } from 'chai';
import { createLosses } from '#queue';
import { FakeClock } from '../support/clock.ts';

describe('createLosses', () => {
  function losses() {
    const clock = new FakeClock();
    const said: [number, string, unknown][] = [];
    return { clock, said, ...createLosses(clock, (...one) => said.push(one)) };
  }

  it('says the first at once, then the sum of a minute with the newest error', async () => {
    const { clock, said, add } = losses();
    add('full', 55, 'first');
    add('full', 55, 'second');
    expect(said).to.deep.equal([[55, 'full', 'first']]);
    await clock.advance(60_000);
    add('full', 10, 'third');
    expect(said.slice(1)).to.deep.equal([[65, 'full', 'third']]);
  });

  it('tells reasons apart', () => {
    const { said, add } = losses();
    add('a', 1);
    add('b', 2);
    expect(said.map(([points, reason]) => [points, reason])).to.deep.equal([
      [1, 'a'],
      [2, 'b'],
    ]);
  });

  it('has said every point after flush, and none twice', async () => {
    const { clock, said, add, flush } = losses();
    let lost = 0;
    for (let i = 1; i <= 100; i++) {
      add(i % 3 ? 'a' : 'b', i);
      lost += i;
      await clock.advance(7_000);
    }
    flush();
    flush();
    expect(said.reduce((sum, [points]) => sum + points, 0)).to.equal(lost);
  });
});
