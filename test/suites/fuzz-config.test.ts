import { expect } from 'chai';
import { surviveNoise } from '../support/config-noise.ts';

const ROUNDS = 20;
const EACH = 5000;

describe('the configuration, under 100,000 mutations', () => {
  let heap = 0;
  for (let seed = 1; seed <= ROUNDS; seed++) {
    it(`is read or reported, ${EACH} mutations of seed ${seed}, in bounded memory`, async () => {
      const { bad } = await surviveNoise(seed, EACH);
      expect(bad).to.be.above(EACH / 2);
      const used = process.memoryUsage().heapUsed;
      heap ||= used;
      expect(used).to.be.below(heap + 256 * 1024 * 1024);
    });
  }
});
