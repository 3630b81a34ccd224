import { expect } from 'chai';
import { parseProfiles } from '../../../extensions/sigv4auth/profiles.ts';
import { words } from '../../../extensions/sigv4auth/program.ts';
import { refusalOf } from '../../../extensions/sigv4auth/refusal.ts';
import { element } from '../../../extensions/sigv4auth/xml.ts';
import { cpuTime } from '../../support/cpu.ts';
import { random } from '../../support/random.ts';

const plain = (text: string, kind: 'config' | 'credentials' = 'config') =>
  Object.fromEntries([...parseProfiles(text, kind)].map(([name, settings]) => [name, Object.fromEntries(settings)]));

describe('AWS profiles', () => {
  const parses = (what: string, text: string, want: unknown, kind: 'config' | 'credentials' = 'config') =>
    it(what, () => expect(plain(text, kind)).to.deep.equal(want));

  parses('have names with and without profile', '[default]\na=1\n[profile b c]\nd = 2\r\n[profile "e"]\nf=3\n', {
    default: { a: '1' },
    'b c': { d: '2' },
    e: { f: '3' },
  });
  parses('leave out sections that are none', '[b]\na=1\n[sso-session x]\na=1\n[services y]\na=1\n', {});
  parses(
    'are all sections of a credentials file',
    '[b]\na=1\n[profile c]\na=2\n',
    { b: { a: '1' }, 'profile c': { a: '2' } },
    'credentials',
  );
  parses(
    'have comments',
    '# x\n[a] # y\n ; z\nb = c # d\ne=f#g;h\ni = #j\n',
    { a: { b: 'c', e: 'f#g;h', i: '' } },
    'credentials',
  );
  parses('have keys in any case, and values with equal signs', '[a]\nB=c==\n', { a: { b: 'c==' } }, 'credentials');
  parses('pass over nested settings', '[a]\ns3 =\n  b = 1\nc = 2\n', { a: { s3: '', c: '2' } }, 'credentials');
  parses(
    'may be indented',
    '[a]\n  b = 1\n\tc = 2\n  s3 =\n    x = 1\n  d = 3\n',
    { a: { b: '1', c: '2', s3: '', d: '3' } },
    'credentials',
  );
  parses('go on where a section comes twice', '[a]\nb=1\nc=1\n[a]\nb=2\n', { a: { b: '2', c: '1' } }, 'credentials');
  parses('pass over what means nothing', 'b=1\n[a\nc=2\n[]\nd=3\n[e]\nf\n=g\n', { e: {} }, 'credentials');

  it('take any noise, in time', () => {
    const next = random(7);
    const parts = [
      '[',
      ']',
      'profile ',
      'default',
      '=',
      '\n',
      '\r',
      ' ',
      '#',
      ';',
      'a',
      '"',
      '\0',
      '\ud800',
      'é',
      '\t',
    ];
    for (let round = 0; round < 500; round++) {
      const size = round % 50 === 0 ? 50_000 : 200;
      const text = Array.from({ length: size }, () => parts[Math.floor(next() * parts.length)]).join('');
      const began = cpuTime();
      parseProfiles(text, round % 2 ? 'config' : 'credentials');
      words(text);
      element(text, 'a');
      refusalOf({ status: 403, headers: {}, body: Buffer.from(text) });
      expect(cpuTime() - began).to.be.below(500);
    }
  });
});

describe("a credential_process' command line", () => {
  const splits = (command: string, want: string[]) => it(command, () => expect(words(command)).to.deep.equal(want));
  splits('', []);
  splits('/a/b  c -d', ['/a/b', 'c', '-d']);
  splits('"/a b/c" \'d "e"\' f\\ g', ['/a b/c', 'd "e"', 'f g']);
  splits('a"b c"d \'\' ""', ['ab cd', '', '']);
  splits('"a\\"b\\c"', ['a"b\\c']);
});
