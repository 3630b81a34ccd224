import { getHeapSpaceStatistics } from 'node:v8';
import { expect } from 'chai';
import { shrinkHeap } from '#kit';
import { fitYoungGeneration } from '../src/young.ts';
import { FakeClock } from './support/clock.ts';

describe('the young generation', () => {
  function watched() {
    const clock = new FakeClock();
    const said: (boolean | 'shrink')[] = [];
    let total = 5e9;
    const young = { size: 1e6, room: 8e9 };
    const end = fitYoungGeneration(clock, {
      allocated: () => total,
      size: () => young.size,
      room: () => young.room,
      letGrow: (grows) => said.push(grows),
      shrink: () => said.push('shrink'),
    });
    /** Some seconds at so many megabytes each. */
    async function pass(seconds: number, megabytes: number): Promise<void> {
      for (let i = 0; i < seconds; i++) {
        total += megabytes * 1e6;
        await clock.advance(1000);
      }
    }
    return { clock, said, pass, end, young };
  }

  it('may grow until the start is over, is larger while much is asked for, and V8 is told once', async () => {
    const { said, pass, young } = watched();
    await pass(4, 60);
    expect(said).to.deep.equal([]);
    await pass(6, 5);
    expect(said.splice(0)).to.deep.equal([false, 'shrink']);
    await pass(6, 60);
    expect(said.splice(0)).to.deep.equal([true]);
    young.size = 4e6;
    await pass(10, 60);
    expect(said.splice(0)).to.deep.equal([false]);
    await pass(10, 5);
    expect(said).to.deep.equal(['shrink']);
  });

  it('is made small, and larger again, where much is asked for all the time', async () => {
    const { said, pass } = watched();
    await pass(11, 60);
    expect(said).to.deep.equal([]);
    await pass(1, 60);
    expect(said).to.deep.equal([false, 'shrink', true]);
  });

  it('is made larger again where something else made it small', async () => {
    const { clock, said, pass, young } = watched();
    await pass(12, 60);
    young.size = 4e6;
    await pass(2, 60);
    expect(said.splice(0)).to.deep.equal([false, 'shrink', true, false]);
    young.size = 1e6;
    await pass(2, 60);
    expect(said).to.deep.equal([true]);
    young.size = 4e6;
    await clock.advance(20);
    expect(said).to.deep.equal([true, false]);
  });

  it('keeps its size where V8 does not want it larger', async () => {
    const { said, pass } = watched();
    await pass(14, 60);
    expect(said).to.deep.equal([false, 'shrink', true, false]);
    await pass(10, 60);
    expect(said).to.have.length(4);
  });

  it('stays as it is over a moment that is out of the ordinary', async () => {
    const { said, pass } = watched();
    await pass(8, 5);
    const before = said.length;
    for (let i = 0; i < 4; i++) {
      await pass(4, 60);
      await pass(2, 5);
    }
    expect(said).to.have.length(before);
  });

  it('of this process can be told', async () => {
    const clock = new FakeClock();
    const end = fitYoungGeneration(clock);
    await clock.advance(2_000);
    end();
    shrinkHeap(Number.POSITIVE_INFINITY);
    const size = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_size;
    expect(size()).to.be.below(4e6);
  });

  it('keeps its size where memory is short', () => {
    const clock = new FakeClock();
    const said: boolean[] = [];
    fitYoungGeneration(clock, {
      allocated: () => 1e6,
      size: () => 1e6,
      room: () => 256 * 2 ** 20,
      letGrow: (grows) => said.push(grows),
      shrink: () => expect.fail('shrunk'),
    });
    expect([said, clock.pending]).to.deep.equal([[false], 0]);
  });

  it('is left alone where V8 does not tell what was asked for', () => {
    const clock = new FakeClock();
    fitYoungGeneration(clock, {
      allocated: () => undefined,
      room: () => 8e9,
      size: () => expect.fail('asked'),
      letGrow: () => expect.fail('told'),
      shrink: () => expect.fail('told'),
    });
    expect(clock.pending).to.equal(0);
  });

  it('is looked at no more at the end', () => {
    const { clock, end } = watched();
    expect(clock.pending).to.equal(1);
    end();
    expect(clock.pending).to.equal(0);
  });
});
