import { expect } from 'chai';
import { Pacer, Turns } from '../../../receivers/dns_probe/turns.ts';
import { FakeClock, settle } from '../../support/clock.ts';

const never = new AbortController().signal;

describe('Turns', () => {
  it('lets so many in, and the next one for each that leaves, in their order', async () => {
    const turns = new Turns(2);
    const came: number[] = [];
    const leave = await Promise.all([turns.enter(never), turns.enter(never)]);
    for (const i of [1, 2, 3]) turns.enter(never).then(() => came.push(i));
    await settle();
    expect(came).to.deep.equal([]);
    leave[0]!();
    await settle();
    expect(came).to.deep.equal([1]);
    leave[0]!();
    await settle();
    expect(came, 'leaving twice is leaving once').to.deep.equal([1]);
    leave[1]!();
    await settle();
    expect(came).to.deep.equal([1, 2]);
  });

  it('forgets who gave up waiting', async () => {
    const turns = new Turns(1);
    const leave = await turns.enter(never);
    const impatient = new AbortController();
    const waiting = turns.enter(impatient.signal).catch((error: Error) => error.message);
    const next = turns.enter(never);
    impatient.abort(new Error('enough'));
    expect(await waiting).to.equal('enough');
    leave();
    (await next)();
    (await turns.enter(never))();
    expect(await turns.enter(impatient.signal).catch((error: Error) => error.message)).to.equal('enough');
  });
});

describe('Pacer', () => {
  it('spaces events, and saves nothing up', async () => {
    const clock = new FakeClock();
    const pacer = new Pacer(clock, 10);
    await clock.advance(5000);
    const times: number[] = [];
    for (let i = 0; i < 4; i++) pacer.pace(1, never).then(() => times.push(clock.monotonic() - 5000));
    await clock.advance(1000);
    expect(times).to.deep.equal([0, 100, 200, 300]);
  });

  it('counts several that begin at once', async () => {
    const clock = new FakeClock();
    const pacer = new Pacer(clock, 10);
    const times: number[] = [];
    for (const count of [3, 1, 2]) pacer.pace(count, never).then(() => times.push(clock.monotonic()));
    await clock.advance(1000);
    expect(times).to.deep.equal([0, 300, 400]);
  });

  it('ends a wait that is aborted', async () => {
    const clock = new FakeClock();
    const pacer = new Pacer(clock, 1);
    await pacer.pace(1, never);
    const ending = new AbortController();
    const waiting = pacer.pace(1, ending.signal).catch((error: Error) => error.message);
    await settle();
    ending.abort(new Error('enough'));
    expect(await waiting).to.equal('enough');
    expect(clock.pending).to.equal(0);
  });
});
