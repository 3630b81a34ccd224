import { expect } from 'chai';
import { type CorefileOptions, type ImportFiles, parseCorefile } from '#dns';
import { expectResultOrError, mutateCorefile } from '../../support/corefile-noise.ts';
import { random } from '../../support/random.ts';

function filesOf(files: Record<string, string>): ImportFiles {
  return {
    exists: (path) => Object.keys(files).some((file) => file === path || file.startsWith(`${path}/`)),
    read: (path) => files[path]!,
    list: (folder) =>
      Object.keys(files)
        .filter((path) => path.startsWith(folder === '/' ? '/' : `${folder}/`))
        .map((path) => path.slice(folder.length).split('/').filter(Boolean)[0]!),
  };
}

/** `[keys, directive words]` of each block. */
function shape(text: string, options: CorefileOptions = {}) {
  return parseCorefile(text, options).blocks.map(({ keys, directives }) => [
    keys.join(' '),
    [...directives].map(([name, tokens]) => `${name}: ${tokens.map((token) => token.text).join(' ')}`).join('; '),
  ]);
}

const parses = (title: string, text: string, want: string[][], options: CorefileOptions = {}) =>
  it(`parses ${title}`, () => expect(shape(text, options)).to.deep.equal(want));

const refuses = (title: string, text: string, message: string | RegExp, options: CorefileOptions = {}) =>
  it(`refuses ${title}`, () => {
    const started = performance.now();
    const check = expect(() => parseCorefile(text, options)).to.throw();
    if (typeof message === 'string') check.with.property('message', message);
    else check.with.property('message').that.matches(message);
    expect(performance.now() - started).to.be.below(1000);
  });

describe('parseCorefile', () => {
  parses('nothing', '', []);
  parses('several zones and ports', 'a:53, b,\n  c:54 {\n log\n}', [['a:53 b c:54', 'log: log']]);
  parses('schemes and networks', 'tls://example.org:5353 10.0.0.0/8 { \n}', [
    ['tls://example.org:5353 10.0.0.0/8', ''],
  ]);
  parses('a block without braces', 'a\nlog\nerrors', [['a', 'log: log; errors: errors']]);
  parses('quotes, escapes and comments', 'a { # b\n x "c \\" d" \\n #e\n}', [['a', 'x: x c " d \\n']]);
  parses('nested blocks', 'a {\n x {\n y {\n z\n }\n }\n}', [['a', 'x: x { y { z } }']]);
  parses('a directive given twice', 'a {\n x 1\n y\n x 2\n}', [['a', 'x: x 1 x 2; y: y']]);
  parses('CRLF', 'a {\r\n x\r\n}\r\n', [['a', 'x: x']]);
  parses('a byte order mark', '\ufeffa {\n}', [['a', '']]);
  parses('NUL as any other sign', 'a\0b {\n}', [['a\0b', '']]);
  parses('names that objects have', '__proto__ {\n __proto__ 1\n constructor\n}', [
    ['__proto__', '__proto__: __proto__ 1; constructor: constructor'],
  ]);
  parses('snippets', '(s) {\n log\n x {\n  y\n }\n}\na {\n import s\n}\nb {\n z {\n  import s\n }\n}', [
    ['a', 'log: log; x: x { y }'],
    ['b', 'z: z { log x { y } }'],
  ]);
  parses('2,000 blocks', 'a {\n log\n}\n'.repeat(2000), Array(2000).fill(['a', 'log: log']));
  parses('200 braces in each other', `a {\n x ${'{ y '.repeat(200)}${'} '.repeat(200)}\n}`, [
    ['a', `x: x ${'{ y '.repeat(200)}${'} '.repeat(200)}`.trimEnd()],
  ]);

  it('keeps the place of every word', () => {
    const [block] = parseCorefile('# c\n.:53 {\n\tforward . "1.1.1.1"\n}').blocks;
    expect(block).to.include({ line: 2, file: '' });
    expect(block!.directives.get('forward')!.map(({ line, column }) => [line, column])).to.deep.equal([
      [3, 2],
      [3, 10],
      [3, 12],
    ]);
  });

  describe('with an environment', () => {
    const env = { A: '{$B}', B: 'b', EMPTY: '', S: 'snip', SELF: 'x{$SELF}', X: '{$Y}', Y: '{%X%}', BIG: '{$C}{$C}' };
    parses('both ways to name it, in keys and words', '{$B}:{%B%} {\n x {$A}{$B}\n}', [['b:b', 'x: x bb']], { env });
    parses('what is not set as nothing', 'a{$NOT} {\n x {$EMPTY}. {$toString}\n}', [['a', 'x: x . ']], { env });
    parses('what is no reference as it stands', 'a {\n x {$} {$B {%B}\n}', [['a', 'x: x {$} {$B {%B}']], { env });
    parses('a snippet named by it', '(snip) {\n log\n}\na {\n import {$S}\n}', [['a', 'log: log']], { env });
    refuses('a value that names itself', 'a {\n x {$SELF}\n}', /^Corefile:2:4: the environment's SELF names itself/, {
      env,
    });
    refuses('values that name each other', '{$X} {\n}', /^Corefile:1:1: the environment's [XY] names itself/, {
      env: { X: '{$Y}', Y: '{$X}' },
    });
    const bomb = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`C${i}`, `{$C${i + 1}}{$C${i + 1}}xx`]));
    refuses('values that double each other', 'a {\n x {$C0}\n}', /makes too long a text$/, { env: bomb });
    const many = `a {\n${' x {$L}\n'.repeat(40_000)}}`;
    refuses('too much text from values in all', many, /makes too long a text$/, { env: { L: 'y'.repeat(2000) } });
  });

  describe('with imports', () => {
    const files = filesOf({
      '/etc/a.conf': 'log',
      '/etc/b.conf': 'errors',
      '/etc/sub/c.conf': 'import d.conf',
      '/etc/sub/d.conf': 'whoami\n',
      '/etc/self.conf': 'import self.conf',
      '/etc/double.conf': 'x\nimport double.conf\nimport double.conf\n',
      '/etc/block.conf': 'z {\n log\n}\n',
      '/etc/bad.conf': '\n log }',
      '/etc/w*rd/e.conf': 'any',
    });
    const options = { file: '/etc/Corefile', files };
    parses('a file', 'x {\n import a.conf\n}', [['x', 'log: log']], options);
    parses('an absolute path', 'x {\n import /etc/a.conf\n}', [['x', 'log: log']], options);
    parses('a pattern, in order', 'x {\n import /etc/?.conf\n}', [['x', 'log: log; errors: errors']], options);
    parses('a pattern without a match', 'x {\n import /none/*\n}', [['x', '']], options);
    parses(
      'imports from where the importing file is',
      'x {\n import sub/c.conf\n}',
      [['x', 'whoami: whoami']],
      options,
    );
    parses('whole blocks', 'import block.conf', [['z', 'log: log']], options);
    parses('a folder that looks like a pattern', 'x {\n import e.c*\n}', [['x', 'any: any']], {
      ...options,
      folder: '/etc/w*rd',
    });
    refuses('a file that is not there', 'import no.conf', /^\/etc\/Corefile:1:8: there is no .*: no\.conf$/, options);
    refuses('files where none may be read', 'import a.conf', /files may not be imported here$/);
    refuses(
      'two arguments',
      'import a.conf b.conf',
      '/etc/Corefile:1:15: import takes one snippet, file or pattern',
      options,
    );
    refuses('two stars', 'import /*/*.conf', /may have one \* and one \?/, options);
    refuses('a NUL in a name', 'import a\0b', /there is no snippet and no file/, options);
    refuses('a pattern that does not end', 'import a[b', /does not end/, options);
    refuses('faults in a file, by its name', 'x {\n import bad.conf\n}', /^\/etc\/bad.conf:2:6: /, options);
    refuses('a file that imports itself', 'import self.conf', /self\.conf imports itself/, options);
    refuses('a file that imports itself twice', 'x {\n import double.conf\n}', /imports itself/, options);
    refuses('a snippet that imports itself', '(s) {\n import s\n}\na', 'Corefile:2:9: the snippet (s) imports itself');
    refuses('snippets in a circle', '(a) {\n import b\n}\n(b) {\n import a\n}\nx {\n import a\n}', /imports itself/);
    const doubling = Array.from({ length: 40 }, (_, i) => `(s${i + 1}) {\n import s${i}\n import s${i}\n}\n`).join('');
    refuses('a bomb of snippets', `(s0) {\n log\n}\n${doubling}a {\n import s40\n}`, /more than 10000 times$/);
    const wide = `(w) {\n${' log\n'.repeat(10_000)}}\na {\n${' import w\n'.repeat(1000)}}`;
    refuses('a bomb of words', wide, /more than 100000 words$/);
    refuses('too many words', 'a '.repeat(300_000), /has more than 100000 words$/);
  });

  refuses(
    'signs that a terminal obeys, without them',
    'a {\n "\x1b[1m\n',
    'Corefile:2:2: expected }, not "\\u001b[1m\\n"',
  );
  refuses('a word without an end, in a short message', `a {\n "${'q'.repeat(1e6)}`, /^.{200,400}…$/);
  refuses('a block without its end', 'a {\n log\n', 'Corefile:2:2: expected }, not "log"');
  refuses('a } too many', 'a {\n log }\n}', 'Corefile:2:6: this } closes nothing');
  refuses('a comma before {', 'a, {\n}', /a comma too many/);
  refuses('a comma at the end', 'a,', /ends where another address/);
  refuses('a snippet declared twice', '(a) {\n}\n(a) {\n}', 'Corefile:3:5: the snippet (a) is declared twice');
  refuses('a directive without its end', 'a {\n x {\n', /ends inside of x \{$/);

  it('answers mutated Corefiles with blocks or an error that has a place', () => {
    const rnd = random(5353);
    const seed =
      '(s) {\n log\n}\n.:53 {$A} {\n import s\n forward . 1.1.1.1 {\n  expire 1s\n }\n cache 30\n}\nb { # c\n}\n';
    let text = seed;
    let good = 0;
    for (let i = 0; i < 3000; i++) {
      text = mutateCorefile(rnd, i % 6 === 0 ? seed : text);
      if (expectResultOrError(text)) good++;
    }
    expect(good).to.be.within(300, 2700);
  });
});
