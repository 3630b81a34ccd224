import { expect } from 'chai';
import { firstScrape, scrapeOffset, type Target } from '../../../src/prometheus/scrape/target.ts';
import { FakeClock } from '../../support/clock.ts';

describe('prometheus/scrape slots', () => {
  const targets = (interval: number): Target[] =>
    Array.from({ length: 2000 }, (_, i) => ({ key: `target ${i}`, interval }) as Target);
  const slots = (interval: number, seed = 'seed') =>
    new Set(targets(interval).map((one) => scrapeOffset(one, seed, 1_700_000_000_000)));

  const lie = (interval: number, count: number, apart: number) =>
    it(`lie ${apart} ms apart in an interval of ${interval} ms`, () => {
      const sorted = [...slots(interval)].sort((a, b) => a - b);
      expect(sorted).to.have.length(count);
      expect(sorted[0]).to.be.within(0, apart);
      for (const [i, slot] of sorted.entries()) expect(slot - sorted[0]!).to.be.closeTo(i * apart, 0.001);
    });
  lie(1000, 10, 100);
  lie(250, 10, 25);
  lie(5000, 50, 100);

  it('lie elsewhere for another seed', () => {
    expect([...slots(1000, 'a')].filter((slot) => slots(1000, 'b').has(slot))).to.deep.equal([]);
  });

  it('that are the same are the same moment, whenever the loop begins', async () => {
    const clock = new FakeClock(1_700_000_000_123);
    const all = targets(1000);
    const moments = new Set<number>();
    for (const one of all) {
      await clock.advance(0.01);
      moments.add(Math.round((firstScrape(clock, one, 'seed') % 1000) * 1000));
    }
    expect(moments.size).to.equal(10);
  });

  it('that have just begun are joined by who comes first, and only by those', () => {
    const clock = new FakeClock(1_700_000_000_123);
    const all = targets(1000);
    const now = clock.monotonic();
    const joining = all.map((one) => firstScrape(clock, one, 'seed', true) - now);
    const waiting = all.map((one) => firstScrape(clock, one, 'seed') - now);
    expect(Math.min(...waiting)).to.be.at.least(0);
    expect(Math.min(...joining)).to.be.within(-100, 0);
    for (const [i, wait] of joining.entries()) {
      expect(wait).to.be.closeTo(waiting[i]! > 900 ? waiting[i]! - 1000 : waiting[i]!, 0.001);
    }
    const late = joining.filter((wait) => wait < 0).length;
    expect(late, 'a tenth of them').to.be.within(140, 260);
  });

  it('follow the wall clock when that has been set', () => {
    const clock = new FakeClock(1_700_000_000_000);
    const [one] = targets(1000) as [Target];
    const before = firstScrape(clock, one, 'seed');
    clock.jump(250);
    expect((firstScrape(clock, one, 'seed') - before + 1000) % 1000).to.equal(750);
  });
});
