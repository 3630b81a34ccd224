import { statSync } from 'node:fs';
import { expect } from 'chai';
import { namespaceSockets } from '#linux';

const OWN = { file: '/proc/self/ns/net', inode: statSync('/proc/self/ns/net').ino };

/** What needs no privilege; the rest is in test/e2e/network-namespaces.test.ts. */
describe('namespaceSockets', () => {
  it('says why namespaces cannot be entered, or that they can', async () => {
    const sockets = namespaceSockets();
    expect(await sockets.whyNot()).to.match(/^$|^entering network namespaces needs CAP_SYS_ADMIN \(setns: EPERM\)$/);
    await sockets.close();
  });

  it('may be closed unused, and twice, and makes no sockets from then on', async () => {
    const sockets = namespaceSockets();
    await sockets.close();
    await sockets.close();
    const error = await sockets.udp(OWN, 4).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).to.equal('no more sockets in namespaces: closed');
  });

  it('rejects with a code when the namespace is gone, or another', async () => {
    const sockets = namespaceSockets();
    const code = (file: string, inode: number) =>
      sockets.udp({ file, inode }, 4).then(
        () => '',
        (error: NodeJS.ErrnoException) => error.code,
      );
    expect(await code('/proc/0/ns/net', OWN.inode)).to.equal('ENOENT');
    expect(await code(OWN.file, OWN.inode + 1)).to.equal('ESTALE');
    await sockets.close();
  });
});
