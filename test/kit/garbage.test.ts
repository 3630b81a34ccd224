import { expect } from 'chai';
import { shrinkHeap } from '#kit';

describe('shrinkHeap', () => {
  it('collects what nobody holds', async () => {
    const dead = new WeakRef({});
    await new Promise(setImmediate);
    expect(shrinkHeap(Number.POSITIVE_INFINITY)).to.equal(true);
    expect(dead.deref()).to.equal(undefined);
  });

  it('leaves a heap alone that is too large', () => {
    expect(shrinkHeap(1)).to.equal(false);
  });
});
