import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT } from '../support/agent.ts';
import { type Child, freePorts, run, stopChildren, until } from '../support/children.ts';
import { readPage } from '../support/page.ts';
import { makeTree, type Tree } from '../support/tree.ts';

/** The project's Node, and the machine's own: it may be as old as 20, and is what a bundle would meet there. */
const NODES = [process.execPath, ...['/usr/bin/node', '/usr/local/bin/node'].filter((path) => existsSync(path))];

describe('the bundle that npm run build makes', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree();
    mkdirSync(join(tree.path, 'alone'));
    copyFileSync(join(PROJECT, 'dist/dnscol.js'), join(tree.path, 'alone/dnscol.js'));
  });
  afterEach(async () => {
    await stopChildren();
    tree.remove();
  });
  const start = (node: string, ...args: string[]): Child =>
    run(node, [join(tree.path, 'alone/dnscol.js'), ...args], { cwd: tree.path });

  for (const node of NODES) {
    it(`runs a whole pipeline, alone in a folder, by ${node === process.execPath ? "the project's Node" : node}`, async () => {
      const [page = 0] = await freePorts(1);
      tree.write({
        'agent.yaml': `
receivers:
  cgroup: {initial_delay: 0s}
processors: {memory_limiter: {check_interval: 1s, limit_mib: 500}, relabel: {}, batch: {}}
exporters:
  prometheus: {endpoint: '127.0.0.1:${page}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [cgroup], processors: [memory_limiter, relabel, batch], exporters: [prometheus]}
`,
      });
      const agent = start(node, '--config', 'agent.yaml');
      await agent.says(/everything is ready/);
      const shown = await until(async () => {
        const got = await readPage(`http://127.0.0.1:${page}/metrics`);
        return got.samples.size > 0 && got;
      }, 'the page shows this machine');
      expect([...shown.types.keys()].some((name) => name.startsWith('cgroup_'))).to.equal(true);
      agent.kill('SIGTERM');
      expect(await agent.exit).to.deep.equal({ code: 0, signal: null });
    });
  }
});
