import { expect } from 'chai';
import { atOnce, inTurns, type Steps, turns } from '#kit';

const work = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

describe('turns', () => {
  it('lets the event loop turn when ten milliseconds have passed, and not before', async () => {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const turn = turns();
    await turn();
    expect(turned).to.equal(false);
    work(11);
    await turn();
    expect(turned).to.equal(true);
  });

  it('rejects when the signal has aborted', async () => {
    const ending = new AbortController();
    const turn = turns(ending.signal);
    ending.abort(new Error('enough'));
    work(11);
    const error = await turn().catch((reason: Error) => reason);
    expect((error as Error).message).to.equal('enough');
  });
});

describe('steps', () => {
  function* counting(to: number): Steps<number> {
    for (let i = 0; i < to; i++) yield;
    return to;
  }

  it('have a turn between two of them, or none', async () => {
    let taken = 0;
    expect(await inTurns(counting(7), async () => void taken++)).to.equal(7);
    expect(taken).to.equal(7);
    expect(atOnce(counting(7))).to.equal(7);
  });

  it('end where a turn rejects', async () => {
    const error = await inTurns(counting(7), () => Promise.reject(new Error('enough'))).catch((e: Error) => e);
    expect((error as Error).message).to.equal('enough');
  });
});
