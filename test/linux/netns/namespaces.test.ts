import { linkSync, mkdirSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { createRoot, findNamespaces, type HostRoot, labelsOfNamespace, type NamespaceKind } from '#linux';
import { makeTree, type Tree } from '../../support/tree.ts';

const POD = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const CONTAINER = 'c'.repeat(64);

describe('findNamespaces', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree();
  });
  afterEach(() => tree.remove());
  const look = (kind: NamespaceKind, before?: Awaited<ReturnType<typeof findNamespaces>>) =>
    findNamespaces(createRoot(tree.path), kind, before);

  /** A process; those with the same `net` share the files that all of a network namespace share. */
  function process(pid: number, net: number, { visible = true, start = pid, cgroup = '/' } = {}): void {
    tree.write({
      [`proc/${pid}/stat`]: `${pid} (x) S 1 ${'0 '.repeat(17)}${start} 0\n`,
      [`proc/${pid}/cgroup`]: `0::${cgroup}\n`,
      [`net/${net}`]: '',
    });
    const folder = join(tree.path, `proc/${pid}`);
    for (const name of ['net', 'ns']) mkdirSync(join(folder, name), { recursive: true });
    linkSync(join(tree.path, `net/${net}`), join(folder, 'net/udp'));
    if (!visible) return;
    symlinkSync(`net:[${net}]`, join(folder, 'ns/net'));
    symlinkSync(`mnt:[${net + 1}]`, join(folder, 'ns/mnt'));
  }
  const kill = (pid: number) => rmSync(join(tree.path, `proc/${pid}`), { recursive: true });

  it('gives each once, with its first process, that of process 1 first', async () => {
    process(1, 100);
    process(7, 200);
    process(8, 200);
    process(9, 100);
    const found = await look('net');
    expect(found.map(({ inode, pid, isHost }) => [inode, pid, isHost])).to.deep.equal([
      [100, 1, true],
      [200, 7, false],
    ]);
    expect(found[1]?.file).to.equal(join(tree.path, 'proc/7/ns/net'));
  });

  it('tells whose it is', async () => {
    process(1, 100);
    process(7, 200, { cgroup: `/kubepods/burstable/pod${POD}/${CONTAINER}` });
    const [host, pod] = await look('net');
    expect(labelsOfNamespace('net', host!)).to.deep.equal({ netns: 'host' });
    expect(labelsOfNamespace('net', pod!)).to.deep.equal({ netns: '200', pod_uid: POD, container_id: CONTAINER });
  });

  it('tells network namespaces apart whose inodes it may not see', async () => {
    process(1, 100, { visible: false });
    process(7, 200, { visible: false });
    process(8, 200, { visible: false });
    const found = await look('net');
    expect(found.map(({ inode, pid }) => [inode, pid])).to.deep.equal([
      [0, 1],
      [0, 7],
    ]);
    expect(labelsOfNamespace('net', found[1]!).netns).to.match(/^proc:\d+$/);
    expect(await look('mnt')).to.deep.equal([]);
  });

  it('is known by a process whose file may be opened, if there is one', async () => {
    process(1, 100, { visible: false });
    process(7, 100);
    const found = await look('net');
    expect(found.map(({ inode, pid, isHost }) => [inode, pid, isHost])).to.deep.equal([[100, 7, true]]);
    const again = await look('net', found);
    expect(again[0]).to.equal(found[0]);
  });

  it('finds mount namespaces', async () => {
    process(1, 100);
    process(7, 200);
    const found = await look('mnt');
    expect(found.map((one) => labelsOfNamespace('mnt', one))).to.deep.equal([{ mntns: 'host' }, { mntns: '201' }]);
  });

  it('keeps the same object while its process lives', async () => {
    process(1, 100);
    process(7, 200);
    process(8, 200);
    const first = await look('net');
    const second = await look('net', first);
    expect(second.map((one, i) => one === first[i])).to.deep.equal([true, true]);
    kill(7);
    const third = await look('net', second);
    expect(third.map(({ inode, pid }) => [inode, pid])).to.deep.equal([
      [100, 1],
      [200, 8],
    ]);
    kill(8);
    expect((await look('net', third)).map(({ inode }) => inode)).to.deep.equal([100]);
  });

  it('is not deceived by a process that got the number of another', async () => {
    process(1, 100);
    process(7, 200, { start: 5 });
    const before = await look('net');
    kill(7);
    process(7, 300, { start: 99 });
    const after = await look('net', before);
    expect(after.map(({ inode, startTicks }) => [inode, startTicks])).to.deep.equal([
      [100, 1],
      [300, 99],
    ]);
  });

  it('follows a process that moves to another namespace', async () => {
    process(1, 100);
    process(7, 200);
    const before = await look('net');
    const folder = join(tree.path, 'proc/7');
    for (const name of ['net/udp', 'ns/net']) unlinkSync(join(folder, name));
    linkSync(join(tree.path, 'net/100'), join(folder, 'net/udp'));
    symlinkSync('net:[100]', join(folder, 'ns/net'));
    expect((await look('net', before)).map(({ inode }) => inode)).to.deep.equal([100]);
  });

  it('passes over a process that cannot be read, and knows its namespace by another', async () => {
    for (const [pid, net] of [
      [1, 100],
      [7, 200],
      [8, 200],
      [9, 300],
    ] as const)
      process(pid, net);
    const open = createRoot(tree.path);
    const closed = (code: string, pid: number): HostRoot => ({
      ...open,
      read(path) {
        if (path.startsWith(`/proc/${pid}/`)) throw Object.assign(new Error('no'), { code });
        return open.read(path);
      },
    });
    const before = await look('net');
    for (const code of ['EPERM', 'EIO']) {
      for (const known of [[], before]) {
        const found = await findNamespaces(closed(code, 7), 'net', known);
        expect(found.map(({ inode, pid }) => [inode, pid])).to.deep.equal([
          [100, 1],
          [200, 8],
          [300, 9],
        ]);
      }
    }
    expect((await findNamespaces(closed('EPERM', 1), 'net')).map(({ pid }) => pid)).to.deep.equal([7, 9]);
  });

  it('gives nothing where there is no /proc', async () => {
    expect(await look('net')).to.deep.equal([]);
    mkdirSync(dirname(join(tree.path, 'proc/7/x')), { recursive: true });
    expect(await look('net')).to.deep.equal([]);
  });

  it('knows the namespaces of this machine', async () => {
    const [first] = await findNamespaces(createRoot('/'), 'net');
    expect(first).to.include({ isHost: true });
  });
});
