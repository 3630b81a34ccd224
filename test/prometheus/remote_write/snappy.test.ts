import { expect } from 'chai';
import { compress, compressElements, decompress, joinElements, maxCompressedLength } from '#prometheus';
import { random } from '../../support/random.ts';

const roundTrips = (title: string, source: Uint8Array) =>
  it(`snappy gives back ${title}`, () => {
    const packed = compress(source);
    expect(packed.length).to.be.at.most(maxCompressedLength(source.length) + 5);
    expect(decompress(packed, source.length).equals(Buffer.from(source))).to.equal(true);
  });

const refuses = (title: string, block: number[], message: RegExp) =>
  it(`snappy refuses ${title}`, () => {
    expect(() => decompress(Uint8Array.from(block), 1000)).to.throw(message);
  });

describe('snappy', () => {
  roundTrips('nothing', Buffer.alloc(0));
  roundTrips('one byte', Buffer.from('a'));
  roundTrips('less than the margin', Buffer.from('abcdabcdabcdab'));
  roundTrips('a run of one byte', Buffer.alloc(100_000, 'a'));
  roundTrips('text over several blocks', Buffer.from('the quick brown fox, the lazy dog; '.repeat(9000)));
  roundTrips('a literal of 60, 61, 257 and 70000 bytes', Buffer.from(noise(70_000, 3)));
  for (const length of [60, 61, 255, 256, 257, 65_535, 65_536, 65_537]) {
    roundTrips(`${length} bytes of noise`, noise(length, length));
  }
  roundTrips('a part of a larger buffer', Buffer.from('xxabcdefghabcdefghabcdefghabcdefgh').subarray(2));

  it('snappy gives back 2000 seeded mixtures of runs, repeats and noise', () => {
    const next = random(7);
    for (let round = 0; round < 2000; round++) {
      const source = mixture(next);
      expect(decompress(compress(source), source.length).equals(source), `round ${round}`).to.equal(true);
    }
  });

  it('snappy makes repeated text at least ten times smaller', () => {
    const source = Buffer.from('coredns_dns_requests_total{server="dns://:53",zone="."} '.repeat(200));
    expect(compress(source).length).to.be.below(source.length / 10);
  });

  it('element streams of several messages are one block together', () => {
    const messages = ['first first first first first first', 'second second second second second'].map(Buffer.from);
    const streams = messages.map((m) => {
      const out = Buffer.alloc(maxCompressedLength(m.length));
      return out.subarray(0, compressElements(m, m.length, out, 0));
    });
    const whole = Buffer.concat(messages);
    expect(decompress(joinElements(whole.length, streams), 1000).toString()).to.equal(whole.toString());
  });

  refuses('an empty block', [], /cut off/);
  refuses('a preamble without an end', Array(11).fill(0x80), /no end|cut off/);
  refuses('a declared length above the limit', [0xff, 0xff, 0xff, 0xff, 0x0f, 0], /more than the limit/);
  refuses('a literal past the end of the block', [5, 4 << 2, 97], /literal does not fit/);
  refuses('a literal longer than declared', [1, 1 << 2, 97, 98], /literal does not fit/);
  refuses('a copy from before the start', [8, 0, 97, 1 | (0 << 2), 2], /copy does not fit/);
  refuses('a copy with offset 0', [8, 0, 97, 1, 0], /copy does not fit/);
  refuses('a copy longer than declared', [3, 0, 97, 1, 1], /copy does not fit/);
  refuses('a block that gives too little', [9, 0, 97], /1 bytes in place of 9/);
  refuses('a copy tag that is cut off', [9, 0, 97, 2, 1], /cut off/);

  it('snappy reads copies with four-byte offsets', () => {
    expect(decompress(Uint8Array.from([5, 0, 97, 3 | (3 << 2), 1, 0, 0, 0]), 9).toString()).to.equal('aaaaa');
  });
});

function noise(length: number, seed: number): Buffer {
  const next = random(seed);
  return Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)));
}

function mixture(next: () => number): Buffer {
  const parts: Buffer[] = [];
  for (let i = Math.floor(next() * 12); i >= 0; i--) {
    const known = Buffer.concat(parts);
    const length = Math.floor(next() ** 3 * 400);
    const kind = next();
    if (kind < 0.3) parts.push(Buffer.alloc(length, Math.floor(next() * 256)));
    else if (kind < 0.6) parts.push(noise(length, Math.floor(next() * 1e9)));
    else parts.push(known.subarray(Math.floor(next() * known.length)).subarray(0, length));
  }
  return Buffer.concat(parts);
}
