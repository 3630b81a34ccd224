import { expect } from 'chai';
import { absolute, encodeName, isAbsolute, lowerCase, MalformedMessage, NameReader, nameFault } from '#dns';

const bytes = (...parts: (number | string)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => Buffer.from(typeof part === 'string' ? part : [part])));
const label = (text: string) => [text.length, text] as const;

describe('encodeName', () => {
  const encodes = (text: string, ...want: (number | string)[]) =>
    it(`writes ${text}`, () => expect(Buffer.from(encodeName(text))).to.deep.equal(bytes(...want)));
  encodes('.', 0);
  encodes('a', 1, 'a', 0);
  encodes('www.example.', ...label('www'), ...label('example'), 0);
  encodes('a\\.b.c', 3, 'a.b', 1, 'c', 0);
  encodes('\\000\\255\\\\', 3, 0, 255, '\\', 0);
  encodes('a\\.', 2, 'a.', 0);
  encodes('ü', 2, 'ü', 0);
  encodes(`${'x'.repeat(63)}`, 63, 'x'.repeat(63), 0);

  const refuses = (what: string, text: string, why: string) =>
    it(`refuses ${what}`, () => expect(nameFault(text)).to.equal(why));
  refuses('nothing', '', 'has an empty label');
  refuses('an empty label', 'a..b', 'has an empty label');
  refuses('a dot before the name', '.a', 'has an empty label');
  refuses('a long label', 'x'.repeat(64), 'has a label of 64 bytes; 63 is the most');
  refuses('a long name', `${'x'.repeat(63)}.`.repeat(4), "is longer than a name's 255 bytes");
  refuses('a backslash at the end', 'a\\', 'ends within an escape');
  refuses('an escape above 255', 'a\\256', 'has an escape that is not \\ and three digits up to 255');
  refuses('two digits', 'a\\12', 'has an escape that is not \\ and three digits up to 255');

  it('takes a name of 255 bytes', () => {
    const longest = `${`${'x'.repeat(63)}.`.repeat(3)}${'x'.repeat(61)}`;
    expect(encodeName(longest)).to.have.length(255);
    expect(new NameReader(encodeName(longest)).read(0)).to.equal(`${longest}.`);
  });
});

describe('NameReader', () => {
  const reads = (what: string, message: Uint8Array, at: number, want: string, end: number) =>
    it(`reads ${what}`, () => {
      const names = new NameReader(message);
      expect(names.read(at)).to.equal(want);
      expect(names.skip(at)).to.equal(end);
    });
  reads('the root', bytes(0), 0, '.', 1);
  reads('labels', bytes(1, 'a', 2, 'Bc', 0), 0, 'a.Bc.', 6);
  reads('a pointer', bytes(1, 'a', 0, 1, 'b', 0xc0, 0), 3, 'b.a.', 7);
  reads('a pointer to a pointer', bytes(1, 'a', 0, 0xc0, 0, 1, 'b', 0xc0, 3), 5, 'b.a.', 9);
  reads('a pointer to the root', bytes(0, 0xc0, 0), 1, '.', 3);
  reads('a dot within a label apart from one between two', bytes(3, 'a.b', 0), 0, 'a\\.b.', 5);
  reads('odd bytes escaped', bytes(6, 0, 0x20, 0x7f, '"\\', 0xff, 0), 0, '\\000\\032\\127\\"\\\\\\255.', 8);

  const refuses = (what: string, message: Uint8Array, at: number, why: RegExp) =>
    it(`refuses ${what}`, () => expect(() => new NameReader(message).read(at)).to.throw(MalformedMessage, why));
  refuses('a pointer to itself', bytes(0xc0, 0), 0, /points forward, to 0/);
  refuses('two pointers in a circle', bytes(0xc0, 2, 0xc0, 0), 2, /points forward/);
  refuses('a label and a pointer back to it', bytes(1, 'a', 0xc0, 0), 0, /points forward/);
  refuses('a pointer beyond the end', bytes(0xc0, 0x40), 0, /points forward/);
  refuses('half a pointer', bytes(0, 0xc0), 1, /beyond the end/);
  refuses('a label beyond the end', bytes(5, 'abc'), 0, /beyond the end/);
  refuses('no end', bytes(1, 'a'), 0, /beyond the end/);
  refuses('a length with the high bits 01', bytes(0x41, 'a', 0), 0, /65 at 0 is no label's length/);
  refuses(
    'a name of 256 bytes',
    bytes(
      ...Array(4)
        .fill([63, 'x'.repeat(63)])
        .flat(),
      0,
    ),
    0,
    /longer than 255/,
  );

  it('refuses a long chain of pointers', () => {
    const chain = Buffer.alloc(402);
    for (let i = 1; i <= 200; i++) chain.writeUInt16BE(0xc000 | (i === 1 ? 0 : 2 * (i - 1)), 2 * i);
    expect(() => new NameReader(chain).read(400)).to.throw(MalformedMessage, /too many pointers/);
  });

  it('reads a name that is only pointed at for nothing', () => {
    const name = bytes(...Array(100).fill([1, 'x']).flat(), 0);
    const message = Buffer.concat([name, ...Array(5000).fill(Buffer.from([0xc0, 0]))]);
    const reader = new NameReader(message);
    for (let at = name.length; at < message.length; at += 2) expect(reader.read(at)).to.have.length(200);
  });

  it('spells names out no more than 128 KiB in all', () => {
    const names = bytes(...Array(60).fill([1, 'x']).flat(), 0);
    const message = Buffer.concat(Array.from({ length: 2000 }, () => names));
    const reader = new NameReader(message);
    expect(() => {
      for (let at = 0; at < message.length; at += names.length) reader.read(at);
    }).to.throw(MalformedMessage, /spelled out too often/);
  });
});

describe('names as text', () => {
  it('are absolute when their last dot is not escaped', () => {
    expect(['a.', '.', 'a\\\\.'].map(isAbsolute)).to.deep.equal([true, true, true]);
    expect(['a', 'a\\.', ''].map(isAbsolute)).to.deep.equal([false, false, false]);
    expect([absolute('a'), absolute('a.'), absolute('a\\.')]).to.deep.equal(['a.', 'a.', 'a\\..']);
  });
  it('are lowered in ASCII letters only', () => expect(lowerCase('AbÜ.C')).to.equal('abÜ.c'));
});
