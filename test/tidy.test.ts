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
  it('collects twice soon after the start, and gives back what is free each minute', async () => {
    const { clock, done } = watched();
    await clock.advance(5_000);
    expect(done).to.deep.equal(['collect', 'trim']);
    for (let minute = 0; minute < 3; minute++) await clock.advance(60_000);
    expect(done).to.deep.equal(['collect', 'trim', 'collect', 'trim', 'trim', 'trim']);
  });

  it('collects seldom after that', async () => {
    const { clock, done } = watched();
    await clock.advance(5_000);
    for (let minute = 0; minute < 30; minute++) await clock.advance(60_000);
    expect(done.filter((what) => what === 'trim')).to.have.length(31);
    expect(done.filter((what) => what === 'collect')).to.have.length(5);
  });

  it('leaves a large heap to V8', async () => {
    const { clock, done } = watched(200e6);
    await clock.advance(65_000);
    expect(done).to.deep.equal(['trim', 'trim']);
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
