import { expect } from 'chai';
import {
  ackOf,
  type Done,
  fileHeader,
  formatName,
  frameOf,
  HEADER,
  parseName,
  readAcks,
  scan,
} from '../../../src/queue/disk/format.ts';
import { random } from '../../support/random.ts';

const SALT = 0x9f8a7c6d;
const name = { seq: 12, lane: 3, lanes: 5, salt: SALT };

/** A segment's bytes, and where each record begins and ends. */
function segment(count: number, draw: () => number) {
  const parts = [fileHeader(name)];
  const places: { from: number; to: number; text: string }[] = [];
  let at = HEADER;
  for (let i = 0; i < count; i++) {
    const body = Buffer.from(Array.from({ length: Math.floor(draw() * 80) }, () => draw() * 256));
    const payload = { head: Buffer.from(`{"i":${i}}`), body };
    const frame = frameOf(payload, 7, SALT);
    parts.push(frame, payload.head, payload.body);
    const to = at + frame.length + payload.head.length + body.length;
    places.push({ from: at, to, text: textOf(payload) });
    at = to;
  }
  return { bytes: Buffer.concat(parts), places };
}

const textOf = ({ head, body }: { head: Uint8Array; body: Uint8Array }) =>
  `${Buffer.from(head)} ${Buffer.from(body).toString('hex')}`;

/** Everything that a whole segment gives. */
function readThrough(bytes: Buffer) {
  const records: string[] = [];
  let damages = 0;
  for (let at = HEADER; at < bytes.length; ) {
    const one = scan(bytes, at, SALT, true);
    if (one.is === 'more') throw new Error('there is no more');
    expect(one.end).to.be.greaterThan(at);
    if (one.is === 'record') records.push(textOf(one.payload));
    if (one.is === 'damage') damages++;
    at = one.end;
  }
  return { records, damages };
}

describe('the records of a queue on disk', () => {
  it('a changed byte, anywhere, costs its record and nothing else, 4,000 times', () => {
    const draw = random(4000);
    for (let round = 0; round < 40; round++) {
      const { bytes, places } = segment(30, draw);
      for (let i = 0; i < 100; i++) {
        const at = HEADER + Math.floor(draw() * (bytes.length - HEADER));
        const before = bytes[at]!;
        bytes[at] = before ^ (1 + Math.floor(draw() * 255));
        const hit = places.findIndex(({ to }) => at < to);
        const { records, damages } = readThrough(bytes);
        expect(records).to.deep.equal(places.filter((_, n) => n !== hit).map(({ text }) => text));
        expect(damages).to.equal(1);
        bytes[at] = before;
      }
    }
  });

  it('several changed bytes cost at most their records', () => {
    const draw = random(7);
    for (let round = 0; round < 300; round++) {
      const { bytes, places } = segment(30, draw);
      const hit = new Set<number>();
      for (let i = 0; i < 5; i++) {
        const at = HEADER + Math.floor(draw() * (bytes.length - HEADER));
        bytes[at]! ^= 1 + Math.floor(draw() * 255);
        hit.add(places.findIndex(({ to }) => at < to));
      }
      const { records } = readThrough(bytes);
      for (const [n, { text }] of places.entries()) if (!hit.has(n)) expect(records).to.include(text);
      const known = new Set(places.map(({ text }) => text));
      for (const text of records) expect(known).to.include(text);
    }
  });

  it('cut at any byte, all whole records are there, 2,048 times', () => {
    const draw = random(2048);
    const { bytes, places } = segment(60, draw);
    for (let i = 0; i < 2048; i++) {
      const cut = HEADER + Math.floor(draw() * (bytes.length - HEADER));
      const { records, damages } = readThrough(bytes.subarray(0, cut));
      expect(records).to.deep.equal(places.filter(({ to }) => to <= cut).map(({ text }) => text));
      expect(damages).to.equal(places.some(({ to }) => to === cut) || cut === HEADER ? 0 : 1);
    }
  });

  it('a piece taken out of the middle costs what was in it', () => {
    const draw = random(99);
    for (let round = 0; round < 300; round++) {
      const { bytes, places } = segment(30, draw);
      const from = HEADER + Math.floor(draw() * (bytes.length - HEADER));
      const to = from + 1 + Math.floor(draw() * (bytes.length - from));
      const { records } = readThrough(Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]));
      const whole = places.filter((place) => place.to <= from || place.from >= to);
      expect(records).to.deep.equal(whole.map(({ text }) => text));
    }
  });

  it('a record that stands inside of another one is not taken for one', () => {
    const inner = frameOf({ head: Buffer.alloc(0), body: Buffer.from('x') }, 1, SALT - 1);
    const payload = { head: Buffer.alloc(0), body: Buffer.concat([inner, Buffer.from('x'), Buffer.alloc(50)]) };
    const bytes = Buffer.concat([fileHeader(name), frameOf(payload, 1, SALT), payload.body]);
    bytes[HEADER + 4]! ^= 0xff;
    expect(readThrough(bytes)).to.deep.equal({ records: [], damages: 1 });
  });

  it('noise gives no record, and ends', () => {
    const draw = random(1);
    for (let round = 0; round < 500; round++) {
      const noise = Buffer.from(Array.from({ length: Math.floor(draw() * 600) }, () => draw() * 256));
      for (let i = 0; i < noise.length; i += 37) Buffer.from([0xd1, 0x51, 0xc0, 0xfe]).copy(noise, i);
      expect(readThrough(Buffer.concat([fileHeader(name), noise])).records).to.deep.equal([]);
    }
  });
});

describe('the names of segments', () => {
  it('tell sequence, lane, lanes and salt', () => {
    expect(formatName(name)).to.equal('0000000012-3of5-9f8a7c6d');
    expect(parseName('0000000012-3of5-9f8a7c6d.seg')).to.deep.equal({ ...name, kind: 'seg' });
    expect(parseName('0000000012-3of5-9f8a7c6d.ack')).to.deep.equal({ ...name, kind: 'ack' });
  });
  for (const foreign of ['lock', 'x.seg', '0000000012-5of5-9f8a7c6d.seg', '0000000012-3of5-9f8a7c6d.seg.tmp', '.seg']) {
    it(`${foreign} is none`, () => {
      expect(parseName(foreign)).to.equal(undefined);
    });
  }
});

describe('the acknowledged ranges of a segment', () => {
  it('a changed byte costs its own range', () => {
    const draw = random(24);
    const ranges: Done[] = Array.from({ length: 20 }, (_, i) => ({
      from: i * 100,
      to: i * 100 + 50,
      records: 1,
      points: i,
    }));
    const bytes = Buffer.concat(ranges.map((range) => ackOf(range, SALT)));
    expect(readAcks(bytes, SALT)).to.deep.equal(ranges);
    for (let i = 0; i < 1000; i++) {
      const at = Math.floor(draw() * bytes.length);
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 + Math.floor(draw() * 255);
      expect(readAcks(changed, SALT)).to.deep.equal(ranges.filter((_, n) => n !== Math.floor(at / 24)));
    }
    expect(readAcks(bytes.subarray(0, bytes.length - 1), SALT)).to.deep.equal(ranges.slice(0, -1));
  });
});
