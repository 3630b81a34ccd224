import { expect } from 'chai';
import { tidyMemory } from '../src/tidy.ts';
import { FakeClock } from './support/clock.ts';

function watched(heap = 1e6) {
  const clock = new FakeClock();
  const done: string[] = [];
  const end = tidyMemory(clock, {
    collect: () => done.push('collect'),
    trim: () => done.push('trim'),
    heapUsed: () => heap,
  });
  return { clock, done, end };
}

describe('tidying memory', () => {
  it('collects three times in the first minute, and gives back what is free each 20 s', async () => {
    const { clock, done } = watched();
    await clock.advance(5_000);
    expect(done).to.deep.equal(['collect', 'trim']);
    for (let turn = 0; turn < 4; turn++) await clock.advance(20_000);
    expect(done.slice(2)).to.deep.equal(['collect', 'trim', 'trim', 'collect', 'trim', 'trim']);
  });

  it('collects seldom after that', async () => {
    const { clock, done } = watched();
    await clock.advance(5_000);
    for (let turn = 0; turn < 90; turn++) await clock.advance(20_000);
    expect(done.filter((what) => what === 'trim')).to.have.length(91);
    expect(done.filter((what) => what === 'collect')).to.have.length(6);
  });

  it('leaves a large heap to V8', async () => {
    const { clock, done } = watched(200e6);
    for (let second = 0; second < 65; second++) await clock.advance(1_000);
    expect(done).to.deep.equal(['trim', 'trim', 'trim', 'trim']);
  });

  it('ends', async () => {
    const { clock, done, end } = watched();
    end();
    await clock.advance(200_000);
    expect(done).to.deep.equal([]);
  });

  it('works on this process', async () => {
    const clock = new FakeClock();
    const dead = new WeakRef({});
    const end = tidyMemory(clock);
    await new Promise(setImmediate);
    await clock.advance(5_000);
    end();
    expect(dead.deref()).to.equal(undefined);
    expect((globalThis as { gc?: unknown }).gc).to.equal(undefined);
  });
});
