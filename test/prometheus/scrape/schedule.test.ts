import { expect } from 'chai';
import { Schedule } from '../../../src/prometheus/scrape/schedule.ts';
import { FakeClock } from '../../support/clock.ts';

describe('prometheus/scrape schedule', () => {
  const start = 1_700_000_000_000;
  const make = () => {
    const clock = new FakeClock(start);
    return { clock, schedule: new Schedule(clock, 10_000, 3000) };
  };
  const left = (clock: FakeClock, { due }: Schedule) => Math.max(0, due - clock.monotonic());

  it('is due after the delay, then once an interval', async () => {
    const { clock, schedule } = make();
    expect(left(clock, schedule)).to.equal(3000);
    await clock.advance(3000);
    expect([left(clock, schedule), schedule.advance(), left(clock, schedule)]).to.deep.equal([0, 0, 10_000]);
  });

  it('a late scrape does not move the next', async () => {
    const { clock, schedule } = make();
    await clock.advance(7000);
    expect([schedule.advance(), left(clock, schedule)]).to.deep.equal([0, 6000]);
  });

  it('a moment that passed a while ago is due at once, and does not move those after it', async () => {
    const { clock, schedule } = make();
    await clock.advance(3000);
    for (const late of [1, 2, 3]) {
      await clock.advance(10_001);
      expect([schedule.advance(), left(clock, schedule)]).to.deep.equal([0, 0]);
      expect(clock.monotonic() - schedule.due).to.equal(late);
    }
    expect(schedule.stamp(), 'the time of a late scrape').to.equal(start + clock.monotonic());
    expect([schedule.advance(), left(clock, schedule)]).to.deep.equal([0, 10_000 - 3]);
  });

  it('of moments that have passed the last is due at once, and the others are counted', async () => {
    const { clock, schedule } = make();
    await clock.advance(3000 + 25_000);
    expect([schedule.advance(), left(clock, schedule)]).to.deep.equal([1, 0]);
    expect([schedule.advance(), left(clock, schedule)]).to.deep.equal([0, 5000]);
  });

  it('timestamps are the slots where the timer was on time, within 2 ms', async () => {
    const { clock, schedule } = make();
    await clock.advance(3000);
    expect(schedule.stamp()).to.equal(start + 3000);
    schedule.advance();
    await clock.advance(10_002);
    expect(schedule.stamp()).to.equal(start + 13_000);
    schedule.advance();
    await clock.advance(10_003);
    expect(schedule.stamp(), 'too late').to.equal(start + 23_005);
  });

  it('follows the wall clock when that is set, without a gap or a burst', async () => {
    const { clock, schedule } = make();
    await clock.advance(3000);
    schedule.stamp();
    schedule.advance();
    clock.jump(-3_600_000 - 500);
    await clock.advance(10_000);
    expect(schedule.stamp()).to.equal(start + 13_000 - 3_600_500);
    expect([schedule.advance(), left(clock, schedule)]).to.deep.equal([0, 10_000]);
    await clock.advance(10_001);
    expect(schedule.stamp(), 'aligned again').to.equal(start + 23_000 - 3_600_500);
  });
});
