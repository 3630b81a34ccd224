import { linkSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '#config';
import { type Batch, formatLabels, isStale } from '#metrics';
import resolvConf from '../../../receivers/resolv_conf/resolv_conf.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const POD = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const CONTAINER = 'c'.repeat(64);
const IPV4 = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const VIA_ETH0 = `${IPV4}eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
const ETH0 = 'Inter-|\n face |\n    lo: 0\n  eth0: 0\n';
const CLUSTER =
  'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.0.0.10\noptions ndots:5\n';

describe('the resolv_conf receiver', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ 'etc/resolv.conf': 'nameserver 192.0.2.1\n' });
    process(tree, 1, { route: VIA_ETH0 });
  });
  afterEach(() => tree.remove());

  /** A process; one in a pod has namespaces and a file system of its own. */
  function process(on: Tree, pid: number, { file = '', route = IPV4, pod = '', shareNet = pid } = {}): void {
    on.write({
      [`proc/${pid}/stat`]: `${pid} (x) S 1 ${'0 '.repeat(17)}${pid} 0\n`,
      [`proc/${pid}/cgroup`]: `0::${pod ? `/kubepods/pod${pod}/${CONTAINER}` : '/'}\n`,
      [`proc/${pid}/net/route`]: route,
      [`proc/${pid}/net/dev`]: ETH0,
      [`proc/${pid}/root/etc/resolv.conf`]: file || undefined,
      [`proc/${pid}/root/etc/hosts`]: '',
      [`udp/${shareNet}`]: '',
    });
    const folder = join(on.path, `proc/${pid}`);
    mkdirSync(join(folder, 'ns'));
    linkSync(join(on.path, `udp/${shareNet}`), join(folder, 'net/udp'));
    symlinkSync(`net:[${shareNet + 1000}]`, join(folder, 'ns/net'));
    symlinkSync(`mnt:[${pid + 2000}]`, join(folder, 'ns/mnt'));
  }

  async function run(options: Record<string, unknown> = {}) {
    const host = fakeHost('receiver', 'resolv_conf');
    const out = sink();
    const config = parse(resolvConf.config, { root_path: tree.path, collection_interval: '10s', ...options });
    const receiver = resolvConf.create(config, host, out);
    await receiver.start?.(new AbortController().signal);
    return {
      host,
      stop: () => receiver.stop?.(new AbortController().signal),
      async next(): Promise<Batch> {
        const had = out.batches.length;
        await host.clock.advance(10_000);
        await out.received(had + 1);
        return out.batches[had]!;
      },
    };
  }
  const points = (batch: Batch, only = /./) =>
    Object.fromEntries(
      batch
        .flatMap(({ set, values }) =>
          set.series.map((one, i) => [formatLabels(one.labels), isStale(values, i) ? 'stale' : values[i]] as const),
        )
        .filter(([name]) => only.test(name)),
    );

  receiverContract(resolvConf, () => {
    const source = makeTree({ 'etc/resolv.conf': 'nameserver 192.0.2.1\nsearch a b\n' });
    process(source, 1);
    return {
      config: { root_path: source.path, collection_interval: '10s', initial_delay: '10s' },
      interval: 10_000,
      vanish: () => source.write({ 'etc/resolv.conf': 'nameserver 192.0.2.1\nsearch a\n' }),
      close: () => source.remove(),
    };
  });

  it("reads the host's file and routes", async () => {
    tree.write({ 'sys/class/net/eth0/flags': '0x1003\n', 'sys/class/net/eth0/operstate': 'up\n' });
    const { next, stop } = await run();
    const m = 'mntns="host"';
    expect(points(await next())).to.deep.equal({
      [`resolv_conf_exists{${m}}`]: 1,
      [`resolv_conf_nameservers{${m}}`]: 1,
      [`resolv_conf_nameserver_info{${m},nameserver="192.0.2.1",position="1"}`]: 1,
      [`resolv_conf_search_domains{${m}}`]: 0,
      [`resolv_conf_ndots{${m}}`]: 1,
      [`resolv_conf_timeout_seconds{${m}}`]: 5,
      [`resolv_conf_attempts{${m}}`]: 2,
      [`resolv_conf_ignored_lines{${m}}`]: 0,
      [`resolv_conf_external_name_queries{${m}}`]: 2,
      'resolv_conf_default_route{family="ipv4",netns="host"}': 1,
      'resolv_conf_default_route{family="ipv6",netns="host"}': 0,
      'resolv_conf_default_route_interface_up{interface="eth0",netns="host"}': 1,
    });
    await stop();
  });

  it("reads each pod's own, and says what a name costs there", async () => {
    process(tree, 7, { file: CLUSTER, pod: POD });
    const { next, stop } = await run({ expected_nameservers: ['10.0.0.10'] });
    const pod = `container_id="${CONTAINER}",`;
    const m = `mntns="2007"`;
    const uid = `pod_uid="${POD}"`;
    const got = points(await next(), /pod_uid/);
    expect(got).to.include({
      [`resolv_conf_nameserver_info{${pod}${m},nameserver="10.0.0.10",${uid},position="1"}`]: 1,
      [`resolv_conf_nameserver_expected{${pod}${m},nameserver="10.0.0.10",${uid}}`]: 1,
      [`resolv_conf_search_domain_info{${pod}domain="svc.cluster.local",${m},${uid},position="2"}`]: 1,
      [`resolv_conf_option_info{${pod}${m},option="ndots:5",${uid}}`]: 1,
      [`resolv_conf_ndots{${pod}${m},${uid}}`]: 5,
      [`resolv_conf_external_name_queries{${pod}${m},${uid}}`]: 8,
      [`resolv_conf_default_route{${pod}family="ipv4",netns="1007",${uid}}`]: 0,
    });
    await stop();
  });

  it('names the one pod that asks a server that nobody expects', async () => {
    process(tree, 7, { file: CLUSTER, pod: POD });
    process(tree, 8, { file: 'nameserver 10.0.0.99\nnameserver 10.0.0.10\n', pod: POD.replace('0', '1') });
    const { next, stop } = await run({ expected_nameservers: ['10.0.0.10', '192.0.2.1'] });
    const bad = Object.entries(points(await next(), /_expected/)).filter(([, value]) => value === 0);
    expect(bad.map(([name]) => /nameserver="([^"]+)".*pod_uid="([^"]+)"/.exec(name)?.slice(1))).to.deep.equal([
      ['10.0.0.99', POD.replace('0', '1')],
    ]);
    await stop();
  });

  it("leaves out what is not asked for, and a pod's namespaces when it ends", async () => {
    process(tree, 7, { file: CLUSTER, pod: POD });
    process(tree, 8, { file: CLUSTER });
    const { next, stop } = await run({ namespaces: 'pods' });
    const first = points(await next());
    expect(Object.keys(first).some((name) => name.includes('mntns="2007"'))).to.equal(true);
    expect(Object.keys(first).some((name) => /2008|1008/.test(name))).to.equal(false);
    rmSync(join(tree.path, 'proc/7'), { recursive: true });
    const second = points(await next(), /pod_uid/);
    expect(Object.keys(second)).to.deep.equal(Object.keys(first).filter((name) => name.includes('pod_uid')));
    expect(new Set(Object.values(second))).to.deep.equal(new Set(['stale']));
    expect(points(await next(), /pod_uid/)).to.deep.equal({});
    await stop();
  });

  it('a file that is not there is said to be missing; a process that is ending has none to miss', async () => {
    process(tree, 7, { pod: POD });
    process(tree, 8, { pod: POD });
    rmSync(join(tree.path, 'proc/8/root'), { recursive: true });
    tree.write({ 'etc/resolv.conf': undefined });
    const { next, stop, host } = await run();
    expect(Object.keys(points(await next(), /exists/))).to.have.members([
      'resolv_conf_exists{mntns="host"}',
      `resolv_conf_exists{container_id="${CONTAINER}",mntns="2007",pod_uid="${POD}"}`,
    ]);
    expect(host.logs).to.deep.equal([]);
    await stop();
  });

  it("believes a container's /sys only when it shows the container's interfaces", async () => {
    for (const pid of [7, 8]) {
      process(tree, pid, { file: CLUSTER, pod: POD, route: VIA_ETH0 });
      tree.write({
        [`proc/${pid}/root/sys/class/net/lo/flags`]: '0x9\n',
        [`proc/${pid}/root/sys/class/net/eth0/flags`]: '0x1003\n',
        [`proc/${pid}/root/sys/class/net/eth0/operstate`]: 'lowerlayerdown\n',
      });
    }
    tree.write({ 'proc/8/root/sys/class/net/docker0/flags': '0x1003\n' });
    const { next, stop } = await run();
    const got = points(await next(), /interface_up.*pod_uid/);
    expect(Object.entries(got).map(([name, value]) => [/netns="(\d+)"/.exec(name)?.[1], value])).to.deep.equal([
      ['1007', 0],
    ]);
    await stop();
  });

  it('is not led out of a container by its links', async () => {
    tree.write({ 'secret/resolv.conf': 'nameserver 6.6.6.6\n' });
    process(tree, 7, { pod: POD });
    symlinkSync(join(tree.path, 'secret/resolv.conf'), join(tree.path, 'proc/7/root/etc/resolv.conf'));
    const { next, stop } = await run();
    const got = points(await next(), /pod_uid/);
    expect(Object.keys(got).join()).not.to.contain('6.6.6.6');
    expect(
      Object.entries(got)
        .filter(([name]) => name.includes('exists'))
        .map(([, value]) => value),
    ).to.deep.equal([0]);
    await stop();
  });

  it('counts and tells once what it cannot read, and reads the others', async () => {
    process(tree, 7, { pod: POD });
    process(tree, 8, { file: CLUSTER, pod: POD });
    tree.write({ 'proc/7/root/etc/resolv.conf/x': '' });
    const { next, stop, host } = await run();
    expect(Object.keys(points(await next(), /ndots.*2008/))).to.have.length(1);
    await next();
    expect(host.metric('otelcol_scraper_errored_metric_points')).to.equal(2);
    expect(host.logs.map(({ message }) => message)).to.deep.equal(['cannot read /etc/resolv.conf of a namespace']);
    await stop();
  });

  it('goes on without the privilege, and says what is missing', async () => {
    rmSync(join(tree.path, 'proc/1/ns'), { recursive: true });
    process(tree, 7, { file: CLUSTER, pod: POD, route: VIA_ETH0 });
    rmSync(join(tree.path, 'proc/7/ns'), { recursive: true });
    const { next, stop, host } = await run();
    const got = points(await next());
    expect(Object.keys(got).filter((name) => name.includes('mntns') && !name.includes('"host"'))).to.deep.equal([]);
    const routes = Object.entries(got).filter(([name]) => /default_route{.*ipv4.*pod_uid/.test(name));
    expect(routes.map(([, value]) => value)).to.deep.equal([1]);
    expect(host.statuses.at(-1)?.why).to.contain('CAP_SYS_PTRACE');
    await stop();
  });

  it('refuses what is no address or no name', () => {
    const problems = (options: object) => () => parse(resolvConf.config, options);
    expect(problems({ expected_nameservers: ['dns.example'] })).to.throw('is not an IP address');
    expect(problems({ external_name: 'a..b' })).to.throw('is no domain name: has an empty label');
  });

  it('reads this machine', async () => {
    const { next, stop } = await run({ root_path: '/' });
    expect(Object.keys(points(await next()))).to.include('resolv_conf_exists{mntns="host"}');
    await stop();
  });
});
