import { expect } from 'chai';
import { fitYoungGeneration } from '../src/young.ts';
import { FakeClock } from './support/clock.ts';

describe('the young generation', () => {
  function watched() {
    const clock = new FakeClock();
    const said: boolean[] = [];
    let total = 5e9;
    const end = fitYoungGeneration(clock, { allocated: () => total, letGrow: (grows) => said.push(grows) });
    /** Some seconds at so many megabytes each. */
    async function pass(seconds: number, megabytes: number): Promise<void> {
      for (let i = 0; i < seconds; i++) {
        total += megabytes * 1e6;
        await clock.advance(1000);
      }
    }
    return { clock, said, pass, end };
  }

  it('grows while much is asked for, and only then, and V8 is told once', async () => {
    const { said, pass } = watched();
    await pass(10, 5);
    expect(said).to.deep.equal([]);
    await pass(10, 60);
    expect(said).to.deep.equal([true]);
    await pass(10, 5);
    expect(said).to.deep.equal([true, false]);
  });

  it('is left alone where V8 does not tell what was asked for', () => {
    const clock = new FakeClock();
    fitYoungGeneration(clock, { allocated: () => undefined, letGrow: () => expect.fail('told') });
    expect(clock.pending).to.equal(0);
  });

  it('is looked at no more at the end', () => {
    const { clock, end } = watched();
    expect(clock.pending).to.equal(1);
    end();
    expect(clock.pending).to.equal(0);
  });
});
