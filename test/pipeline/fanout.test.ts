import { expect } from 'chai';
import { isPermanent, PermanentError } from '#component';
import { fanOut } from '../../src/pipeline/fanout.ts';
import { batchOf, setOf, snapshotOf } from '../support/batch.ts';
import { sink } from '../support/host.ts';

const batch = batchOf(snapshotOf(setOf([['a']]), [1]));
const { signal } = new AbortController();
const rejection = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => Promise.reject(new Error('no')),
    (e) => e,
  );

describe('fanOut', () => {
  it('hands the same batch to every consumer', async () => {
    const [a, b] = [sink(), sink()];
    await fanOut([a, b]).consume(batch, signal);
    expect(a.batches[0]).to.equal(batch);
    expect(b.batches[0]).to.equal(batch);
  });

  it('is the consumer itself where there is one', () => {
    const only = sink();
    expect(fanOut([only])).to.equal(only);
  });

  it('reaches the others when one refuses, and rejects with its reason', async () => {
    const [a, b] = [sink(), sink()];
    a.fail = new Error('full');
    expect(await rejection(fanOut([a, b]).consume(batch, signal))).to.equal(a.fail);
    expect(b.batches).to.have.length(1);
  });

  it('is permanent only if every refusal is', async () => {
    const [a, b] = [sink(), sink()];
    a.fail = new PermanentError('bad');
    b.fail = new Error('busy');
    const mixed = await rejection(fanOut([a, b]).consume(batch, signal));
    expect(isPermanent(mixed)).to.equal(false);
    expect(mixed.message).to.equal('2 of 2 consumers refused the batch');
    b.fail = new PermanentError('bad too');
    expect(isPermanent(await rejection(fanOut([a, b]).consume(batch, signal)))).to.equal(true);
  });
});
