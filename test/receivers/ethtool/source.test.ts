import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { setEnvironment } from '#kit';
import { programSource } from '../../../receivers/ethtool/source.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const SCRIPT = `#!/bin/sh
case "$1" in
-S) printf 'NIC statistics:\\n     linklocal_allowance_exceeded: 7\\n     secret: %s\\n' "\${DNSCOL_SECRET:-0}" ;;
*) exit 71 ;;
esac
`;

describe('the ethtool program as a source', () => {
  const { signal } = new AbortController();
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ ethtool: SCRIPT });
    chmodSync(join(tree.path, 'ethtool'), 0o755);
  });
  afterEach(() => {
    setEnvironment({});
    tree.remove();
  });

  it('is found in PATH, before the usual places', async () => {
    setEnvironment({ PATH: tree.path });
    const statistics = await programSource().statistics('eth0', signal);
    expect(statistics[0]).to.deep.equal({ name: 'linklocal_allowance_exceeded', value: 7 });
  });

  it("sees nothing else of the agent's environment", async () => {
    setEnvironment({ PATH: tree.path, DNSCOL_SECRET: '1' });
    const statistics = await programSource().statistics('eth0', signal);
    expect(statistics[1]).to.deep.equal({ name: 'secret', value: 0 });
  });

  it('has no driver where the program fails', async () => {
    setEnvironment({ PATH: tree.path });
    expect(await programSource().driver('eth0', signal)).to.equal(undefined);
  });
});
