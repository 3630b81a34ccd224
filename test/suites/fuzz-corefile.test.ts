import { expect } from 'chai';
import { expectResultOrError, mutateCorefile } from '../support/corefile-noise.ts';
import { cpuTime } from '../support/cpu.ts';
import { random } from '../support/random.ts';
import { suite } from '../support/suites.ts';

const MUTATIONS = 100_000;

const seeds = suite('corefile')
  .json<{ input: string }[]>('parse-cases.json')
  .map(({ input }) => input.slice(0, 3000));

describe('the Corefile parser under fuzz', () => {
  it(`answers ${MUTATIONS} mutated Corefiles with blocks or an error that has a place`, function () {
    this.timeout(300_000);
    const rnd = random(53);
    let good = 0;
    let slowest = 0;
    let text = '';
    for (let i = 0; i < MUTATIONS; i++) {
      const isFresh = i % 5 === 0 || text.length > 6000;
      text = mutateCorefile(rnd, isFresh ? seeds[Math.floor(rnd() * seeds.length)]! : text);
      const started = cpuTime();
      if (expectResultOrError(text)) good++;
      slowest = Math.max(slowest, cpuTime() - started);
    }
    expect(good).to.be.within(MUTATIONS / 10, MUTATIONS * 0.9);
    expect(slowest).to.be.below(1000);
  });
});
