import { expect } from 'chai';
import { object, parse } from '#config';
import { collecting, collectionFields } from '#kit';
import type { Batch } from '#metrics';
import { batchOf, setOf, snapshotOf } from '../support/batch.ts';
import { fakeHost, sink } from '../support/host.ts';

const batch = batchOf(snapshotOf(setOf([['a']]), [1]));

async function run(collect: () => Batch | Promise<Batch>, rounds: number) {
  const host = fakeHost();
  const out = sink();
  const options = parse(object(collectionFields), { collection_interval: '10s' });
  const made = collecting(options, host, out, 'things', collect);
  made.start();
  await host.clock.advance(1000 + 10_000 * (rounds - 1));
  await made.stop();
  expect(host.clock.pending).to.equal(0);
  return { host, out };
}

describe('collecting', () => {
  it('hands on each collection, the first after a second', async () => {
    const { out } = await run(() => batch, 3);
    expect(out.batches).to.deep.equal([batch, batch, batch]);
  });

  it('hands on nothing where there is nothing', async () => {
    const { out } = await run(() => [], 2);
    expect(out.batches).to.deep.equal([]);
  });

  it('tells of a collection that fails, and makes the next', async () => {
    let n = 0;
    const { host, out } = await run(() => {
      if (++n === 1) throw new Error('no');
      return batch;
    }, 2);
    expect(host.logs.map((l) => `${l.level} ${l.message}`)).to.deep.equal([
      'warn this collection of things could not be made or handed on',
    ]);
    expect(out.batches).to.have.length(1);
  });
});
