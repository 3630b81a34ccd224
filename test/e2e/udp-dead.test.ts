import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT } from '../support/agent.ts';
import { stopChildren, until } from '../support/children.ts';
import { connect, makeSpace, type Space } from '../support/namespaces.ts';
import { type Prometheus, peer, startPrometheus } from '../support/peers.ts';
import { makeTree, type Tree } from '../support/tree.ts';

const SERVER = '10.78.0.1';
/** In a namespace of its own every port is free. */
const PAGE = 9464;

const COREFILE = `
.:53 {
    bind ${SERVER}
    prometheus ${SERVER}:9153
    health ${SERVER}:8080
    template IN A example.org {
        answer "{{ .Name }} 60 IN A 192.0.2.7"
    }
}
`;

const AGENT = `
receivers:
  dns_probe:
    initial_delay: 0s
    collection_interval: 2s
    timeout: 400ms
    dns_servers: ['${SERVER}']
    hostnames: [a.example.org]
    protocol: both
  coredns:
    initial_delay: 0s
    collection_interval: 1s
    endpoints: ['${SERVER}:9153']
    health_endpoint: ':8080/health'
    ready_endpoint: none
exporters:
  prometheus: {endpoint: '127.0.0.1:${PAGE}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [dns_probe, coredns], exporters: [prometheus]}
`;

/**
 * What comes in by UDP for port 53 finds no route and is gone, without a word to the sender; neither the socket of the server
 * nor its TCP is touched. The rule must stand before the one that leads to local addresses, which is first unless moved.
 */
function makeDroppable(space: Space): { drop(): void; pass(): void } {
  const hole = ['pref', '5', 'ipproto', 'udp', 'dport', '53', 'blackhole'];
  space.execute('ip', 'rule', 'add', 'pref', '10', 'lookup', 'local');
  space.execute('ip', 'rule', 'delete', 'pref', '0');
  return {
    drop: () => void space.execute('ip', 'rule', 'add', ...hole),
    pass: () => void space.execute('ip', 'rule', 'delete', ...hole),
  };
}

describe('a CoreDNS whose UDP is dead and whose health endpoint is well', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ Corefile: COREFILE, 'agent.yaml': AGENT });
  });
  afterEach(async () => {
    await stopChildren();
    tree.remove();
  });

  async function start(): Promise<{ prometheus: Prometheus; udp: ReturnType<typeof makeDroppable> }> {
    const [node, server] = await Promise.all([makeSpace(), makeSpace()]);
    connect(node, server, 'dns', { at: `${SERVER}/24`, of: '10.78.0.2/24' });
    const udp = makeDroppable(server);
    await server.run(peer('coredns'), '-conf', join(tree.path, 'Corefile')).says(/CoreDNS-/);
    const prometheus = await startPrometheus([`127.0.0.1:${PAGE}`], node);
    const main = join(PROJECT, 'src/main.ts');
    await node.run(process.execPath, main, '--config', join(tree.path, 'agent.yaml')).says(/everything is ready/);
    return { prometheus, udp };
  }

  it('is sick by dns_probe_success at Prometheus, while coredns_health_up and TCP say that it is well', async () => {
    const { prometheus, udp } = await start();
    const values = async (promql: string) => (await prometheus.query(promql)).map(({ value }) => value);
    const says = (promql: string, ...want: number[]) =>
      until(async () => (await values(promql)).join() === want.join(), `${promql} is [${want}]`);
    const asked = 'sum(coredns_dns_requests_total{proto="udp"})';
    const sick = `coredns_health_up == 1
      and on () dns_probe_success{protocol="udp"} == 0
      and on () dns_probe_success{protocol="tcp"} == 1`;

    await says('dns_probe_success{protocol="udp"}', 1);
    await says('dns_probe_success{protocol="tcp"}', 1);
    await says('coredns_health_up', 1);
    expect(await values(sick)).to.deep.equal([]);
    expect(await values('dns_probe_timeouts_total{protocol="udp"} > 0')).to.deep.equal([]);

    udp.drop();
    await says(sick, 1);
    const before = await values(asked);
    // It stays so, and the questions end in silence: none is refused, and none reaches the server.
    await says('dns_probe_timeouts_total{protocol="udp",phase="answer"} >= bool 3', 1);
    expect(await values(sick)).to.deep.equal([1]);
    expect(await values('up{job="coredns"}')).to.deep.equal([1]);
    expect(await values('sum(dns_probe_failures_total{protocol="tcp"}) > 0')).to.deep.equal([]);
    expect(await values('sum(dns_probe_failures_total{protocol="udp",reason!="timeout"}) > 0')).to.deep.equal([]);
    expect(await values(asked)).to.deep.equal(before);

    udp.pass();
    await says('dns_probe_success{protocol="udp"}', 1);
    await says(sick);
    await until(async () => (await values(asked))[0]! > before[0]!, 'the server counts questions by UDP again');
  });
});
