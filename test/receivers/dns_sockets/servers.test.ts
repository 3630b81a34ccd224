import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRoot, type HostRoot } from '#linux';
import { SERVERS, serverSockets } from '../../../receivers/dns_sockets/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

describe('sockets of DNS servers', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree();
  });
  afterEach(() => tree.remove());

  function process(pid: number, comm: string, net: number, uid = 0, ...inodes: number[]): void {
    tree.write({
      [`proc/${pid}/stat`]: `${pid} (${comm}) S 1 ${'0 '.repeat(17)}${pid} 0\n`,
      [`proc/${pid}/status`]: `Name:\t${comm}\nUid:\t0\t${uid}\t0\t0\n`,
    });
    for (const name of ['ns', 'fd']) mkdirSync(join(tree.path, `proc/${pid}/${name}`));
    symlinkSync(`net:[${net}]`, join(tree.path, `proc/${pid}/ns/net`));
    for (const inode of inodes) symlinkSync(`socket:[${inode}]`, join(tree.path, `proc/${pid}/fd/${inode}`));
  }
  let troubles: unknown[];
  const find = (root: HostRoot = createRoot(tree.path)) => {
    troubles = [];
    return serverSockets(root, new Set(SERVERS), (error) => troubles.push(error));
  };

  it('are those that a server holds', async () => {
    process(1, 'init', 100, 0, 10);
    process(7, 'coredns', 200, 0, 70, 71);
    process(8, 'systemd-resolve', 100, 101, 80);
    const isServers = await find();
    const told = [10, 70, 71, 80].map((inode) => isServers('net:100', { inode, uid: 0 }));
    expect(told).to.deep.equal([false, true, true, true]);
  });

  it("are all of a server's user in its namespace where its own may not be seen", async () => {
    process(7, 'envoy', 200, 1337, 70);
    const open = createRoot(tree.path);
    const closed: HostRoot = {
      ...open,
      names(path) {
        if (path.endsWith('/fd')) throw Object.assign(new Error('no'), { code: 'EACCES' });
        return open.names(path);
      },
    };
    const isServers = await find(closed);
    expect(isServers('net:200', { inode: 70, uid: 1337 })).to.equal(true);
    expect(isServers('net:200', { inode: 71, uid: 1337 })).to.equal(true);
    expect(isServers('net:200', { inode: 80, uid: 1000 })).to.equal(false);
    expect(isServers('net:300', { inode: 71, uid: 1337 })).to.equal(false);
  });

  it('are found though other processes are hidden or cannot be read', async () => {
    process(1, 'init', 100);
    process(7, 'coredns', 200, 0, 70);
    process(8, 'x', 200);
    const open = createRoot(tree.path);
    const read = (path: string) => {
      if (path.startsWith('/proc/1/')) throw Object.assign(new Error('no'), { code: 'EPERM' });
      if (path.startsWith('/proc/8/')) throw Object.assign(new Error('broken'), { code: 'EIO' });
      return open.read(path);
    };
    const isServers = await find({ ...open, read });
    expect(isServers('net:200', { inode: 70, uid: 0 })).to.equal(true);
    expect(troubles).to.have.length(1);
  });

  it('names no program that the kernel would cut', () => {
    expect(SERVERS.filter((comm) => comm.length > 15)).to.deep.equal([]);
  });
});
