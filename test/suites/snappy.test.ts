import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compress, decompress } from '#prometheus';
import { random } from '../support/random.ts';
import { SUITES, suite } from '../support/suites.ts';

const snappy = suite('snappy');

describe('snappy', () => {
  const blocks = readdirSync(snappy.path()).filter((name) => name.endsWith('.snappy'));

  it('has blocks to refuse', () => {
    expect(blocks).to.have.length.of.at.least(3);
  });

  for (const name of blocks) {
    snappy.holds(name, () => {
      expect(() => decompress(readFileSync(snappy.path(name)), 64 << 20)).to.throw(/^snappy: /);
    });
  }

  it('a good block with any one byte changed gives a result or a clear error', () => {
    const next = random(1);
    const source = readFileSync(`${SUITES}/snappy/README.md`);
    const good = compress(source);
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      const bad = Buffer.from(good);
      bad[Math.floor(next() * bad.length)] = Math.floor(next() * 256);
      try {
        expect(decompress(bad, 1 << 20).length).to.be.at.most(1 << 20);
      } catch (error) {
        expect((error as Error).message).to.match(/^(snappy: |a varint )/);
        refused++;
      }
    }
    expect(refused).to.be.above(1000);
  });

  snappy.listIsCurrent();
});
