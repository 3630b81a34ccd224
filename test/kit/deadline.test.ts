import { expect } from 'chai';
import { deadline } from '#kit';
import { FakeClock } from '../support/clock.ts';

describe('kit deadline', () => {
  it('aborts when the time is over, and says how long it was', async () => {
    const clock = new FakeClock();
    const { signal } = deadline(clock, 1500, new AbortController().signal);
    await clock.advance(1499);
    expect(signal.aborted).to.equal(false);
    await clock.advance(1);
    expect(signal.reason).to.be.an('error').with.property('message', 'timed out after 1.5 s');
  });

  it('aborts with the reason of the signal it was given, even of one that has aborted already', () => {
    const outer = new AbortController();
    const { signal } = deadline(new FakeClock(), 1000, outer.signal);
    outer.abort('enough');
    expect(signal.reason).to.equal('enough');
    expect(deadline(new FakeClock(), 1000, outer.signal).signal.reason).to.equal('enough');
  });

  it('leaves nothing on the clock, and follows nobody, once it has ended', () => {
    const clock = new FakeClock();
    const outer = new AbortController();
    const { signal, end } = deadline(clock, 1000, outer.signal);
    end();
    outer.abort();
    expect([clock.pending, signal.aborted]).to.deep.equal([0, false]);
  });
});
