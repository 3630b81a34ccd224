import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { confine } from '#linux';
import { makeTree, type Tree } from '../support/tree.ts';

describe('confine', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ 'etc/dns/a': 'A', 'etc/dns/sub/b': 'B', 'etc/secret': 'S', 'run/resolv.conf': 'R' });
  });
  afterEach(() => tree.remove());

  const files = (within = '/etc/dns', limit = 1000) => confine(tree.path, within, limit);
  const link = (target: string, name: string) => symlinkSync(target, join(tree.path, name));

  it('reads, lists and looks', () => {
    expect(files().read('/etc/dns/a')).to.equal('A');
    expect(files().list('/etc/dns').sort()).to.deep.equal(['a', 'sub']);
    expect(files().list('/etc/dns/none')).to.deep.equal([]);
    expect(files().exists('/etc/dns/sub/../a')).to.equal(true);
    expect(files().exists('/etc/dns/none')).to.equal(false);
    expect(files().exists('/etc/dns/a/b')).to.equal(false);
    expect(files().exists(`/etc/dns/${'n'.repeat(5000)}`)).to.equal(false);
    expect(files().exists('/etc/dns/a\0')).to.equal(false);
  });

  it('follows links that stay within', () => {
    link('sub', 'etc/dns/..data');
    link('..data/b', 'etc/dns/b');
    link('/etc/dns/a', 'etc/dns/absolute');
    expect(files().read('/etc/dns/b')).to.equal('B');
    expect(files().read('/etc/dns/absolute')).to.equal('A');
  });

  it('takes an absolute link from the root, and lets .. not lead out of it', () => {
    link('/run/resolv.conf', 'etc/resolv.conf');
    link('../../../../../run/resolv.conf', 'etc/up');
    expect(files('/').read('/etc/resolv.conf')).to.equal('R');
    expect(files('/').read('/etc/up')).to.equal('R');
    expect(files('/').read('/../../run/resolv.conf')).to.equal('R');
  });

  it('refuses what lies outside, by path or by link, there or not', () => {
    link('../secret', 'etc/dns/out');
    for (const path of ['/etc/secret', '/etc/dns/../secret', '/etc/dns/out', '/etc/none', '/etc/dnsmasq']) {
      expect(() => files().exists(path), path).to.throw('is outside of /etc/dns');
      expect(() => files().read(path), path).to.throw('is outside of /etc/dns');
    }
  });

  it('allows a folder that is a link itself', () => {
    link('dns', 'etc/linked');
    expect(files('/etc/linked').read('/etc/linked/a')).to.equal('A');
    expect(files('/etc/linked').exists('/etc/linked/none')).to.equal(false);
  });

  it('refuses the file systems of the kernel, by path or by link', () => {
    link('/proc/self/environ', 'etc/dns/env');
    for (const path of ['/proc/self/environ', '/dev/zero', '/sys/kernel', '/etc/dns/env']) {
      expect(() => confine(tree.path, '/', 1000).read(path), path).to.throw('is not read');
    }
    expect(() => confine('/', '/', 1000).read('/proc/self/environ')).to.throw('is not read');
  });

  it('reads regular files only, and opens nothing else', () => {
    execFileSync('mkfifo', [join(tree.path, 'etc/dns/fifo')]);
    mkdirSync(join(tree.path, 'etc/dns/folder'));
    expect(() => files().read('/etc/dns/fifo')).to.throw('is not a regular file');
    expect(() => files().read('/etc/dns/folder')).to.throw('is a folder');
    expect(() => files().read('/etc/dns/none')).to.throw('there is no /etc/dns/none');
  });

  it('refuses a circle of links', () => {
    link('y', 'etc/dns/x');
    link('x', 'etc/dns/y');
    expect(() => files().read('/etc/dns/x')).to.throw('more than 40 symbolic links');
  });

  it('refuses what is longer than the limit', () => {
    tree.write({ 'etc/dns/long': 'x'.repeat(1001), 'etc/dns/fits': 'x'.repeat(1000) });
    expect(() => files().read('/etc/dns/long')).to.throw('is longer than 1000 bytes');
    expect(files().read('/etc/dns/fits')).to.have.length(1000);
  });
});
