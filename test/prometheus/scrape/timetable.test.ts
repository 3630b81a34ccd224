import { expect } from 'chai';
import { timetableOf } from '../../../src/prometheus/scrape/timetable.ts';
import { FakeClock } from '../../support/clock.ts';

describe('prometheus/scrape timetable', () => {
  it('calls all that is due in one millisecond by one timer', async () => {
    const clock = new FakeClock();
    const called: string[] = [];
    timetableOf(clock).at(99.6, () => called.push('a'));
    timetableOf(clock).at(100.4, () => called.push('b'));
    timetableOf(clock).at(101, () => called.push('c'));
    expect(clock.pending).to.equal(2);
    await clock.advance(100);
    expect(called).to.deep.equal(['a', 'b']);
    await clock.advance(1);
    expect([called, clock.pending]).to.deep.equal([['a', 'b', 'c'], 0]);
  });

  it('calls nothing that was cancelled, and has no timer for nothing', async () => {
    const clock = new FakeClock();
    const called: string[] = [];
    const [cancelA, cancelB] = ['a', 'b'].map((name) => timetableOf(clock).at(5, () => called.push(name)));
    cancelA!();
    cancelA!();
    expect(clock.pending).to.equal(1);
    cancelB!();
    expect(clock.pending).to.equal(0);
    timetableOf(clock).at(5, () => called.push('c'));
    cancelB!();
    await clock.advance(5);
    expect(called).to.deep.equal(['c']);
  });

  it('takes what is due already, also for the same moment again while it calls', async () => {
    const clock = new FakeClock();
    const called: string[] = [];
    await clock.advance(10);
    timetableOf(clock).at(3, () => {
      called.push('a');
      timetableOf(clock).at(3, () => called.push('b'));
    });
    await clock.advance(0);
    await clock.advance(0);
    expect(called).to.deep.equal(['a', 'b']);
  });

  it('is one for a clock', () => {
    const clock = new FakeClock();
    expect(timetableOf(clock)).to.equal(timetableOf(clock));
    expect(timetableOf(clock)).not.to.equal(timetableOf(new FakeClock()));
  });
});
