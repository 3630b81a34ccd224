import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { listInside, readInside } from '#linux';
import { makeTree, type Tree } from '../support/tree.ts';

describe('readInside', () => {
  let tree: Tree;
  let top: string;
  beforeEach(() => {
    tree = makeTree({ secret: 'outside', 'top/etc/resolv.conf': 'inside', 'top/run/real.conf': 'real' });
    top = join(tree.path, 'top');
  });
  afterEach(() => tree.remove());
  const link = (target: string, at: string) => symlinkSync(target, join(top, at));

  it('reads a file', () => {
    expect(readInside(top, '/etc/resolv.conf')).to.equal('inside');
    expect(readInside(top, 'etc//./resolv.conf')).to.equal('inside');
  });

  it('gives nothing for what is not there', () => {
    expect(readInside(top, '/etc/hosts')).to.equal(undefined);
    expect(readInside(top, '/none/resolv.conf')).to.equal(undefined);
    expect(readInside(top, '/etc/resolv.conf/more')).to.equal(undefined);
    expect(readInside(join(tree.path, 'no-top'), '/etc/resolv.conf')).to.equal(undefined);
  });

  it('follows absolute and relative links within the top', () => {
    link('/run/real.conf', 'etc/absolute');
    link('../run/real.conf', 'etc/relative');
    link('/etc', 'folder');
    expect(readInside(top, '/etc/absolute')).to.equal('real');
    expect(readInside(top, '/etc/relative')).to.equal('real');
    expect(readInside(top, '/folder/relative')).to.equal('real');
  });

  it('is never led out of the top', () => {
    link('../../../../../../secret', 'etc/up');
    link(join(tree.path, 'secret'), 'etc/whole');
    link('..', 'parent');
    expect(readInside(top, '/../secret')).to.equal(undefined);
    expect(readInside(top, '/etc/up')).to.equal(undefined);
    expect(readInside(top, '/etc/whole')).to.equal(undefined);
    expect(readInside(top, '/parent/secret')).to.equal(undefined);
  });

  it('ends where links go round', () => {
    link('b', 'a');
    link('a', 'b');
    expect(() => readInside(top, '/a')).to.throw('cannot read /a: too many symbolic links');
  });

  it('reads neither directories nor FIFOs', () => {
    execFileSync('mkfifo', [join(top, 'etc/fifo')]);
    mkdirSync(join(top, 'etc/folder'));
    expect(() => readInside(top, '/etc/fifo')).to.throw('it is not a regular file');
    expect(() => readInside(top, '/etc/folder')).to.throw('cannot read /etc/folder: it is a directory');
  });

  it('leaves no file open', () => {
    link('/run/real.conf', 'etc/absolute');
    link('b', 'a');
    link('a', 'b');
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let i = 0; i < 50; i++) {
      readInside(top, '/etc/absolute');
      readInside(top, '/etc/none');
      expect(() => readInside(top, '/a')).to.throw();
    }
    expect(open()).to.equal(before);
  });

  it('reads what this process itself sees', () => {
    expect(readInside('/proc/self/root', '/proc/self/status')).to.equal('');
    expect(readInside('/proc/self/root', import.meta.filename)).to.contain('describe(');
  });
});

describe('listInside', () => {
  it('lists a directory within the top, links followed', () => {
    const tree = makeTree({ 'top/a/x': '', 'top/a/y': '', 'out/z': '' });
    const top = join(tree.path, 'top');
    symlinkSync('/a', join(top, 'b'));
    symlinkSync('../../out', join(top, 'c'));
    expect(listInside(top, '/b').sort()).to.deep.equal(['x', 'y']);
    expect(listInside(top, '/c')).to.deep.equal([]);
    expect(listInside(top, '/a/x')).to.deep.equal([]);
    expect(listInside(top, '/').sort()).to.deep.equal(['a', 'b', 'c']);
    tree.remove();
  });
});
