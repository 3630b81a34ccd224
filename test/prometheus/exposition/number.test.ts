import { expect } from 'chai';
import { isStale } from '#metrics';
import { formatBound, formatFloat, parseFloatText, readNumber } from '../../../src/prometheus/exposition/number.ts';
import { random } from '../../support/random.ts';

const read = (text: string): { value: number; stop: number; words: Uint32Array } => {
  const out = new Float64Array(2);
  const body = Buffer.from(text);
  const stop = readNumber(body, 0, body.length, out, 1);
  return { value: out[1]!, stop, words: new Uint32Array(out.buffer, 8, 2) };
};

describe('readNumber', () => {
  const gives = (text: string, value: number) =>
    it(`reads ${text}`, () => {
      expect(Object.is(read(text).value, value), String(read(text).value)).to.equal(true);
      expect(read(text).stop).to.equal(text.length);
      expect(Object.is(parseFloatText(text), value)).to.equal(true);
    });

  gives('0', 0);
  gives('-0', -0);
  gives('+1', 1);
  gives('.5', 0.5);
  gives('5.', 5);
  gives('-.5e-3', -0.0005);
  gives('1e5', 1e5);
  gives('1E+05', 1e5);
  gives('4.9351e-05', 4.9351e-5);
  gives('7.424100000000001e-05', 7.424100000000001e-5);
  gives('9007199254740993', 9007199254740992);
  gives('90071992547409.935', 90071992547409.94);
  gives('18446744073709551615', 2 ** 64);
  gives('12262454190222160', 12262454190222160);
  gives('0000000000000000000000000000001.2e-1', 0.12);
  gives('1.7976931348623157e308', Number.MAX_VALUE);
  gives('5e-324', 5e-324);
  gives('1e-400', 0);
  gives('0e99999999', 0);
  gives('Inf', Infinity);
  gives('+inf', Infinity);
  gives('-Infinity', -Infinity);
  gives('NaN', Number.NaN);
  gives('nan', Number.NaN);

  const refuses = (text: string) =>
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(read(text).stop).to.equal(-1);
      expect(parseFloatText(text)).to.equal(undefined);
    });

  for (const text of ['', '-', '+', '.', 'e5', '1e', '1e+', '1.2.3', '1_0', '0x1', '0x1p-3', '0b1', '1e309', '-1e309'])
    refuses(text);
  for (const text of ['+NaN', '-nan', 'infinit', 'true', '1d', '١', '--1', '1e5.0']) refuses(text);

  it('stops at a blank, a tab and a line feed', () => {
    expect(['12 3', '12\t3', '12\n3', '12'].map((text) => read(text).stop)).to.deep.equal([2, 2, 2, 2]);
  });

  it('writes the NaN of Prometheus and never the staleness marker', () => {
    const { words } = read('NaN');
    expect([...words]).to.deep.equal([1, 0x7ff80000]);
    expect(isStale(new Float64Array(words.buffer), 1)).to.equal(false);
  });

  it('gives the very double that strtod gives, however it is spelled', () => {
    const rnd = random(7);
    const double = new DataView(new ArrayBuffer(8));
    for (let i = 0; i < 20_000; i++) {
      double.setUint32(0, rnd() * 2 ** 32);
      double.setUint32(4, rnd() * 2 ** 32);
      const any = double.getFloat64(0);
      const value = i % 3 === 0 && Number.isFinite(any) ? any : rnd() * 10 ** Math.floor(rnd() * 30 - 10);
      const digits = Math.floor(rnd() * 20);
      const texts = [String(value), value.toExponential(), value.toExponential(digits), value.toPrecision(digits + 1)];
      for (const text of texts) expect(read(text).value, text).to.equal(Number(text));
    }
  });
});

describe('formatFloat', () => {
  const writes = (value: number, text: string, bound = text) =>
    it(`writes ${text}`, () => {
      expect(formatFloat(value)).to.equal(text);
      expect(formatBound(value)).to.equal(bound);
    });

  writes(0, '0', '0.0');
  writes(1, '1', '1.0');
  writes(-2.5, '-2.5');
  writes(123456, '123456', '123456.0');
  writes(1_000_000, '1e+06');
  writes(1756047.3, '1.7560473e+06');
  writes(0.0001, '0.0001');
  writes(0.00001, '1e-05');
  writes(1e100, '1e+100');
  writes(Infinity, '+Inf');
  writes(-Infinity, '-Inf');
  writes(Number.NaN, 'NaN');

  it('keeps the sign of zero in a value and drops it in a bound', () => {
    expect([formatFloat(-0), formatBound(-0)]).to.deep.equal(['-0', '0.0']);
  });
});
