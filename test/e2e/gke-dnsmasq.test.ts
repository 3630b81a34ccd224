import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT, startAgent } from '../support/agent.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { makeSpace } from '../support/namespaces.ts';
import { peer, startPrometheus } from '../support/peers.ts';
import { makeTree, type Tree } from '../support/tree.ts';

/** Seconds between two collections, as the incident's own scrapes were. */
const COLLECTION = 15;

const agentFor = (page: number) => `
receivers:
  dnsmasq: {collection_interval: ${COLLECTION}s, initial_delay: 500ms, sampling_interval: 100ms}
exporters:
  prometheus: {endpoint: '127.0.0.1:${page}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [dnsmasq], exporters: [prometheus]}
`;

/** The cache on the node, in front of dnsmasq by TCP only; and at port 5398 the slow server that dnsmasq asks. */
const COREFILE = `
.:5397 {
    forward . 127.0.0.1:53 {
        force_tcp
        expire 1s
    }
}
.:5398 {
    erratic {
        drop 0
        truncate 0
        delay 1 100ms
    }
}
`;

describe('GKE: kube-dns at the limit of its dnsmasq, behind a cache that asks by TCP', () => {
  let tree: Tree;
  before(() => {
    tree = makeTree({ Corefile: COREFILE });
  });
  after(() => tree.remove());
  afterEach(stopChildren);

  it('shows a burst of two seconds at Prometheus, which a count of processes at each collection misses', async () => {
    const node = await makeSpace();
    const dnsmasq = node.run(
      'dnsmasq',
      '-k',
      '--conf-file=/dev/null',
      '--no-hosts',
      '--no-resolv',
      '--pid-file=',
      '--user=root',
      '--log-facility=-',
      '--cache-size=0',
      '--server=127.0.0.1#5398',
    );
    await dnsmasq.says(/started/);
    const [page = 0] = await freePorts(1);
    const prometheus = await startPrometheus([`127.0.0.1:${page}`]);
    await startAgent(agentFor(page));
    const value = async (promql: string) => (await prometheus.query(promql))[0]?.value;
    const series = (name: string) => `dnsmasq_processes${name}{netns="${node.inode}"}`;
    await until(async () => (await value(series(''))) === 1, 'Prometheus has the first collection');
    expect(await value(series('_limit'))).to.equal(21);

    const coredns = node.run(peer('coredns'), '-conf', join(tree.path, 'Corefile'));
    await coredns.says(/linux\//);
    const burst = node.run(process.execPath, join(PROJECT, 'test/support/burst.ts'), '127.0.0.1:5397', '40', '2');
    await until(() => processes(dnsmasq.pid) === 21, 'dnsmasq has all its processes');
    await burst.exit;
    expect(burst.stdout()).to.match(/^\d{2,} of \d+ answered/);
    // The pool keeps connections, and so children, for up to eleven seconds more: with the cache it ends now.
    await coredns.stop();
    await until(() => processes(dnsmasq.pid) === 1, 'dnsmasq has no children left');

    const peak = await until(
      async () => {
        const got = await value(series('_peak'));
        return got !== 1 && got;
      },
      'Prometheus has the next collection',
      2 * COLLECTION * 1000,
    );
    expect(peak).to.equal(21);
    const atLimit = await value(series('_at_limit_seconds_total'));
    expect(atLimit).to.be.within(2, COLLECTION);
    expect(await value(`max_over_time(${series('')}[2m])`), 'the plain count').to.be.below(21);
  });
});

/** A dnsmasq's processes, itself included. */
function processes(pid: number): number {
  return 1 + readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).length;
}
