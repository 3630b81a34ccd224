import { expect } from 'chai';
import { surviveNoise } from '../support/config-noise.ts';

describe('the configuration, under noise', () => {
  it('is read or reported, 1,000 mutations of seed 1', async () => {
    const { good, bad } = await surviveNoise(1, 1000);
    expect(good, 'some mutations do no harm').to.be.above(0);
    expect(bad).to.be.above(500);
  });
});
