import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '#config';
import { type Batch, formatLabels, isStale } from '#metrics';
import corefile from '../../../receivers/corefile/corefile.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const PLAIN = '.:53 {\n  forward . 10.0.0.10\n}\n';

describe('the corefile receiver', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree();
  });
  afterEach(() => tree.remove());

  async function run(options: Record<string, unknown> = {}) {
    const host = fakeHost('receiver', 'corefile');
    const out = sink();
    const config = parse(corefile.config, {
      root_path: tree.path,
      initial_delay: '10s',
      collection_interval: '10s',
      ...options,
    });
    const receiver = corefile.create(config, host, out);
    await receiver.start?.(new AbortController().signal);
    return {
      host,
      /** One more collection: `name{labels}` to its value, `stale` where it is marked so. */
      async collect() {
        const done = out.received(out.batches.length + 1);
        await host.clock.advance(10_000);
        await done;
        return shown(out.batches.at(-1)!);
      },
      stop: () => receiver.stop?.(new AbortController().signal),
    };
  }

  const shown = (batch: Batch) =>
    Object.fromEntries(
      batch.flatMap(({ set, values }) =>
        set.series.map(({ labels }, i) => [formatLabels(labels), isStale(values, i) ? 'stale' : values[i]!]),
      ),
    );

  /** The series of one metric, without the label that all share. */
  const only = (all: Record<string, unknown>, name: string) =>
    Object.fromEntries(
      Object.entries(all)
        .filter(([series]) => series.startsWith(`${name}{`))
        .map(([series, value]) => [series.replace(/,corefile="[^"]*"/, '').slice(name.length), value]),
    );

  receiverContract(corefile, () => {
    const source = makeTree({ 'etc/a/Corefile': PLAIN, 'etc/b/Corefile': PLAIN });
    return {
      config: {
        root_path: source.path,
        paths: ['/etc/*/Corefile'],
        collection_interval: '10s',
        initial_delay: '10s',
      },
      interval: 10_000,
      vanish: () => source.write({ 'etc/a/Corefile': undefined }),
      close: () => source.remove(),
    };
  });

  it('reports every kind of upstream', async () => {
    tree.write({
      'etc/resolv.conf': 'nameserver 10.1.1.1\nnameserver 2001:db8::1\nsearch x\n',
      'etc/coredns/Corefile':
        '. {\n forward . 8.8.8.8 8.8.4.4:5353 [::1]:54 tls://9.9.9.9%dns.quad9.net /etc/resolv.conf /etc/none dns.example\n}\n',
    });
    const { collect, stop } = await run();
    const all = await collect();
    const up = (address: string, port: string, to: string, more = '', transport = 'dns') =>
      `{address="${address}",block=".",from=".",port="${port}",${more}to="${to}",transport="${transport}"}`;
    expect(Object.keys(only(all, 'corefile_forward_upstream_info'))).to.have.members([
      up('8.8.8.8', '53', '8.8.8.8'),
      up('8.8.4.4', '5353', '8.8.4.4:5353'),
      up('::1', '54', '[::1]:54'),
      up('9.9.9.9', '853', 'tls://9.9.9.9%dns.quad9.net', 'server_name="dns.quad9.net",', 'tls'),
      up('10.1.1.1', '53', '/etc/resolv.conf'),
      up('2001:db8::1', '53', '/etc/resolv.conf'),
    ]);
    expect(only(all, 'corefile_forward_unresolved_info')).to.deep.equal({
      '{block=".",from=".",reason="is not there",to="/etc/none"}': 1,
      '{block=".",from=".",reason="is a name",to="dns.example"}': 1,
    });
    expect(only(all, 'corefile_forward_upstreams')).to.deep.equal({ '{block=".",from="."}': 6 });
    await stop();
  });

  it('reports the numbers of forward and cache, with their defaults', async () => {
    tree.write({
      'etc/coredns/Corefile': `a:53 {
  bind 169.254.10.10 169.254.10.11
  forward . 10.0.0.10 {
    expire 1s
    max_concurrent 1000
    force_tcp
    policy sequential
    health_check 5s no_rec domain x.
    max_fails 3
    except cluster.local b.
  }
  cache 30 {
    success 5000 20 3
    denial 2500
    serve_stale 10s verify
    servfail 0
    prefetch 10 1m 20%
  }
}
b {
  forward . 10.0.0.10
  cache
}`,
    });
    const { collect, stop } = await run();
    const all = await collect();
    const value = (name: string, block: string, more = '') =>
      all[
        `corefile_${name}{${block === 'a' ? 'bind="169.254.10.10 169.254.10.11",block="a:53"' : 'block="b"'},corefile="/etc/coredns/Corefile"${more}}`
      ];
    const from = ',from="."';
    const names = [
      'expire_seconds',
      'read_timeout_seconds',
      'max_concurrent',
      'force_tcp',
      'prefer_udp',
      'health_check_interval_seconds',
      'max_fails',
    ];
    const numbers = (block: string) => names.map((name) => value(`forward_${name}`, block, from));
    expect(numbers('a')).to.deep.equal([1, 2, 1000, 1, 0, 5, 3]);
    expect(numbers('b')).to.deep.equal([10, 2, undefined, 0, 0, 0.5, 2]);
    expect(value('forward_policy_info', 'a', `${from},policy="sequential"`)).to.equal(1);
    expect(value('forward_policy_info', 'b', `${from},policy="random"`)).to.equal(1);
    expect(value('forward_except_info', 'a', `${from},zone="cluster.local"`)).to.equal(1);
    const cache = (block: string) =>
      ['success', 'denial'].flatMap((type) =>
        ['capacity', 'max_ttl_seconds', 'min_ttl_seconds'].map((name) =>
          value(`cache_${name}`, block, `,type="${type}"`),
        ),
      );
    expect(cache('a')).to.deep.equal([5000, 20, 3, 2500, 30, 5]);
    expect(cache('b')).to.deep.equal([9984, 3600, 5, 9984, 1800, 5]);
    expect(value('cache_servfail_ttl_seconds', 'a')).to.equal(0);
    expect(value('cache_servfail_ttl_seconds', 'b')).to.equal(5);
    expect(value('cache_serve_stale_seconds', 'a', ',mode="verify"')).to.equal(10);
    expect(value('cache_prefetch_requests', 'a')).to.equal(10);
    expect(only(all, 'corefile_bind_info')).to.have.property(
      '{address="169.254.10.11",bind="169.254.10.10 169.254.10.11",block="a:53"}',
    );
    expect(Object.keys(only(all, 'corefile_plugin_info'))).to.have.length(5);
    expect(all['corefile_blocks{corefile="/etc/coredns/Corefile"}']).to.equal(2);
    await stop();
  });

  it('a Corefile that breaks says so once with its place, and keeps what was', async () => {
    tree.write({ 'etc/coredns/Corefile': PLAIN });
    const { collect, host, stop } = await run();
    const before = await collect();
    tree.write({ 'etc/coredns/Corefile': '.:53 {\n  forward . 10.0.0.11 }\n' });
    const broken = await collect();
    const name = 'corefile_parse_success{corefile="/etc/coredns/Corefile"}';
    expect(broken).to.deep.equal({ ...before, [name]: 0 });
    await collect();
    const warnings = host.logs.filter(({ level }) => level === 'warn');
    expect(warnings).to.have.length(1);
    expect(warnings[0]!.fields.error).to.equal('/etc/coredns/Corefile:2:23: this } closes nothing');
    expect(host.statuses.at(-1)!.status).to.equal('recoverable');
    tree.write({ 'etc/coredns/Corefile': PLAIN });
    expect((await collect())[name]).to.equal(1);
    expect(host.statuses.at(-1)!.status).to.equal('ok');
    await stop();
  });

  it('follows the swap of a ConfigMap volume, and takes the time of it', async () => {
    tree.write({ 'etc/coredns/..1/Corefile': PLAIN, 'etc/coredns/..2/Corefile': PLAIN.replace('0.10', '0.11') });
    const at = (name: string) => join(tree.path, 'etc/coredns', name);
    symlinkSync('..1', at('..data'));
    symlinkSync('..data/Corefile', at('Corefile'));
    const { collect, host, stop } = await run();
    const first = await collect();
    const second = await collect();
    expect(second).to.deep.equal(first);
    symlinkSync('..2', at('..tmp'));
    renameSync(at('..tmp'), at('..data'));
    rmSync(at('..1'), { recursive: true });
    const third = await collect();
    const upstream = (ip: string) =>
      `corefile_forward_upstream_info{address="${ip}",block=".:53",corefile="/etc/coredns/Corefile",from=".",port="53",to="${ip}",transport="dns"}`;
    expect(third[upstream('10.0.0.10')]).to.equal('stale');
    expect(third[upstream('10.0.0.11')]).to.equal(1);
    const load = 'corefile_last_load_timestamp_seconds{corefile="/etc/coredns/Corefile"}';
    expect(Number(third[load]) - Number(first[load])).to.equal(20);
    expect(third[load]).to.equal(host.clock.now() / 1000);
    await stop();
  });

  it('a Corefile that is gone keeps nothing but its parse_success, 0', async () => {
    tree.write({ 'etc/coredns/Corefile': PLAIN });
    const { collect, stop } = await run();
    await collect();
    tree.write({ 'etc/coredns/Corefile': undefined });
    const after = await collect();
    const alive = Object.entries(after).filter(([, value]) => value !== 'stale');
    expect(alive).to.deep.equal([['corefile_parse_success{corefile="/etc/coredns/Corefile"}', 0]]);
    await stop();
  });

  it('keeps apart blocks of one zone by what they bind to, and by number otherwise', async () => {
    tree.write({
      'etc/coredns/Corefile':
        '. {\n bind 1.1.1.1\n whoami\n}\n. {\n bind 2.2.2.2\n whoami\n}\n. {\n bind 2.2.2.2\n log\n}\n',
    });
    const { collect, stop } = await run();
    expect(Object.keys(only(await collect(), 'corefile_server_info'))).to.deep.equal([
      '{bind="1.1.1.1",block=".",port="53",transport="dns",zone="."}',
      '{bind="2.2.2.2",block=".",port="53",transport="dns",zone="."}',
      '{bind="2.2.2.2",block=". #2",port="53",transport="dns",zone="."}',
    ]);
    await stop();
  });

  it('imports from its own folder only, unless told, and takes no environment but the given', async () => {
    process.env.DNSCOL_TEST_UPSTREAM = '9.9.9.9';
    tree.write({
      'etc/coredns/Corefile': 'import ../shared.conf\n',
      'etc/shared.conf': '. {\n forward . {$UP} {$DNSCOL_TEST_UPSTREAM}\n}\n',
    });
    const narrow = await run();
    expect(await narrow.collect()).to.deep.equal({ 'corefile_parse_success{corefile="/etc/coredns/Corefile"}': 0 });
    expect(narrow.host.logs[0]!.fields.error).to.match(/:1:8: \/etc\/shared.conf is outside of \/etc\/coredns$/);
    await narrow.stop();
    const wide = await run({ import_root: '/etc', env: { UP: '10.0.0.10' } });
    const upstreams = only(await wide.collect(), 'corefile_forward_upstream_info');
    expect(Object.keys(upstreams)).to.have.length(1);
    expect(Object.keys(upstreams)[0]).to.include('10.0.0.10');
    await wide.stop();
    delete process.env.DNSCOL_TEST_UPSTREAM;
  });

  it('says so when no Corefile matches', async () => {
    const { collect, host, stop } = await run({ paths: ['/nowhere/*/Corefile', '/etc/coredns/Corefile'] });
    expect(Object.values(await collect())).to.deep.equal([0]);
    expect(host.statuses.at(-1)).to.include({ status: 'recoverable', why: 'there is no /etc/coredns/Corefile' });
    await stop();
  });
});
