import { expect } from 'chai';
import { plainOf } from '../../src/config/node.ts';
import { type Given, loadFiles } from '../support/config.ts';
import { cpuTime } from '../support/cpu.ts';

async function tree(given: Given): Promise<unknown> {
  const { tree: root, issues } = await loadFiles(given);
  expect(issues).to.deep.equal([]);
  return JSON.parse(JSON.stringify(plainOf(root)));
}

const merges = (title: string, texts: string[], want: unknown, sets: string[] = []) =>
  it(title, async () => {
    expect(await tree({ configs: texts.map((text) => `yaml:${text}`), sets })).to.deep.equal(want);
  });

describe('several configurations', () => {
  merges('merge maps at every depth', ['a: {b: {c: 1}}', 'a: {b: {d: 2}, e: 3}'], { a: { b: { c: 1, d: 2 }, e: 3 } });
  merges('replace scalars', ['a: 1', 'a: 2'], { a: 2 });
  merges('replace lists', ['a: [1, 2]', 'a: [3]'], { a: [3] });
  merges('let a later null win', ['a: {b: 1}', 'a:'], { a: null });
  merges('let a map replace nothing', ['a:', 'a: {b: 1}'], { a: { b: 1 } });
  merges('let a scalar replace a map', ['a: {b: 1}', 'a: x'], { a: 'x' });
  merges('may be empty', ['a: 1', ''], { a: 1 });
  merges('have keys with :: nested', ['a::b: 1', 'a::c::d: 2'], { a: { b: 1, c: { d: 2 } } });
  merges('keep such keys inside lists', ['a: [{"b::c": 1}]'], { a: [{ 'b::c': 1 }] });
  merges('are merged before they are expanded', ['a: "${yaml:{b: 1}}"', 'a: {c: 2}'], { a: { c: 2 } });
});

describe('--set', () => {
  merges('comes after all configurations', ['a: {b: 1}'], { a: { b: 2 } }, ['a.b=2']);
  merges('takes :: as well as dots', ['a: {b: 1}'], { a: { b: 2, c: 3 } }, ['a::b=2', 'a::c=3']);
  merges('reads its value as YAML', ['a: 1'], { a: [1, { b: 'x' }], c: null, d: 'x=y' }, [
    'a=[1, {b: x}]',
    'c=',
    'd=x=y',
  ]);
  merges('replaces lists', ['a: [1, 2]'], { a: [3] }, ['a=[3]']);
  merges('merges maps', ['a: {b: 1}'], { a: { b: 1, c: 2 } }, ['a={c: 2}']);
  merges('expands references', ['a: 1'], { a: 5 }, ['a=${env:X:-5}']);
});

describe('--config', () => {
  const files = { 'agent.yaml': 'a: 1', 'C:\\agent.yaml': 'a: 2' };
  const reads = (source: string, want: unknown) =>
    it(`reads ${source}`, async () => {
      expect(await tree({ configs: [source], files, env: { AGENT: 'a: 3' } })).to.deep.equal(want);
    });
  reads('agent.yaml', { a: 1 });
  reads('file:agent.yaml', { a: 1 });
  reads('C:\\agent.yaml', { a: 2 });
  reads('env:AGENT', { a: 3 });
  reads('yaml:a: 4', { a: 4 });
  reads('yaml:a::b: 4', { a: { b: 4 } });

  it('names the files it read, for watching', async () => {
    const loaded = await loadFiles({ configs: ['agent.yaml', 'yaml:b: 1'], files });
    expect(loaded.files).to.deep.equal(['agent.yaml']);
  });

  it('may be given a hundred times, no more', async () => {
    const { issues } = await loadFiles({ configs: Array<string>(101).fill('yaml:a: 1') });
    expect(issues.map((i) => i.message)).to.deep.equal(['more than 100 --config are too many']);
  });

  it('of more than 1 MiB is refused, at once', async () => {
    const began = cpuTime();
    const { issues } = await loadFiles({ files: { 'agent.yaml': 'a: b\n'.repeat(300_000) } });
    expect(issues.map((i) => i.message)).to.deep.equal(['is larger than 1 MiB']);
    expect(cpuTime() - began).to.be.below(100);
  });

  it('with a bomb of aliases is refused, at once', async () => {
    const level = (name: string, inner: string) => `${name}: &${name} [${Array(9).fill(`*${inner}`).join()}]\n`;
    const names = 'abcdefghij';
    let text = 'a: &a [x,x,x,x,x,x,x,x,x]\n';
    for (let i = 1; i < names.length; i++) text += level(names[i]!, names[i - 1]!);
    const began = cpuTime();
    const { issues } = await loadFiles({ files: { 'agent.yaml': text } });
    expect(issues[0]?.message).to.include('unfold to more than 10000 values');
    expect(cpuTime() - began).to.be.below(100);
  });

  it('with __proto__ as a key leaves all objects as they are', async () => {
    const { tree: root } = await loadFiles({
      files: { 'agent.yaml': '__proto__: {polluted: 1}\na: {__proto__: {b: 1}}' },
    });
    plainOf(root);
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
    expect([...root.entries.keys()]).to.deep.equal(['__proto__', 'a']);
  });
});
