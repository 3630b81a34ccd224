import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRoot, globDirectories, matchesGlob } from '#linux';
import { makeTree, type Tree } from '../support/tree.ts';

describe('matchesGlob', () => {
  const matches = (pattern: string, path: string) =>
    it(`${pattern} matches ${path}`, () => expect(matchesGlob(pattern, path)).to.equal(true));
  const fails = (pattern: string, path: string) =>
    it(`${pattern} does not match ${path}`, () => expect(matchesGlob(pattern, path)).to.equal(false));

  matches('/', '/');
  matches('/system.slice/*.service', '/system.slice/dnsmasq.service');
  matches('system.slice/*.service', '/system.slice/dnsmasq.service');
  matches('/**', '/');
  matches('/**', '/a/b/c');
  matches('/a/**', '/a');
  matches('/a/**/z', '/a/z');
  matches('/a/**/z', '/a/b/c/z');
  matches('/**/kubepods*/**', '/kubelet/kubepods-burstable/pod1');
  matches('/a?c', '/abc');
  matches('/*b*b*', '/abab');
  matches('/dev-disk\\x2dby[1].mount', '/dev-disk\\x2dby[1].mount');
  fails('/', '/a');
  fails('/*', '/a/b');
  fails('/*', '/');
  fails('/a?c', '/ac');
  fails('/a/**/z', '/a/b/zz');
  fails('/A', '/a');

  it('takes no longer for a pattern of many stars', () => {
    const began = performance.now();
    expect(matchesGlob(`/${'*a'.repeat(1000)}b`, `/${'a'.repeat(5000)}`)).to.equal(false);
    expect(performance.now() - began).to.be.below(1000);
  });
});

describe('globDirectories', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({
      'cg/a/x.service/f': '',
      'cg/a/y.service/f': '',
      'cg/a/y.service/inner/f': '',
      'cg/b/x.scope/f': '',
      'outside/x.service/f': '',
    });
    symlinkSync(join(tree.path, 'outside'), join(tree.path, 'cg/c'));
  });
  afterEach(() => tree.remove());
  const found = (pattern: string) => [...globDirectories(createRoot(tree.path), '/cg', pattern)];

  it('finds one that is named', () => expect(found('/a/x.service')).to.deep.equal(['/a/x.service']));
  it('finds the root itself', () => expect(found('/')).to.deep.equal(['/']));
  it('finds by star, and no symbolic link', () => expect(found('*/x.*')).to.deep.equal(['/a/x.service', '/b/x.scope']));
  it('finds no symbolic link that is named', () => expect(found('/c/x.service')).to.deep.equal([]));
  it('finds at any depth, each once', () => {
    expect(found('/a/**')).to.deep.equal(['/a', '/a/x.service', '/a/y.service', '/a/y.service/inner']);
    expect(found('/**/**')).to.have.lengthOf(7);
  });
  it('finds nothing for what is not there, or through ..', () => {
    expect(found('/none/**')).to.deep.equal([]);
    expect(found('/../outside')).to.deep.equal([]);
  });
});
