import { expect } from 'chai';
import { parse } from '#config';
import { type Batch, formatLabels, isStale } from '#metrics';
import conntrack from '../../../receivers/conntrack/conntrack.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { fakeHost, sink } from '../../support/host.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const STAT = 'proc/1/net/stat/nf_conntrack';
const LIMIT = 'proc/sys/net/netfilter/nf_conntrack_max';
const HEADER =
  'entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart';
/** Linux 5.9 and earlier. */
const OLD_HEADER =
  'entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart';

const never = new AbortController().signal;

/** A file of the kernel: a line for each CPU, with the columns that are not given 0. */
function stat(cpus: Record<string, number>[], header = HEADER): string {
  const names = header.split(/ +/);
  const hex = (value = 0) => value.toString(16).padStart(8, '0');
  return `${[header, ...cpus.map((cpu) => names.map((name) => hex(cpu[name])).join(' '))].join('\n')}\n`;
}

describe('the conntrack receiver', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ [STAT]: stat([{ entries: 10 }]), [LIMIT]: '262144\n' });
  });
  const stops: (() => Promise<void> | undefined)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    tree.remove();
  });

  async function run(options: Record<string, unknown> = {}) {
    if (conntrack.kind !== 'receiver') throw new Error('not a receiver');
    const host = fakeHost('receiver', 'conntrack');
    const out = sink();
    const usual = { root_path: tree.path, initial_delay: '10s', collection_interval: '10s' };
    const receiver = conntrack.create(parse(conntrack.config, { ...usual, ...options }), host, out);
    stops.push(() => receiver.stop?.(never));
    await receiver.start?.(never);
    return {
      host,
      async next(ms = 10_000): Promise<Record<string, number | string>> {
        const had = out.batches.length;
        await host.clock.advance(ms);
        return points(out.batches[had] ?? []);
      },
    };
  }
  const points = (batch: Batch) =>
    Object.fromEntries(
      batch.flatMap(({ set, values }) =>
        set.series.map((one, i) => [
          formatLabels(one.labels).replace(/^conntrack_|\{\}$/g, ''),
          isStale(values, i) ? 'stale' : values[i]!,
        ]),
      ),
    );

  receiverContract(conntrack, () => {
    const source = makeTree({ [STAT]: stat([{ entries: 10 }]), [LIMIT]: '100\n' });
    return {
      config: { root_path: source.path, initial_delay: '10s', collection_interval: '10s' },
      interval: 10_000,
      vanish: () => source.write({ [LIMIT]: undefined }),
      close: () => source.remove(),
    };
  });

  it('adds counters up over the CPUs, and takes the entries and their limit as they are', async () => {
    tree.write({
      [STAT]: stat([
        { entries: 300, insert_failed: 3, drop: 1, early_drop: 2, clashres: 10, search_restart: 255, chainlength: 1 },
        { entries: 300, insert_failed: 4, drop: 5, invalid: 16, icmp_error: 1 },
      ]),
    });
    const { next, host } = await run();
    expect(await next()).to.deep.equal({
      entries: 300,
      entries_limit: 262_144,
      insert_failed_total: 7,
      drop_total: 6,
      early_drop_total: 2,
      clash_resolve_total: 10,
      search_restart_total: 255,
      chain_too_long_total: 1,
      invalid_total: 16,
      icmp_error_total: 1,
      insert_losses_total: 7,
      'semantics_info{insert_failed="lost"}': 1,
    });
    expect(host.statuses.at(-1)?.status).to.equal('ok');
    expect(host.metric('otelcol_scraper_scraped_metric_points')).to.equal(12);
  });

  it('before Linux 5.10 counts as lost what raised insert_failed and drop alike', async () => {
    const old = (cpu: Record<string, number>) => tree.write({ [STAT]: stat([{ entries: 1, ...cpu }], OLD_HEADER) });
    old({ insert_failed: 900, drop: 5 });
    const { next } = await run();
    const first = await next();
    expect(first).to.include({ insert_failed_total: 900, insert_losses_total: 0 });
    expect(first).to.include({ 'semantics_info{insert_failed="lost_or_resolved"}': 1 });
    expect(first).not.to.have.any.keys('clash_resolve_total', 'chain_too_long_total');

    // Clashes that were resolved, and then a full table: neither is a loss at entering.
    old({ insert_failed: 950, drop: 5 });
    expect(await next()).to.include({ insert_losses_total: 0 });
    old({ insert_failed: 950, drop: 8 });
    expect(await next()).to.include({ insert_losses_total: 0, drop_total: 8 });
    old({ insert_failed: 960, drop: 12 });
    expect(await next()).to.include({ insert_losses_total: 4 });
    old({ insert_failed: 0, drop: 0 });
    expect(await next()).to.include({ insert_losses_total: 4 });
  });

  it('a burst between two collections shows in the peaks, once', async () => {
    const { next, host } = await run({ sampling_interval: '100ms' });
    expect(await next()).to.include({ entries: 10, entries_peak: 10, insert_failed_peak_per_second: 0 });
    const at = (entries: number, failed: number) =>
      tree.write({ [STAT]: stat([{ entries, insert_failed: failed, drop: failed }]) });
    await host.clock.advance(4000);
    at(262_144, 20);
    await host.clock.advance(1000);
    at(10, 20);
    const seen = await next(5000);
    expect(seen).to.include({
      entries: 10,
      entries_peak: 262_144,
      entries_at_limit_seconds_total: 1,
      insert_failed_peak_per_second: 20,
      drop_peak_per_second: 20,
      insert_losses_peak_per_second: 20,
      insert_losses_total: 20,
    });
    expect(await next()).to.include({ entries_peak: 10, insert_failed_peak_per_second: 0, insert_failed_total: 20 });
  });

  it('says nothing of peaks without sampling', async () => {
    const { next } = await run();
    expect(Object.keys(await next()).filter((name) => /peak|at_limit/.test(name))).to.deep.equal([]);
  });

  it('a table that takes any number has no limit', async () => {
    tree.write({ [LIMIT]: '0\n' });
    const { next } = await run({ sampling_interval: '1s' });
    expect(await next()).not.to.have.any.keys('entries_limit', 'entries_at_limit_seconds_total');
  });

  it('ends every series when tracking is switched off, says why, and begins again', async () => {
    const { next, host } = await run();
    await next();
    tree.write({ [STAT]: undefined });
    expect(new Set(Object.values(await next()))).to.deep.equal(new Set(['stale']));
    expect(await next()).to.deep.equal({});
    expect(host.statuses.at(-1)).to.include({ status: 'recoverable' });
    expect(host.logs.filter(({ level }) => level === 'warn')).to.have.length(1);
    tree.write({ [STAT]: stat([{ entries: 3 }]) });
    expect(await next()).to.include({ entries: 3 });
    expect(host.statuses.at(-1)).to.include({ status: 'ok' });
  });

  it('a file of another shape is an error that names what it lacks, not a row of zeros', async () => {
    tree.write({ [STAT]: 'entries found\n00000001 00000002\n' });
    const { next, host } = await run({ sampling_interval: '1s' });
    expect(await next()).to.deep.equal({});
    expect(host.statuses.at(-1)?.why).to.include('has no insert_failed, drop');
    expect(host.metric('otelcol_scraper_errored_metric_points')).to.equal(1);
    expect(host.clock.pending, 'looks at nothing in between').to.equal(1);
  });
});
