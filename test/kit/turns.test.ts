import { expect } from 'chai';
import { turns } from '#kit';

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
