import { expect } from 'chai';
import { startAgent } from '../support/agent.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { connect, makeSpace, type Space } from '../support/namespaces.ts';
import { peer, startPrometheus } from '../support/peers.ts';
import { makeTree, type Tree } from '../support/tree.ts';

/** Nobody has it; TEST-NET-1 of RFC 5737. */
const NOBODY = '192.0.2.53';
const RESOLVER = '10.77.0.1';
const conf = (nameserver: string) =>
  `nameserver ${nameserver}\nsearch svc.cluster.local cluster.local\noptions ndots:5\n`;

const agent = (page: number) => `
receivers:
  dns_probe:
    initial_delay: 0s
    collection_interval: 2s
    timeout: 1s
    network_namespaces: all
    hostnames: [a.example.org]
  resolv_conf:
    initial_delay: 0s
    collection_interval: 2s
    expected_nameservers: ['${RESOLVER}']
  dns_sockets:
    initial_delay: 0s
    collection_interval: 2s
exporters:
  prometheus: {endpoint: '127.0.0.1:${page}'}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [dns_probe, resolv_conf, dns_sockets], exporters: [prometheus]}
`;

const COREFILE = `
.:53 {
    bind ${RESOLVER}
    template IN A example.org {
        answer "{{ .Name }} 60 IN A 192.0.2.7"
    }
}
`;

/** glibc's resolver, as a program in the pod uses it. */
const LOOK_UP = 'while :; do getent ahostsv4 a.example.org; done';

describe('one sick pod among others', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ Corefile: COREFILE });
  });
  afterEach(async () => {
    await stopChildren();
    tree.remove();
  });

  /** A pod on a veth to the node, by default with a way out through it. */
  async function pod(node: Space, n: number, nameserver = RESOLVER, hasRoute = true): Promise<Space> {
    const made = await makeSpace(conf(nameserver));
    connect(node, made, `pod${n}`, { at: `10.77.${n}.2/24`, of: `10.77.${n}.1/24` });
    if (hasRoute) made.execute('ip', 'route', 'add', 'default', 'via', `10.77.${n}.1`);
    return made;
  }

  it('names the pod with the wrong nameserver and the one without a default route, and no other', async () => {
    const node = await makeSpace(conf(RESOLVER));
    node.execute('ip', 'address', 'add', `${RESOLVER}/32`, 'dev', 'lo');
    // What is for nobody is lost without a word.
    node.execute('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward');
    const well = await pod(node, 1);
    const wrong = await pod(node, 2, NOBODY);
    const lost = await pod(node, 3, RESOLVER, false);
    await node.run(peer('coredns'), '-conf', `${tree.path}/Corefile`).says(/CoreDNS-/);

    const [page = 0] = await freePorts(1);
    const prometheus = await startPrometheus([`127.0.0.1:${page}`]);
    await startAgent(agent(page));
    const pods = [well, wrong, lost].map(({ inode }) => String(inode));
    /** Which of the pods a query names. */
    const named = async (promql: string) => {
      const found = new Set((await prometheus.query(promql)).map(({ labels }) => labels.netns));
      return pods.map((netns) => found.has(netns));
    };
    const says = (promql: string, ...want: boolean[]) =>
      until(async () => (await named(promql)).join() === want.join(), `${promql} names ${want}`);

    await says('dns_probe_success', true, true, true);
    await says('dns_probe_success == 0', false, true, true);
    await says('dns_probe_success == 1', true, false, false);
    await says('resolv_conf_default_route{family="ipv4"} == 0', false, false, true);
    await says('resolv_conf_default_route_interface_up == 1', true, true, false);
    const unexpected = await prometheus.query('resolv_conf_nameserver_expected{mntns!="host"} == 0');
    expect(unexpected.map(({ labels }) => labels.nameserver)).to.deep.equal([NOBODY]);

    // Programs that look names up in them: the one whose server does not answer hangs, and no privilege is needed to see it.
    const [, asking] = [well, wrong, lost].map((space) => space.run('sh', '-c', LOOK_UP));
    await says('max_over_time(dns_sockets_hanging_lookups[30s]) > 0', false, true, false);
    await says(`dns_sockets_client_sockets{server="${NOBODY}"}`, false, true, false);

    // It is mended: within a collection nobody is named any more.
    lost.execute('ip', 'route', 'add', 'default', 'via', '10.77.3.1');
    await says('dns_probe_success == 0', false, true, false);
    await says('resolv_conf_default_route{family="ipv4"} == 0', false, false, false);
    // A pod that ends with all its processes is forgotten.
    await Promise.all([asking!.stop(), wrong.stop()]);
    await says('dns_probe_success', true, false, true);
  });
});
