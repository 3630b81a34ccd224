import { expect } from 'chai';
import { shrinkHeap } from '#kit';
import { trimMalloc } from '#linux';
import { tidyMemory } from '../src/tidy.ts';
import { FakeClock } from './support/clock.ts';

function watched(live = 10e6) {
  const clock = new FakeClock();
  const done: string[] = [];
  const heap = { live, garbage: 0 };
  const end = tidyMemory(clock, {
    shrink: () => {
      done.push('shrink');
      if (heap.live > 80e6) return false;
      heap.garbage = 0;
      return true;
    },
    trim: () => done.push('trim'),
    heapUsed: () => heap.live + heap.garbage,
  });
  /** So many turns, each with so much garbage before it. */
  async function pass(turns: number, garbage = 0): Promise<string[]> {
    const before = done.length;
    for (let i = 0; i < turns; i++) {
      heap.garbage += garbage;
      await clock.advance(20_000);
    }
    return done.slice(before);
  }
  return { clock, done, heap, end, pass };
}

const shrinks = (done: readonly string[]): number => done.filter((what) => what === 'shrink').length;

describe('tidying memory', () => {
  it('gives back what is free each 20 s', async () => {
    const { clock, pass } = watched();
    await clock.advance(5_000);
    expect(await pass(4)).to.deep.equal(['trim', 'trim', 'trim', 'trim']);
  });

  it('shrinks the heap when it has grown since the start', async () => {
    const { clock, heap, pass } = watched(20e6);
    await clock.advance(5_000);
    // What the start needed is given back by then, and by others.
    heap.live = 10e6;
    await pass(6);
    expect(shrinks(await pass(90))).to.equal(0);
    // Two of ten megabytes, 0.1 at a time: the 21st is too much.
    expect(shrinks(await pass(20, 0.1e6))).to.equal(0);
    expect(shrinks(await pass(1, 0.1e6))).to.equal(1);
    expect(shrinks(await pass(20, 0.1e6))).to.equal(0);
  });

  it('counts from what was left, however much that is', async () => {
    const { clock, heap, pass } = watched();
    await clock.advance(5_000);
    await pass(3);
    heap.live = 40e6;
    expect(shrinks(await pass(20))).to.equal(1);
    expect(shrinks(await pass(20))).to.equal(0);
  });

  it('shrinks it every two minutes at most', async () => {
    const { clock, pass } = watched();
    await clock.advance(5_000);
    expect(shrinks(await pass(60, 5e6))).to.equal(10);
  });

  it('tries again, where the heap was too large, at the next turn', async () => {
    const { clock, heap, pass } = watched();
    await clock.advance(5_000);
    await pass(6);
    heap.live = 200e6;
    expect(shrinks(await pass(3))).to.equal(3);
    heap.live = 20e6;
    expect(shrinks(await pass(3))).to.equal(1);
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
    let looks = 0;
    // Of a small agent whose heap has doubled at the eighth look: this process holds far more.
    const heapUsed = () => (++looks < 8 ? 1e6 : 2e6);
    const end = tidyMemory(clock, { shrink: () => shrinkHeap(Number.POSITIVE_INFINITY), trim: trimMalloc, heapUsed });
    await new Promise(setImmediate);
    await clock.advance(5_000);
    for (let turn = 0; turn < 7; turn++) await clock.advance(20_000);
    end();
    expect(dead.deref()).to.equal(undefined);
    expect((globalThis as { gc?: unknown }).gc).to.equal(undefined);
  });
});
