import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '#config';
import { type Batch, formatLabels, isStale } from '#metrics';
import cgroup from '../../../receivers/cgroup/cgroup.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const CG = 'sys/fs/cgroup';
const CPU =
  'usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 7\nnr_throttled 3\nthrottled_usec 250000\n';

describe('the cgroup receiver', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ [`${CG}/cgroup.controllers`]: 'cpu memory\n', [`${CG}/cgroup.procs`]: '' });
  });
  afterEach(() => tree.remove());

  /** Starts one on the tree; `next` gives what the next collection makes. */
  async function run(options: Record<string, unknown> = {}) {
    const host = fakeHost('receiver', 'cgroup');
    const out = sink();
    const config = parse(cgroup.config, {
      root_path: tree.path,
      initial_delay: '0s',
      collection_interval: '10s',
      ...options,
    });
    const receiver = cgroup.create(config, host, out);
    await receiver.start?.(new AbortController().signal);
    let begun = false;
    return {
      host,
      out,
      stop: () => receiver.stop?.(new AbortController().signal),
      async next(): Promise<Batch> {
        const had = out.batches.length;
        await host.clock.advance(begun ? 10_000 : 0);
        begun = true;
        return out.batches[had] ?? [];
      },
    };
  }
  const points = (batch: Batch) =>
    Object.fromEntries(
      batch.flatMap(({ set, values }) =>
        set.series.map((one, i) => [formatLabels(one.labels), isStale(values, i) ? 'stale' : values[i]]),
      ),
    );

  receiverContract(cgroup, () => {
    const source = makeTree({
      [`${CG}/cgroup.procs`]: '',
      [`${CG}/a/cpu.stat`]: CPU,
      [`${CG}/a/memory.current`]: '1\n',
      [`${CG}/b/pids.current`]: '2\n',
    });
    return {
      config: { root_path: source.path, collection_interval: '10s', initial_delay: '10s' },
      interval: 10_000,
      vanish: () => source.write({ [`${CG}/a/memory.current`]: undefined }),
      close: () => source.remove(),
    };
  });

  it('reads version 2', async () => {
    tree.write({
      [`${CG}/dns.slice/cpu.stat`]: CPU,
      [`${CG}/dns.slice/cpu.max`]: '50000 100000\n',
      [`${CG}/dns.slice/memory.current`]: '4096\n',
      [`${CG}/dns.slice/memory.max`]: 'max\n',
      [`${CG}/dns.slice/memory.events`]: 'low 0\noom 2\noom_kill 1\n',
      [`${CG}/dns.slice/memory.stat`]: 'anon 1\nfile 2\nunheard_of 3\npgfault 4\npgmajfault 5\n',
      [`${CG}/dns.slice/pids.current`]: '21\n',
      [`${CG}/dns.slice/pids.max`]: '40\n',
      [`${CG}/dns.slice/pids.events`]: 'max 9\n',
      [`${CG}/dns.slice/cpu.pressure`]: 'some avg10=50.00 avg60=0.00 avg300=0.00 total=2000000\n',
      [`${CG}/dns.slice/io.stat`]: '8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:0 \n',
    });
    const { next, stop } = await run({ cgroups: ['/dns.slice'] });
    const c = 'cgroup="/dns.slice"';
    expect(points(await next())).to.deep.equal({
      [`cgroup_cpu_usage_seconds_total{${c}}`]: 1.5,
      [`cgroup_cpu_user_seconds_total{${c}}`]: 1,
      [`cgroup_cpu_system_seconds_total{${c}}`]: 0.5,
      [`cgroup_cpu_cfs_periods_total{${c}}`]: 7,
      [`cgroup_cpu_cfs_throttled_periods_total{${c}}`]: 3,
      [`cgroup_cpu_cfs_throttled_seconds_total{${c}}`]: 0.25,
      [`cgroup_cpu_limit_cores{${c}}`]: 0.5,
      [`cgroup_memory_usage_bytes{${c}}`]: 4096,
      [`cgroup_memory_events_total{${c},event="low"}`]: 0,
      [`cgroup_memory_events_total{${c},event="oom"}`]: 2,
      [`cgroup_memory_events_total{${c},event="oom_kill"}`]: 1,
      [`cgroup_memory_stat_bytes{${c},kind="anon"}`]: 1,
      [`cgroup_memory_stat_bytes{${c},kind="file"}`]: 2,
      [`cgroup_memory_page_faults_total{${c}}`]: 4,
      [`cgroup_memory_major_page_faults_total{${c}}`]: 5,
      [`cgroup_pids{${c}}`]: 21,
      [`cgroup_pids_limit{${c}}`]: 40,
      [`cgroup_pids_events_total{${c},event="max"}`]: 9,
      [`cgroup_pressure_stalled_seconds_total{${c},kind="some",resource="cpu"}`]: 2,
      [`cgroup_io_bytes_total{${c},device="8:16",direction="read"}`]: 1,
      [`cgroup_io_bytes_total{${c},device="8:16",direction="write"}`]: 2,
      [`cgroup_io_bytes_total{${c},device="8:16",direction="discard"}`]: 0,
      [`cgroup_io_operations_total{${c},device="8:16",direction="read"}`]: 3,
      [`cgroup_io_operations_total{${c},device="8:16",direction="write"}`]: 4,
      [`cgroup_io_operations_total{${c},device="8:16",direction="discard"}`]: 0,
    });
    await stop();
  });

  it('reads version 1 under the same names, spread over its hierarchies', async () => {
    const v1 = makeTree({
      [`${CG}/cpu/docker/cpu.stat`]: 'nr_periods 7\nnr_throttled 3\nthrottled_time 250000000\n',
      [`${CG}/cpu/docker/cpu.cfs_quota_us`]: '150000\n',
      [`${CG}/cpu/docker/cpu.cfs_period_us`]: '100000\n',
      [`${CG}/cpuacct/docker/cpuacct.usage`]: '1500000000\n',
      [`${CG}/cpuacct/docker/cpuacct.stat`]: 'user 100\nsystem 50\n',
      [`${CG}/memory/docker/memory.usage_in_bytes`]: '4096\n',
      [`${CG}/memory/docker/memory.limit_in_bytes`]: '9223372036854771712\n',
      [`${CG}/memory/docker/memory.failcnt`]: '6\n',
      [`${CG}/memory/docker/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
      [`${CG}/memory/docker/memory.stat`]: 'rss 1\ncache 2\ntotal_rss 10\ntotal_swap 3\npgfault 4\n',
      [`${CG}/blkio/docker/blkio.throttle.io_serviced_recursive`]: '8:0 Read 5\n8:0 Sync 5\nTotal 5\n',
    });
    const { next, stop } = await run({ root_path: v1.path, cgroups: ['/docker'] });
    const c = 'cgroup="/docker"';
    expect(points(await next())).to.deep.equal({
      [`cgroup_cpu_cfs_periods_total{${c}}`]: 7,
      [`cgroup_cpu_cfs_throttled_periods_total{${c}}`]: 3,
      [`cgroup_cpu_cfs_throttled_seconds_total{${c}}`]: 0.25,
      [`cgroup_cpu_limit_cores{${c}}`]: 1.5,
      [`cgroup_cpu_usage_seconds_total{${c}}`]: 1.5,
      [`cgroup_cpu_user_seconds_total{${c}}`]: 1,
      [`cgroup_cpu_system_seconds_total{${c}}`]: 0.5,
      [`cgroup_memory_usage_bytes{${c}}`]: 4096,
      [`cgroup_memory_events_total{${c},event="max"}`]: 6,
      [`cgroup_memory_events_total{${c},event="oom_kill"}`]: 1,
      [`cgroup_memory_stat_bytes{${c},kind="anon"}`]: 10,
      [`cgroup_memory_stat_bytes{${c},kind="file"}`]: 2,
      [`cgroup_memory_swap_bytes{${c}}`]: 3,
      [`cgroup_memory_page_faults_total{${c}}`]: 4,
      [`cgroup_io_operations_total{${c},device="8:0",direction="read"}`]: 5,
    });
    await stop();
    v1.remove();
  });

  it('takes CPU time from version 2 alone where both know it', async () => {
    const hybrid = makeTree({
      [`${CG}/unified/cgroup.procs`]: '',
      [`${CG}/unified/a/cpu.stat`]: 'usage_usec 2000000\n',
      [`${CG}/cpuacct/a/cpuacct.usage`]: '1\n',
      [`${CG}/cpuacct/b/cpuacct.usage`]: '3000000000\n',
    });
    const { next, stop } = await run({ root_path: hybrid.path, cgroups: ['/*'] });
    expect(points(await next())).to.deep.equal({
      'cgroup_cpu_usage_seconds_total{cgroup="/a"}': 2,
      'cgroup_cpu_usage_seconds_total{cgroup="/b"}': 3,
    });
    await stop();
    hybrid.remove();
  });

  it('gives the same set while the same files say the same things', async () => {
    tree.write({ [`${CG}/a/cpu.stat`]: CPU, [`${CG}/a/pids.current`]: '1\n' });
    const { next, stop } = await run();
    const [first] = await next();
    tree.write({ [`${CG}/a/pids.current`]: '2\n' });
    const [second] = await next();
    expect(second!.set).to.equal(first!.set);
    expect(second!.values).not.to.equal(first!.values);
    expect([...first!.values].at(-1)).to.equal(1);
    expect([...second!.values].at(-1)).to.equal(2);
    expect(second!.time - first!.time).to.equal(10_000);
    await stop();
  });

  it('marks a cgroup that goes as stale once, and takes it up again when it comes back', async () => {
    tree.write({ [`${CG}/a/pids.current`]: '1\n', [`${CG}/b/pids.current`]: '2\n' });
    const { next, stop, host } = await run();
    await next();
    tree.write({ [`${CG}/b`]: undefined });
    expect(points(await next())).to.deep.equal({ 'cgroup_pids{cgroup="/a"}': 1, 'cgroup_pids{cgroup="/b"}': 'stale' });
    expect(points(await next())).to.deep.equal({ 'cgroup_pids{cgroup="/a"}': 1 });
    tree.write({ [`${CG}/b/pids.current`]: '3\n' });
    expect(points(await next())).to.deep.equal({ 'cgroup_pids{cgroup="/a"}': 1, 'cgroup_pids{cgroup="/b"}': 3 });
    expect(host.logs.filter((entry) => entry.level !== 'info')).to.deep.equal([]);
    expect(host.metric('otelcol_scraper_errored_metric_points')).to.equal(0);
    expect(host.metric('otelcol_scraper_scraped_metric_points')).to.equal(7);
    await stop();
  });

  it('marks only the series that went when a file or a line of it goes', async () => {
    tree.write({ [`${CG}/a/memory.current`]: '1\n', [`${CG}/a/memory.max`]: '9\n', [`${CG}/a/pids.current`]: '5\n' });
    const { next, stop } = await run();
    await next();
    tree.write({ [`${CG}/a/memory.max`]: 'max\n' });
    expect(points(await next())).to.deep.equal({
      'cgroup_memory_limit_bytes{cgroup="/a"}': 'stale',
      'cgroup_memory_usage_bytes{cgroup="/a"}': 1,
      'cgroup_pids{cgroup="/a"}': 5,
    });
    expect(Object.keys(points(await next()))).to.have.lengthOf(2);
    await stop();
  });

  it('marks a cgroup whose files all went, folder or not', async () => {
    tree.write({ [`${CG}/a/pids.current`]: '1\n', [`${CG}/b/pids.current`]: '1\n' });
    const { next, stop } = await run();
    await next();
    tree.write({ [`${CG}/a/pids.current`]: undefined });
    expect(points(await next())['cgroup_pids{cgroup="/a"}']).to.equal('stale');
    expect(Object.keys(points(await next()))).to.deep.equal(['cgroup_pids{cgroup="/b"}']);
    await stop();
  });

  it('goes on past what it cannot read, counts it, and tells once', async () => {
    tree.write({
      [`${CG}/a/cpu.stat`]: 'usage_usec fortytwo\nuser_usec 1000000\n',
      [`${CG}/b/cpu.stat`]: 'usage_usec none\n',
      [`${CG}/a/memory.current`]: 'bad\n',
      [`${CG}/b/pids.current`]: '4\n',
    });
    execFileSync('mkfifo', [join(tree.path, CG, 'a/pids.current')]);
    const { next, stop, host } = await run();
    expect(points(await next())).to.deep.equal({
      'cgroup_cpu_user_seconds_total{cgroup="/a"}': 1,
      'cgroup_pids{cgroup="/b"}': 4,
    });
    await next();
    expect(host.metric('otelcol_scraper_errored_metric_points')).to.equal(8);
    const told = host.logs.map((entry) => `${entry.message} ${entry.fields.found ?? entry.fields.error}`);
    expect(told).to.have.lengthOf(3);
    expect(told[0]).to.equal('a cgroup file has no number where one should be fortytwo');
    expect(told[2]).to.match(/^cannot read a cgroup file Error: cannot read .*pids.current: it is not a regular file$/);
    await stop();
  });

  it('leaves out what is excluded, and metrics that are switched off', async () => {
    tree.write({
      [`${CG}/a/pids.current`]: '1\n',
      [`${CG}/a/pids.max`]: '2\n',
      [`${CG}/b/pids.current`]: '1\n',
      [`${CG}/a/memory.pressure`]: 'some avg10=50.00 avg60=0.00 avg300=0.00 total=2000000\n',
    });
    const { next, stop } = await run({
      exclude: ['/b*'],
      metrics: {
        cgroup_pids_limit: { enabled: false },
        cgroup_pressure_stalled_seconds_total: { enabled: false },
        cgroup_pressure_stalled_ratio: { enabled: true },
      },
    });
    expect(points(await next())).to.deep.equal({
      'cgroup_pids{cgroup="/a"}': 1,
      'cgroup_pressure_stalled_ratio{cgroup="/a",kind="some",resource="memory",window="10s"}': 0.5,
      'cgroup_pressure_stalled_ratio{cgroup="/a",kind="some",resource="memory",window="60s"}': 0,
      'cgroup_pressure_stalled_ratio{cgroup="/a",kind="some",resource="memory",window="300s"}': 0,
    });
    await stop();
  });

  it('says in a sentence, once, that there is nothing to read, and when there is', async () => {
    const bare = makeTree({ 'etc/motd': '' });
    const { next, stop, host } = await run({ root_path: bare.path, cgroups: ['/none/*'] });
    await next();
    await next();
    const why = `there is no cgroup file system under ${bare.path}; in a container, mount the host's /sys/fs/cgroup and set root_path`;
    // The agent logs the status.
    expect(host.statuses.at(-1)).to.include({ status: 'recoverable', why });
    expect(host.logs).to.deep.equal([]);
    bare.write({ [`${CG}/cgroup.procs`]: '' });
    await next();
    expect(host.logs[0]!.message).to.equal('no cgroup under /sys/fs/cgroup matches /none/*');
    bare.write({ [`${CG}/none/a/pids.current`]: '1' });
    expect(points(await next())).to.deep.equal({ 'cgroup_pids{cgroup="/none/a"}': 1 });
    expect(host.statuses.at(-1)).to.include({ status: 'ok' });
    await stop();
    bare.remove();
  });

  it('loses a collection that the pipeline refuses, says so, and goes on', async () => {
    tree.write({ [`${CG}/a/pids.current`]: '1\n' });
    const { next, stop, out, host } = await run();
    out.fail = new Error('memory is short');
    expect(await next()).to.deep.equal([]);
    const message = 'this collection of cgroups could not be made or handed on';
    expect(host.logs[0]).to.deep.include({ level: 'warn', message, fields: { error: out.fail } });
    out.fail = undefined;
    expect(await next()).to.have.lengthOf(1);
    await stop();
    expect(host.clock.pending).to.equal(0);
  });

  it('knows the names of its metrics', () => {
    expect(() => parse(cgroup.config, { metrics: { cgroup_pid: { enabled: false } } })).to.throw(
      'metrics.cgroup_pid: is not a metric of this receiver; did you mean cgroup_pids?',
    );
  });

  it("reads this machine's own cgroups", async () => {
    const { next, stop, host } = await run({ root_path: '/', cgroups: ['/', '/**'] });
    const batch = await next();
    // A container may have none; it is told so.
    expect(batch.length > 0).to.equal(host.logs.length === 0);
    for (const { set, values } of batch) {
      for (const [i, one] of set.series.entries()) expect(values[i], formatLabels(one.labels)).to.be.at.least(0);
    }
    await stop();
  });
});
