import { expect } from 'chai';
import { parseBlkio, parseCount, parseFlatKeyed, parseNestedKeyed, parsePressure, parseScaled } from '#linux';

describe('parseCount', () => {
  const gives = (text: string, want: number | undefined) =>
    it(`${JSON.stringify(text)} is ${want}`, () => expect(parseCount(text)).to.equal(want));
  gives('2048', 2048);
  gives('2048\n', 2048);
  gives('-12345', 0);
  gives('18446744073709551615', 2 ** 64);
  gives('max', undefined);
  gives('', undefined);
  gives('1e3', undefined);
  gives('0x10', undefined);
  gives('12 34', undefined);
});

describe('parseScaled', () => {
  const gives = (text: string, decimals: number, want: number | undefined) =>
    it(`${text} in 10^-${decimals} is ${want}`, () => expect(parseScaled(text, decimals)).to.equal(want));
  gives('1500000', 6, 1.5);
  gives('0', 9, 0);
  gives('123', 0, 123);
  gives('-5', 6, 0);
  gives('bad', 6, undefined);
  // Past 2^53 a division after parsing would round twice.
  gives('12262454190222160', 9, 12262454.19022216);
  gives('18446744073709551615', 9, Number('18446744073.709551615'));
  gives('18446744073709551615', 6, Number('18446744073709.551615'));

  it('rounds once: it equals the decimal number for any count', () => {
    for (let n = 1n; n < 1n << 64n; n = n * 7n + 3n) {
      expect(parseScaled(String(n), 6), String(n)).to.equal(Number(`${n}e-6`));
    }
  });
});

describe('the formats of the kernel', () => {
  it('flat-keyed: one key and value a line, others left out', () => {
    const text = 'usage_usec 10\nsome_future_key 5\nnot a number line\n\nalone\n\tindented  7\n';
    expect([...parseFlatKeyed(text)]).to.deep.equal([
      ['usage_usec', '10'],
      ['some_future_key', '5'],
      ['indented', '7'],
    ]);
  });

  it('nested-keyed: pairs behind a key, a key without any left out', () => {
    const text = '8:16 rbytes=1459200 wbytes=3 dios=0\n8:0 \n254:1 rbytes=69 =1 x\n';
    expect([...parseNestedKeyed(text)].map(([key, pairs]) => [key, Object.fromEntries(pairs)])).to.deep.equal([
      ['8:16', { rbytes: '1459200', wbytes: '3', dios: '0' }],
      ['254:1', { rbytes: '69' }],
    ]);
  });

  it('pressure: shares from percent, seconds from microseconds', () => {
    const text =
      'some avg10=1.50 avg60=25.00 avg300=100.00 total=230548833\nfull avg10=0.00 avg60=0 avg300=0 total=7\n';
    expect(parsePressure(text)).to.deep.equal([
      { kind: 'some', avg10: 0.015, avg60: 0.25, avg300: 1, total: 230.548833 },
      { kind: 'full', avg10: 0, avg60: 0, avg300: 0, total: 0.000007 },
    ]);
  });

  it('pressure: leaves out lines that are not as documented', () => {
    expect(parsePressure('some avg10=x avg60=0 avg300=0 total=1\nfull total=1\nodd avg10=0 avg60=0 avg300=0 total=1\n'))
      .to.be.empty;
  });

  it('blkio: device, operation and count', () => {
    expect(parseBlkio('8:0 Read 4096\n8:0 Write 18446744073709551615\nTotal 4096\nrubbish\n')).to.deep.equal([
      { device: '8:0', operation: 'Read', count: '4096' },
      { device: '8:0', operation: 'Write', count: '18446744073709551615' },
    ]);
  });

  it('none of them throws on noise', () => {
    let seed = 1;
    const next = () => {
      seed = (seed * 48271) % 0x7fffffff;
      return seed;
    };
    for (let i = 0; i < 2000; i++) {
      const noise = Array.from({ length: next() % 60 }, () => ' \n=:.-\t0129avg\u0000é'[next() % 16]).join('');
      for (const parse of [parseCount, parseFlatKeyed, parseNestedKeyed, parsePressure, parseBlkio]) parse(noise);
    }
  });
});
