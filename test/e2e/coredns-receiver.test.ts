import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { startAgent } from '../support/agent.ts';
import { type Child, freePorts, run, stopChildren, until } from '../support/children.ts';
import { fetchPage, type Page, readPage } from '../support/page.ts';
import { peer, startCoreDns } from '../support/peers.ts';
import { makeTree } from '../support/tree.ts';

interface Ports {
  dns: number;
  metrics: number;
  health: number;
}

/** A CoreDNS that passes everything on, as the one of a cluster does. */
async function startForwarder(upstream: number, { dns, metrics, health }: Ports): Promise<Child> {
  const tree = makeTree({
    Corefile: `
.:${dns} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metrics}
    health 127.0.0.1:${health}
    cache 30
    forward . 127.0.0.1:${upstream}
}
`,
  });
  const child = run(peer('coredns'), ['-conf', join(tree.path, 'Corefile')]);
  const remove = () => tree.remove();
  child.exit.then(remove, remove);
  await until(() => fetchPage(`http://127.0.0.1:${health}/health`).catch(() => false), 'CoreDNS is healthy');
  return child;
}

const pipeline = ({ metrics, health }: Ports, page: number, names: string) => `
receivers:
  coredns:
    endpoints: ['127.0.0.1:${metrics}']
    ready_endpoint: none
    health_endpoint: ':${health}/health'
    metric_names: ${names}
    collection_interval: 500ms
    initial_delay: 0s
exporters:
  prometheus: {endpoint: '127.0.0.1:${page}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [coredns], exporters: [prometheus]}
`;

const total = ({ samples }: Page, name: string) =>
  [...samples].filter(([key]) => key.startsWith(`${name}{`)).reduce((sum, [, value]) => sum + value, 0);

describe('the coredns receiver and a real CoreDNS', () => {
  afterEach(stopChildren);

  it('shows what went upstream under the names of every version, and when the server dies', async () => {
    const upstream = await startCoreDns();
    const [dns = 0, metrics = 0, health = 0, both = 0, current = 0] = await freePorts(5);
    const ports = { dns, metrics, health };
    const forwarder = await startForwarder(upstream.dns, ports);
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${dns}`]);
    for (const name of ['a', 'b', 'c', 'a']) await resolver.resolve4(`${name}.example.org`);
    await resolver.resolve4('nothing.example.org').catch(() => {});

    await startAgent(pipeline(ports, both, 'both'));
    const shown = await until(async () => {
      const page = await readPage(`http://127.0.0.1:${both}/metrics`);
      return total(page, 'coredns_forward_requests_total') > 0 && page;
    }, 'the agent shows what CoreDNS asked upstream');
    expect(total(shown, 'coredns_proxy_request_duration_seconds_count')).to.equal(4);
    expect(total(shown, 'coredns_forward_requests_total')).to.equal(4);
    expect(total(shown, 'coredns_forward_request_count_total')).to.equal(4);
    expect(shown.types.get('coredns_forward_requests_total')).to.equal('counter');
    expect(shown.types.get('coredns_forward_request_duration_seconds')).to.equal('histogram');
    const at = `instance="127.0.0.1:${metrics}",job="coredns"`;
    expect(Object.fromEntries(shown.samples)).to.include({
      [`coredns_forward_responses_total{${at},rcode="NXDOMAIN",to="127.0.0.1:${upstream.dns}"}`]: 1,
      [`coredns_forward_responses_total{${at},rcode="NOERROR",to="127.0.0.1:${upstream.dns}"}`]: 3,
      [`coredns_health_up{${at}}`]: 1,
      [`up{${at}}`]: 1,
    });
    expect(total(shown, 'coredns_dns_request_count_total')).to.equal(total(shown, 'coredns_dns_requests_total'));

    await startAgent(pipeline(ports, current, 'current'));
    const young = await until(async () => {
      const page = await readPage(`http://127.0.0.1:${current}/metrics`);
      return page.samples.size > 0 && page;
    }, 'the second agent shows a page');
    const names = (page: Page) => new Set([...page.samples.keys()].map((key) => key.split('{')[0]!));
    expect(names(young)).to.include('coredns_proxy_request_duration_seconds_count');
    expect(names(young)).not.to.include('coredns_forward_requests_total');

    await forwarder.stop();
    const dead = await until(async () => {
      const page = await readPage(`http://127.0.0.1:${both}/metrics`);
      return page.samples.get(`up{${at}}`) === 0 && page;
    }, 'the agent shows that CoreDNS is down');
    expect([...names(dead)].filter((name) => name.startsWith('coredns_')).sort()).to.deep.equal(['coredns_health_up']);
    expect(total(dead, 'coredns_health_up')).to.equal(0);
  });
});
