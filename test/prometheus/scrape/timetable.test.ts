import { expect } from 'chai';
import { timetableOf } from '../../../src/prometheus/scrape/timetable.ts';
import { FakeClock } from '../../support/clock.ts';

describe('prometheus/scrape timetable', () => {
  const notes = (called: string[]) => (name: string) => () => {
    called.push(name);
    return undefined;
  };

  it('has what follows done five to a turn of the event loop, when all that is due has been called', async () => {
    const clock = new FakeClock();
    const called: string[] = [];
    for (let i = 0; i < 25; i++) {
      timetableOf(clock).at(7, () => {
        called.push('called');
        return () => {
          if (called.push('done') === 26) setImmediate(() => called.push('the next turn'));
        };
      });
    }
    await clock.advance(7);
    while (called.length < 51) await new Promise(setImmediate);
    expect(called.slice(0, 25)).to.deep.equal(Array(25).fill('called'));
    expect(called.indexOf('the next turn')).to.equal(30);
  });

  it('has one go ahead where it is the first time for some, and waits before the next five', async () => {
    const clock = new FakeClock();
    const called: string[] = [];
    for (let i = 0; i < 11; i++) timetableOf(clock).at(7, () => () => void called.push('done'), i === 10);
    await clock.advance(7);
    expect(called).to.have.length(1);
    await clock.advance(4);
    expect(called).to.have.length(6);
    await clock.advance(4);
    expect(called).to.have.length(11);
    expect(clock.pending).to.equal(0);
  });

  it('calls all that is due in one millisecond by one timer', async () => {
    const clock = new FakeClock();
    const called: string[] = [];
    const noting = notes(called);
    timetableOf(clock).at(99.6, noting('a'));
    timetableOf(clock).at(100.4, noting('b'));
    timetableOf(clock).at(101, noting('c'));
    expect(clock.pending).to.equal(2);
    await clock.advance(100);
    expect(called).to.deep.equal(['a', 'b']);
    await clock.advance(1);
    expect([called, clock.pending]).to.deep.equal([['a', 'b', 'c'], 0]);
  });

  it('calls nothing that was cancelled, and has no timer for nothing', async () => {
    const clock = new FakeClock();
    const called: string[] = [];
    const noting = notes(called);
    const [cancelA, cancelB] = ['a', 'b'].map((name) => timetableOf(clock).at(5, noting(name)));
    cancelA!();
    cancelA!();
    expect(clock.pending).to.equal(1);
    cancelB!();
    expect(clock.pending).to.equal(0);
    timetableOf(clock).at(5, noting('c'));
    cancelB!();
    await clock.advance(5);
    expect(called).to.deep.equal(['c']);
  });

  it('takes what is due already, also for the same moment again while it calls', async () => {
    const clock = new FakeClock();
    const called: string[] = [];
    const noting = notes(called);
    await clock.advance(10);
    timetableOf(clock).at(3, () => {
      called.push('a');
      timetableOf(clock).at(3, noting('b'));
      return undefined;
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
