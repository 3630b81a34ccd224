import { expect } from 'chai';
import { BodyBuffer } from '../../src/http/wire-body.ts';
import { random } from '../support/random.ts';

const MIB = 2 ** 20;

describe('a body that comes in pieces', () => {
  it('is put together from pieces of any size', () => {
    const next = random(7);
    for (const length of [0, 1, 65_536, 65_537, MIB, MIB + 1, 5 * MIB + 3]) {
      const source = Buffer.alloc(length, 'a page that is long enough to tell one place from another ');
      for (const expected of [0, length]) {
        const body = new BodyBuffer();
        for (let at = 0; at < length; ) {
          const end = Math.min(length, at + 1 + Math.floor(next() * 131_072));
          body.add(source, at, end, expected);
          at = end;
        }
        expect(body.length).to.equal(length);
        expect(body.bytes().equals(source), `${length} bytes`).to.equal(true);
        body.free();
        expect(body.length).to.equal(0);
      }
    }
  });

  it('leaves no large piece to the garbage collector', () => {
    const body = new BodyBuffer();
    const piece = Buffer.alloc(65_536, 'a');
    const before = process.memoryUsage().arrayBuffers;
    for (let scrape = 0; scrape < 10; scrape++) {
      for (let i = 0; i < 128; i++) body.add(piece, 0, piece.length, 0);
      if (scrape % 2) expect(body.bytes().length).to.equal(8 * MIB);
      body.free();
    }
    // Ten bodies of 8 MiB, and no turn of the event loop between them.
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(MIB);
  });
});
