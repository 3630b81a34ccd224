import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT } from '../support/agent.ts';
import { type Child, freePorts, run, stopChildren, until } from '../support/children.ts';
import { fetchPage, parsePage } from '../support/page.ts';
import { peer } from '../support/peers.ts';
import { makeTree, type Tree } from '../support/tree.ts';

/** `npm start` with the shipped configuration, its ports replaced by free ones through a second `--config`. */
async function npmStart(): Promise<{ child: Child; url: string; tree: Tree }> {
  const [page = 0, own = 0] = await freePorts(2);
  const shipped = readFileSync(join(PROJECT, 'config/default.yaml'), 'utf8');
  const tree = makeTree({ 'ports.yaml': shipped.replaceAll('9464', String(page)).replaceAll('8888', String(own)) });
  const args = ['start', '--', '--config', join(tree.path, 'ports.yaml')];
  const child = run('npm', args, { cwd: PROJECT, group: true });
  await child.says(/everything is ready/);
  return { child, url: `http://127.0.0.1:${page}/metrics`, tree };
}

/** The name is Prometheus' own, though promtool finds fault with it. */
const NAMED_BY_PROMETHEUS = 'prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total ';

describe('npm start', () => {
  afterEach(stopChildren);

  it('shows real values in which promtool finds no fault, and ends with 0 at Ctrl-C', async () => {
    const { child, url, tree } = await npmStart();
    const text = await until(
      async () => {
        const got = await fetchPage(url);
        return /^cgroup_/m.test(got) && /^otelcol_/m.test(got) && got;
      },
      'the page shows the cgroups and the agent itself',
      60_000,
    );
    const { samples } = parsePage(text);
    const cpu = [...samples].filter(([key]) => key.startsWith('cgroup_cpu_usage_seconds_total'));
    expect(
      cpu.some(([, value]) => value > 0),
      'CPU time has been used',
    ).to.equal(true);
    const faults = promtool(text).filter((fault) => !fault.startsWith(NAMED_BY_PROMETHEUS));
    expect(faults).to.deep.equal([]);

    expect(child.output()).to.include(url.replace('http://', ''));
    const began = performance.now();
    child.kill('SIGINT');
    expect((await child.exit).code).to.equal(0);
    expect(performance.now() - began).to.be.below(3000);
    tree.remove();
  });

  it('serves OpenMetrics and text, both compressed when asked, and HEAD', async () => {
    const { url, tree } = await npmStart();
    await until(async () => (await fetchPage(url)).length > 0, 'there is a page');
    const open = await fetch(url, { headers: { accept: 'application/openmetrics-text;version=1.0.0' } });
    expect(await open.text()).to.be.a('string');
    const head = await fetch(url, { method: 'HEAD', headers: { 'accept-encoding': 'gzip' } });
    expect(head.status).to.equal(200);
    expect(head.headers.get('content-encoding')).to.equal('gzip');
    expect(await head.text()).to.equal('');
    tree.remove();
  });
});

/** promtool's complaints, but for names that are the Collector's own. */
function promtool(page: string): string[] {
  let said = '';
  try {
    execFileSync(peer('promtool'), ['check', 'metrics'], { input: page, stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    said = `${stdout}${stderr}`;
  }
  return said.split('\n').filter((line) => line && !line.startsWith('otelcol_'));
}
