import { expect } from 'chai';
import { checkCrowd, crowdOf, DEFAULT_PAGE_SAMPLES } from '../../../src/prometheus/scrape/crowd.ts';
import { RefusedPage } from '../../../src/prometheus/scrape/sorting.ts';

const limits = {
  bodySize: undefined,
  samples: 0,
  targets: 0,
  labels: 0,
  labelName: 0,
  labelValue: 0,
  buckets: 0,
  bucketFactor: 0,
};
const page = (samples: number) => Buffer.from('# HELP a b\n\na 1\n'.repeat(samples));

describe('the bound on the samples of a page', () => {
  it('is 200,000 where nothing is set, and counts neither comments nor empty lines', () => {
    checkCrowd(page(DEFAULT_PAGE_SAMPLES), limits);
    expect(() => checkCrowd(page(DEFAULT_PAGE_SAMPLES + 1), limits))
      .to.throw(RefusedPage, 'sample_limit exceeded (samples on the page: 200001')
      .with.deep.property('counts', { scraped: 200_001, kept: 0, added: 0 });
  });

  it('is ten times sample_limit where that is more, as relabelling may drop most of a page', () => {
    const some = { ...limits, samples: 25_000 };
    checkCrowd(page(250_000), some);
    expect(() => checkCrowd(page(250_001), some)).to.throw('limit: 25000');
    expect(() => checkCrowd(page(200_001), { ...limits, samples: 10 })).to.throw('limit: 10)');
  });

  it('is the same for pages without lines', () => {
    const { most, refusal } = crowdOf(limits);
    expect(most).to.equal(DEFAULT_PAGE_SAMPLES);
    expect(refusal(200_001)).to.be.instanceOf(RefusedPage).with.property('reason', 'sample_limit');
  });

  it('is none where the user set body_size_limit and no sample_limit', () => {
    checkCrowd(page(DEFAULT_PAGE_SAMPLES + 1), { ...limits, bodySize: 0 });
    checkCrowd(page(DEFAULT_PAGE_SAMPLES + 1), { ...limits, bodySize: 2 ** 30 });
  });
});
