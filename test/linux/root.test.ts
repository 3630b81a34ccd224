import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { codeOf, createRoot, MAX_READ } from '#linux';
import { makeTree, type Tree } from '../support/tree.ts';

describe('a host root', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ 'host/etc/motd': 'hello\n', 'host/a/x/f': '1', 'host/a/y/f': '2', secret: 'no' });
  });
  afterEach(() => tree.remove());
  const host = () => createRoot(join(tree.path, 'host'));

  it('reads a file below its path', () => {
    expect(host().read('/etc/motd')).to.equal('hello\n');
  });

  it('reads files of the kernel, which have no size', () => {
    expect(createRoot('/').read('/proc/self/stat')).to.match(/^\d+ \(/);
    expect(createRoot().path).to.equal('/');
  });

  it('gives undefined for what is not there', () => {
    expect(host().read('/etc/none')).to.equal(undefined);
    expect(host().read('/etc/motd/none')).to.equal(undefined);
    expect(createRoot('/').read('/proc/4194305/stat')).to.equal(undefined);
  });

  it('does not let .. lead out of it', () => {
    expect(host().read('/../secret')).to.equal(undefined);
    expect(host().read('../secret')).to.equal(undefined);
  });

  it('keeps a file open that is read again and again', () => {
    tree.write({ 'host/count': '1 ' });
    const file = host().open('/count')!;
    expect(file.read()).to.equal('1 ');
    expect(file.spaces()).to.equal(1);
    tree.write({ 'host/count': '12 '.repeat(5000) });
    expect(file.read()).to.equal('12 '.repeat(5000));
    expect(file.spaces()).to.equal(5000);
    tree.write({ 'host/count': 'abc '.repeat(20_000) });
    expect(file.read()).to.equal('abc '.repeat(16_384));
    file.close();
    expect(host().open('/none')).to.equal(undefined);
    expect(() => host().open('/etc')).to.throw('it is not a regular file');
  });

  it('lists the names in a folder', () => {
    expect(host().names('/a').sort()).to.deep.equal(['x', 'y']);
    expect(host().names('/none')).to.deep.equal([]);
  });

  it('does not open a symbolic link', () => {
    symlinkSync('/etc/passwd', join(tree.path, 'host/link'));
    symlinkSync('/dev/zero', join(tree.path, 'host/zero'));
    expect(() => host().read('/link')).to.throw(/^cannot read .*\/host\/link: it is a symbolic link$/);
    expect(() => host().read('/zero')).to.throw('it is a symbolic link');
  });

  it('does not wait for a FIFO, nor read a device or a folder', () => {
    execFileSync('mkfifo', [join(tree.path, 'host/fifo')]);
    expect(() => host().read('/fifo')).to.throw('it is not a regular file');
    expect(() => createRoot('/').read('/dev/null')).to.throw('it is not a regular file');
    expect(() => host().read('/etc')).to.throw('it is not a regular file');
  });

  it('cuts a long file at the end of a line', () => {
    const line = `${'x'.repeat(20)} 1\n`;
    tree.write({ 'host/long': `anon 1\n${line.repeat(200_000)}` });
    const text = host().read('/long')!;
    expect(text.length).to.be.within(MAX_READ - line.length, MAX_READ);
    expect(text.startsWith('anon 1\n')).to.equal(true);
    expect(text.endsWith('1\n')).to.equal(true);
  });

  it('says what it attempted, and keeps the cause', () => {
    let thrown: unknown;
    try {
      host().read(`/${'x'.repeat(300)}`);
    } catch (error) {
      thrown = error;
    }
    expect((thrown as Error).message).to.match(/^cannot read .*xxx: ENAMETOOLONG/);
    expect(codeOf(thrown)).to.equal('ENAMETOOLONG');
    expect(codeOf(new Error('plain'))).to.equal('');
  });

  it('lists real directories only, sorted', () => {
    symlinkSync('/etc', join(tree.path, 'host/a/etc'));
    mkdirSync(join(tree.path, 'host/a/b'));
    expect(host().directories('/a')).to.deep.equal(['b', 'x', 'y']);
    expect(host().directories('/none')).to.deep.equal([]);
    expect(host().isDirectory('/a/etc')).to.equal(false);
    expect(host().isDirectory('/a/x')).to.equal(true);
  });

  it('tells what a link says without following it', () => {
    symlinkSync('../../devices/virtual/block/dm-0', join(tree.path, 'host/dm'));
    expect(host().link('/dm')).to.equal('../../devices/virtual/block/dm-0');
    expect(host().link('/etc/motd')).to.equal(undefined);
    expect(host().link('/none')).to.equal(undefined);
  });
});
