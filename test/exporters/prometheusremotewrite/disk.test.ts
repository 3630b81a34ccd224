import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Exporter } from '#component';
import { parse } from '#config';
import { type Batch, labelsOf, makeFamily, makeSeries, makeSet } from '#metrics';
import prometheusremotewrite from '../../../exporters/prometheusremotewrite/prometheusremotewrite.ts';
import { batchOf, snapshotOf } from '../../support/batch.ts';
import { settle } from '../../support/clock.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { type Answer, type Receiver, receiver } from '../../support/receiver.ts';
import { closeServers } from '../../support/servers.ts';

const T = 1_700_000_000_000;
const never = new AbortController().signal;

/** Three sources with two series each; every sample tells its round. */
function round(n: number): Batch {
  return ['a', 'b', 'c'].map((instance) => {
    const set = setOf(instance);
    return batchOf(snapshotOf(set, [n, n], T + n * 1000))[0]!;
  });
}
const sets = new Map<string, ReturnType<typeof makeSet>>();
function setOf(instance: string) {
  const known = sets.get(instance);
  if (known) return known;
  const labels = (i: number) => labelsOf({ __name__: 'm', i: String(i), instance, job: 'test' });
  const made = makeSet([0, 1].map((i) => makeSeries(makeFamily('m', 'gauge'), labels(i))));
  sets.set(instance, made);
  return made;
}

describe('prometheusremotewrite with a queue on disk', () => {
  let folder: string;
  let answer: Answer = 204;
  let to: Receiver;
  const running: Exporter[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-queue-'));
    answer = 204;
    to = await receiver(() => answer);
  });
  afterEach(async () => {
    for (const exporter of running.splice(0)) await exporter.stop?.(AbortSignal.abort(new Error('test over')));
    await closeServers();
    rmSync(folder, { recursive: true });
  });

  async function start(
    config: Record<string, unknown> = {},
    host = fakeHost('exporter', 'prometheusremotewrite'),
  ): Promise<{ exporter: Exporter; host: FakeHost }> {
    host.extensions.set('disk', { storage: { lend: () => ({ folder, maxBytes: 1 << 24, fsync: false }) } });
    const written = { endpoint: to.url, remote_write_queue: { storage: 'disk' }, ...config };
    const exporter = prometheusremotewrite.create(parse(prometheusremotewrite.config, written), host);
    running.push(exporter);
    await exporter.start?.(never);
    return { exporter, host };
  }
  async function passing(host: FakeHost, holds: () => boolean): Promise<void> {
    for (let i = 0; !holds(); i++) {
      if (i > 5000) throw new Error(`still not so: ${holds}`);
      await host.clock.advance(100);
      await settle();
    }
  }
  /** The rounds that arrived of each series, in order. */
  function rounds(): Map<string, number[]> {
    const found = new Map<string, number[]>();
    for (const { labels, samples } of to.taken()) {
      const key = labels.join();
      found.set(key, [...(found.get(key) ?? []), ...samples.map(({ value }) => value)]);
    }
    return found;
  }
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

  it('sends all of an outage, in order for each series and none twice, over restarts with other numbers of consumers', async () => {
    answer = 503;
    let n = 0;
    for (const consumers of [5, 2, 3]) {
      const { exporter, host } = await start({ remote_write_queue: { storage: 'disk', num_consumers: consumers } });
      for (let i = 0; i < 10; i++) {
        await exporter.consume(round(n++), never);
        await host.clock.advance(300);
        await settle();
      }
      await exporter.stop?.(never);
    }
    answer = 204;
    const { exporter, host } = await start();
    await exporter.consume(round(n++), never);
    await passing(host, () => to.samples() >= n * 6);
    const found = rounds();
    expect(found.size).to.equal(6);
    for (const got of found.values()) expect(got).to.deep.equal(upTo(n));
    await exporter.stop?.(never);
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('a changed byte costs its record, and the points in it are counted', async () => {
    answer = 503;
    const first = await start({ remote_write_queue: { storage: 'disk', num_consumers: 1 } });
    for (let n = 0; n < 20; n++) {
      await first.exporter.consume(round(n), never);
      await first.host.clock.advance(300);
      await settle();
    }
    await first.exporter.stop?.(never);
    const [name] = readdirSync(folder).filter((file) => file.endsWith('.seg'));
    const bytes = readFileSync(join(folder, name!));
    bytes[Math.floor(bytes.length / 2)]! ^= 0x20;
    writeFileSync(join(folder, name!), bytes);
    answer = 204;
    const { host } = await start({ remote_write_queue: { storage: 'disk', num_consumers: 1 } });
    await passing(host, () => to.samples() >= 19 * 6);
    for (const got of rounds().values()) {
      expect(got).to.have.length(19);
      expect(got).to.deep.equal([...got].sort((a, b) => a - b));
    }
    expect(host.metric('dnscol_exporter_queue_corrupt_records_total')).to.equal(1);
    expect(host.metric('otelcol_exporter_send_failed_metric_points', { reason: 'corrupt' })).to.equal(6);
  });

  it('wal makes a queue without an extension, in a directory that it locks', async () => {
    answer = 503;
    const wal = { remote_write_queue: {}, wal: { directory: folder } };
    const first = await start(wal);
    await first.exporter.consume(round(0), never);
    const host = fakeHost('exporter', 'prometheusremotewrite');
    let refusal = '';
    void start(wal, host).catch((error: Error) => {
      refusal = error.message;
    });
    await passing(host, () => refusal !== '');
    expect(refusal).to.contain('every instance needs a directory of its own');
    await first.exporter.stop?.(never);
    answer = 204;
    const third = await start(wal);
    await passing(third.host, () => to.samples() === 6);
  });
});
