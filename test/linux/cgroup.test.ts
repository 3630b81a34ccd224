import { expect } from 'chai';
import { createRoot, findHierarchies, layoutOf, parseMountinfo, parseProcCgroup } from '#linux';
import { makeTree } from '../support/tree.ts';

const mountLine = (mount: string, type: string, options: string) =>
  `31 23 0:28 / ${mount} rw,nosuid shared:4 - ${type} cgroup ${options}\n`;

describe('parseMountinfo', () => {
  it('finds version 2', () => {
    const text = `22 27 0:21 / /proc rw - proc proc rw\n${mountLine('/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate')}`;
    expect(parseMountinfo(text)).to.deep.equal([{ version: 2, mount: '/sys/fs/cgroup', controllers: [] }]);
  });

  it('finds version 1 with its controllers, and version 2 beside it first', () => {
    const text =
      mountLine('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct') +
      mountLine('/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd') +
      mountLine('/sys/fs/cgroup/unified', 'cgroup2', 'rw');
    const found = parseMountinfo(text);
    expect(found).to.deep.equal([
      { version: 2, mount: '/sys/fs/cgroup/unified', controllers: [] },
      { version: 1, mount: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
      { version: 1, mount: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
    ]);
    expect(layoutOf(found)).to.equal('hybrid');
    expect(layoutOf(found.slice(0, 1))).to.equal('v2');
    expect(layoutOf(found.slice(1))).to.equal('v1');
    expect(layoutOf([])).to.equal(undefined);
  });

  it('counts the first of two mounts of one tree, and unescapes its path', () => {
    const text = mountLine('/a\\040b', 'cgroup2', 'rw') + mountLine('/second', 'cgroup2', 'rw');
    expect(parseMountinfo(text).map((one) => one.mount)).to.deep.equal(['/a b']);
  });

  it('passes over lines that are not as documented', () => {
    expect(parseMountinfo('\nshort - cgroup2\n- - -\n')).to.deep.equal([]);
  });
});

describe('parseProcCgroup', () => {
  it('gives the path in each tree; a path may hold colons', () => {
    const text = '9:name=systemd:/\n2:cpu,cpuacct:/a:b\n0::/user.slice\nrubbish\n';
    expect([...parseProcCgroup(text)]).to.deep.equal([
      ['name=systemd', '/'],
      ['cpu,cpuacct', '/a:b'],
      ['', '/user.slice'],
    ]);
  });
});

describe('findHierarchies', () => {
  const found = (files: Record<string, string>) => {
    const tree = makeTree(files);
    try {
      return findHierarchies(createRoot(tree.path));
    } finally {
      tree.remove();
    }
  };

  it("reads the mounts of a host's process 1 under another root", () => {
    const files = { 'proc/1/mountinfo': mountLine('/cg', 'cgroup2', 'rw'), 'cg/cgroup.procs': '' };
    expect(found(files)).to.deep.equal([{ version: 2, mount: '/cg', controllers: [] }]);
  });

  it('looks in the usual places when the table cannot tell', () => {
    expect(found({ 'sys/fs/cgroup/cgroup.controllers': 'cpu\n' })).to.deep.equal([
      { version: 2, mount: '/sys/fs/cgroup', controllers: [] },
    ]);
    expect(
      found({
        'proc/1/mountinfo': mountLine('/not/mounted/here', 'cgroup2', 'rw'),
        'sys/fs/cgroup/memory/memory.stat': '',
        'sys/fs/cgroup/unified/cgroup.procs': '',
      }),
    ).to.deep.equal([
      { version: 2, mount: '/sys/fs/cgroup/unified', controllers: [] },
      { version: 1, mount: '/sys/fs/cgroup/memory', controllers: ['memory'] },
    ]);
  });

  it('finds none where there is none', () => {
    expect(found({ 'etc/motd': '' })).to.deep.equal([]);
  });
});
