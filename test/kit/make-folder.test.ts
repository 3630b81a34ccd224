import { statSync } from 'node:fs';
import { expect } from 'chai';
import { makeFolder } from '#kit';
import { makeTree, type Tree } from '../support/tree.ts';

const failure = (work: Promise<unknown>): Promise<NodeJS.ErrnoException> =>
  work.then(
    () => expect.fail('it was made'),
    (error) => error,
  );

describe('makeFolder', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree();
  });
  afterEach(() => tree.remove());

  it('makes what is missing, each with its mode, and takes what is there', async () => {
    for (let round = 0; round < 2; round++) await makeFolder(`${tree.path}/a/b/c`, 0o700);
    expect(statSync(`${tree.path}/a`).mode & 0o777).to.equal(0o700);
    expect(statSync(`${tree.path}/a/b/c`).mode & 0o777).to.equal(0o700);
  });

  it('ends where a folder takes none, and names it', async () => {
    const { code, message } = await failure(makeFolder('/proc/no-such/queue', 0o700));
    expect({ code, message }).to.deep.equal({
      code: 'ENOENT',
      message: "ENOENT: no folder can be made in /proc, mkdir '/proc/no-such'",
    });
  });

  it('names the file that stands in the way', async () => {
    tree.write({ f: 'file' });
    expect(await failure(makeFolder(`${tree.path}/f`, 0o700))).to.include({ code: 'EEXIST', path: `${tree.path}/f` });
    expect((await failure(makeFolder(`${tree.path}/f/x`, 0o700))).code).to.equal('ENOTDIR');
  });

  it('says that a file system is read-only, and takes what is there on one', async () => {
    const there = new Set(['/', '/ro']);
    const calls = {
      async mkdir(path: string) {
        const missing = !there.has(path.replace(/\/[^/]*$/, '') || '/');
        throw Object.assign(new Error(path), { code: missing ? 'ENOENT' : 'EROFS' });
      },
      isFolder: async (path: string) => there.has(path),
    };
    expect(await failure(makeFolder('/ro/a/b/c', 0o700, calls))).to.include({ code: 'EROFS', message: '/ro/a' });
    await makeFolder('/ro', 0o700, calls);
  });
});
