import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRoot, type HostRoot } from '#linux';
import { families, findDnsmasqs } from '../../../receivers/dnsmasq/processes.ts';
import { makeTree, type Tree } from '../../support/tree.ts';
import { stat } from './stat.ts';

const never = new AbortController().signal;

describe('families of dnsmasq', () => {
  let tree: Tree;
  let troubles: number[] = [];
  beforeEach(() => {
    troubles = [];
  });
  afterEach(() => tree.remove());

  /** A host with these processes; gives the PIDs of parents, each with the number of its children. */
  async function found(...processes: Parameters<typeof stat>[]) {
    tree = makeTree(Object.fromEntries(processes.map((one) => [`proc/${one[0]}/stat`, stat(...one)])));
    return all();
  }
  const all = async (root?: HostRoot) =>
    families(await findDnsmasqs(root ?? createRoot(tree.path), never, (pid) => troubles.push(pid))).map(
      ({ parent, children }) => [parent.pid, children],
    );

  it('are none where there is no dnsmasq', async () => {
    expect(await found([1, 'init', 0], [2, 'dnsmasq-nanny', 1], [3, 'xdnsmasq', 1])).to.deep.equal([]);
  });

  it('are a parent and its children', async () => {
    const children = Array.from({ length: 20 }, (_, i): Parameters<typeof stat> => [100 + i, 'dnsmasq', 7]);
    expect(await found([1, 'dnsmasq-nanny', 0], [7, 'dnsmasq', 1], ...children)).to.deep.equal([[7, 20]]);
  });

  it('are several where there are several parents', async () => {
    expect(await found([7, 'dnsmasq', 1], [8, 'dnsmasq', 1], [9, 'dnsmasq', 8])).to.deep.equal([
      [7, 0],
      [8, 1],
    ]);
  });

  it('do not count zombies', async () => {
    expect(await found([7, 'dnsmasq', 1], [8, 'dnsmasq', 7, 'Z'], [9, 'dnsmasq', 1, 'Z'])).to.deep.equal([[7, 0]]);
  });

  it('do not count names that hold the name', async () => {
    expect(await found([7, 'a) S 1 (dnsmasq', 1], [8, '(dnsmasq)', 1], [9, 'dnsmasq\n', 1])).to.deep.equal([]);
  });

  it('know a renamed one by its file', async () => {
    await found([7, 'renamed', 1], [8, 'dnsmasq-nanny', 1]);
    symlinkSync('/usr/sbin/dnsmasq (deleted)', join(tree.path, 'proc/7/exe'));
    symlinkSync('/usr/sbin/dnsmasq-nanny', join(tree.path, 'proc/8/exe'));
    expect(await all()).to.deep.equal([[7, 0]]);
  });

  it('count children of children, as a relay for TCP has, for the first parent', async () => {
    expect(await found([7, 'dnsmasq', 1], [8, 'dnsmasq', 7], [9, 'dnsmasq', 8])).to.deep.equal([[7, 2]]);
  });

  it('come to an end where PIDs go in a circle', async () => {
    expect(await found([7, 'dnsmasq', 8], [8, 'dnsmasq', 7])).to.deep.equal([]);
  });

  it('pass over what vanished or is no process', async () => {
    await found([7, 'dnsmasq', 1]);
    tree.write({ 'proc/8/stat': '', 'proc/9/cmdline': 'dnsmasq', 'proc/net/stat': '' });
    expect(await all()).to.deep.equal([[7, 0]]);
  });

  it('are found though other processes are hidden or cannot be read', async () => {
    await found([1, 'init', 0], [7, 'dnsmasq', 1], [8, 'x', 1]);
    const open = createRoot(tree.path);
    const read = (path: string) => {
      if (path.startsWith('/proc/1/')) throw Object.assign(new Error('no'), { code: 'EPERM' });
      if (path.startsWith('/proc/8/')) throw Object.assign(new Error('broken'), { code: 'EIO' });
      return open.read(path);
    };
    expect(await all({ ...open, read })).to.deep.equal([[7, 0]]);
    expect(troubles).to.deep.equal([8]);
  });
});
