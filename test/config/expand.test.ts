import { expect } from 'chai';
import { findReference } from '../../src/config/expand.ts';
import { plainOf } from '../../src/config/node.ts';
import { loadFiles } from '../support/config.ts';
import { cpuTime } from '../support/cpu.ts';

const env = {
  HOST: 'localhost',
  PORT: '8080',
  LIST: '[a, b]',
  MAP: '{a: 1}',
  ZERO: '0123',
  QUOTED: '"yes"',
  BROKEN: '[a, "b',
  EMPTY: '',
  NESTED: '${env:HOST}:${PORT}',
  MULTI: 'a: 1\nb: 2',
  DOLLARS: 'pa$$word',
  COLON: 'key: value # not a comment',
};

async function load(text: string, files: Record<string, string> = {}) {
  const loaded = await loadFiles({ files: { 'agent.yaml': text, ...files }, env });
  return { ...loaded, plain: JSON.parse(JSON.stringify(plainOf(loaded.tree))) as Record<string, unknown> };
}

const expands = (value: string, want: unknown) =>
  it(`${value} becomes ${JSON.stringify(want)}`, async () => {
    const { plain, issues } = await load(`a: ${JSON.stringify(value)}`);
    expect(issues).to.deep.equal([]);
    expect(plain.a).to.deep.equal(want);
  });

const refuses = (value: string, words: string, more: Record<string, string> = {}) =>
  it(`${value} is refused`, async () => {
    const { issues } = await load(`a: ${JSON.stringify(value)}`, more);
    expect(issues.map((i) => `${i.path}: ${i.message}`).join('\n')).to.include(words);
  });

describe('a reference', () => {
  expands('${env:HOST}', 'localhost');
  expands('${HOST}', 'localhost');
  expands('${env:PORT}', 8080);
  expands('${env:HOST}:${PORT}', 'localhost:8080');
  expands('port ${env:PORT}', 'port 8080');
  expands('${env:LIST}', ['a', 'b']);
  expands('x${env:LIST}', 'x[a, b]');
  expands('${env:MAP}', { a: 1 });
  expands('${env:MULTI}', { a: 1, b: 2 });
  expands('x ${env:MULTI}', 'x a: 1\nb: 2');
  expands('${env:QUOTED}', '"yes"');
  expands('${env:BROKEN}', '[a, "b');
  expands('${env:COLON}', { key: 'value' });
  expands('${env:EMPTY}', null);
  expands('[${env:EMPTY}]', '[]');
  expands('${env:NOT_SET}', null);
  expands('[${env:NOT_SET}]', '[]');
  expands('${env:NOT_SET:-fallback}', 'fallback');
  expands('${env:NOT_SET:-5}', 5);
  expands('${env:NOT_SET:-}', null);
  expands('${env:EMPTY:-fallback}', null);
  expands('${env:NOT_SET:-a:-b}', 'a:-b');
  expands('${env:NOT_SET:-${env:HOST}}', 'localhost');
  expands('${env:${yaml:HO}ST}', 'localhost');
  expands('${env:NESTED}', 'localhost:8080');
  expands('${yaml:[1, two]}', [1, 'two']);
  expands('${yaml:a: ${env:PORT}}', { a: 8080 });

  refuses('${env:1X}', 'environment variable "1X" has invalid name');
  refuses('${1}', 'environment variable "1" has invalid name');
  refuses('${}', 'environment variable "" has invalid name');
  refuses('${env:A B}', 'an environment variable name must match [a-zA-Z_][a-zA-Z0-9_]*');
  refuses('${x:HOST}', '"x:HOST" is not a reference');
  refuses('${s3:HOST}', 'scheme "s3" is not supported for uri "s3:HOST"');
  refuses('${http://h/x}', 'configuration is not read over the network');
  refuses('${file:nowhere}', 'cannot read nowhere: there is no such file');
  refuses('${env:$HOST}', "contains unsupported characters ('$')");
});

describe('a dollar', () => {
  expands('$HOST', '$HOST');
  expands('$1', '$1');
  expands('$$1:$$2', '$1:$2');
  expands('$$', '$');
  expands('$$$', '$$');
  expands('$$$$', '$$');
  expands('$${HOST}', '${HOST}');
  expands('$$${HOST}', '$localhost');
  expands('$$$${HOST}', '$${HOST}');
  expands('a$', 'a$');
  expands('${', '${');
  expands('${HOST', '${HOST');
  expands('$${1}:${PORT}', '${1}:8080');
  expands('${env:DOLLARS}', 'pa$word');

  it('is found by the innermost braces, an even run of dollars before them', () => {
    expect(findReference('x${a${b}c}')).to.deep.equal([4, 8]);
    expect(findReference('$${a}')).to.equal(undefined);
    expect(findReference('$$${a}')).to.deep.equal([2, 6]);
    expect(findReference('$${a}${b}')).to.deep.equal([5, 9]);
    expect(findReference('a}${b}')).to.deep.equal([2, 6]);
  });

  it('is not expanded in a key', async () => {
    expect((await load('"${env:HOST}": 1')).plain).to.deep.equal({ '${env:HOST}': 1 });
  });
});

describe('a loop of references', () => {
  const loops = (vars: Record<string, string>) =>
    it(`is refused within 100 ms: ${JSON.stringify(vars)}`, async () => {
      const began = cpuTime();
      const { issues } = await loadFiles({ files: { 'agent.yaml': 'a: "${env:A}"' }, env: vars });
      expect(issues.map((i) => i.message).join()).to.match(/too many (recursive )?expansions|more than 1 MiB/);
      expect(cpuTime() - began).to.be.below(100);
    });
  loops({ A: '${env:A}' });
  loops({ A: '${env:B}', B: '${env:A}' });
  loops({ A: 'x${env:A}' });
  loops({ A: '${env:A}${env:A}' });
  loops({ A: '{a: "${env:A}"}' });
  loops({ A: '["${env:B}", "${env:B}"]', B: '["${env:A}"]' });

  it('through files is refused, and so is a file in itself', async () => {
    const { issues } = await load('a: "${file:one.yaml}"', { 'one.yaml': 'b: ${file:one.yaml}\n' });
    expect(issues.map((i) => i.message)).to.deep.equal(['too many recursive expansions: it refers to itself']);
  });

  it('that doubles ends at a length', async () => {
    const vars = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`V${i}`, `\${env:V${i + 1}}\${env:V${i + 1}}`]),
    );
    const { issues } = await loadFiles({ files: { 'agent.yaml': 'a: "x${env:V0}"' }, env: { ...vars, V40: 'y' } });
    expect(issues.map((i) => i.message).join()).to.match(/too many recursive expansions|more than 1 MiB/);
  });

  it('that multiplies as lists ends at a count', async () => {
    const vars = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`V${i}`, `["\${env:V${i + 1}}", "\${env:V${i + 1}}"]`]),
    );
    const { issues } = await loadFiles({ files: { 'agent.yaml': 'a: "${env:V0}"' }, env: { ...vars, V30: 'y' } });
    expect(issues[0]?.message).to.include('too many expansions: more than 10000');
  });
});

describe('an included file', () => {
  it('brings options with places of its own', async () => {
    const { tree, issues } = await load('a: ${file:part.yaml}', { 'part.yaml': '# one\nb: 1\n' });
    expect(issues).to.deep.equal([]);
    const a = tree.entries.get('a')!.value;
    if (a.kind !== 'map') throw new Error('a is not a map');
    expect(a.entries.get('b')!.keyPlace).to.deep.include({ file: 'part.yaml', line: 2, column: 1 });
  });

  it('with one value has no newline at its end', async () => {
    const { plain } = await load('a: ${file:token}\nb: "Bearer ${file:token}"', { token: 's3cr3t\n' });
    expect(plain).to.deep.equal({ a: 's3cr3t', b: 'Bearer s3cr3t' });
  });

  it('with a comment that looks like a reference is read', async () => {
    const { plain, issues } = await load('a: ${file:part.yaml}', { 'part.yaml': '# ${hello.world}\nb: 1\n' });
    expect({ plain, issues }).to.deep.equal({ plain: { a: { b: 1 } }, issues: [] });
  });
});

describe('an unset variable', () => {
  it('is a warning at its place', async () => {
    const { warnings } = await load('a:\n  b: "${env:NOT_SET}"');
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.deep.include({ path: 'a.b', message: 'environment variable "NOT_SET" is not set' });
    expect(warnings[0]!.place).to.deep.include({ file: 'agent.yaml', line: 2, column: 6, length: 16 });
  });
});
