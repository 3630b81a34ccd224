import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { reusedGunzip } from '../../src/http/gunzip.ts';
import { random } from '../support/random.ts';

describe('the gunzip that is used again', () => {
  const gunzip = reusedGunzip();

  it('works with this Node', () => {
    expect(gunzip).to.be.a('function');
  });

  it('unpacks what zlib unpacks, whatever came before', () => {
    for (const size of [0, 1, 100, 65_535, 65_536, 200_000, 1, 1_000_000]) {
      for (const body of [Buffer.alloc(size, 'a'), randomBytes(size)]) {
        const packed = gzipSync(body, { level: size % 9 });
        expect(gunzip!(packed, 1 << 20)?.equals(body), `${size} bytes`).to.equal(true);
        expect(gunzip!(packed.subarray(0, packed.length >> 1), 1 << 20)).to.equal(undefined);
      }
    }
  });

  it('leaves what is larger than the limit, or odd in any way, to zlib', () => {
    const packed = gzipSync(Buffer.alloc(1000));
    expect(gunzip!(packed, 1000)?.length).to.equal(1000);
    expect(gunzip!(packed, 999)).to.equal(undefined);
    const lies = Buffer.from(packed);
    lies.writeUInt32LE(10, lies.length - 4);
    expect(gunzip!(lies, 1000)).to.equal(undefined);
    lies.writeUInt32LE(1010, lies.length - 4);
    expect(gunzip!(lies, 2000)).to.equal(undefined);
    expect(gunzip!(Buffer.concat([packed, packed]), 5000)).to.equal(undefined);
    expect(gunzip!(Buffer.concat([packed, Buffer.from([0, 0, 0, 0])]), 5000)).to.equal(undefined);
    expect(gunzip!(Buffer.alloc(0), 5000)).to.equal(undefined);
    expect(gunzip!(gzipSync(Buffer.alloc(4 << 20)), 8 << 20)).to.equal(undefined);
  });

  it('gives the same as zlib, or nothing, for 3000 damaged bodies', () => {
    const rnd = random(2026);
    const packed = gzipSync(Buffer.from('coredns_dns_requests_total{zone="."} 1234\n'.repeat(100)));
    let nothing = 0;
    for (let i = 0; i < 3000; i++) {
      const damaged = Buffer.from(packed.subarray(0, rnd() < 0.3 ? Math.floor(rnd() * packed.length) : packed.length));
      if (damaged.length) damaged[Math.floor(rnd() * damaged.length)]! ^= 1 << Math.floor(rnd() * 8);
      const ours = gunzip!(damaged, 1 << 16);
      if (ours) expect(ours.equals(gunzipSync(damaged))).to.equal(true);
      else nothing++;
    }
    expect(nothing).to.be.above(2500);
    expect(gunzip!(packed, 1 << 16)?.equals(gunzipSync(packed))).to.equal(true);
  });
});
