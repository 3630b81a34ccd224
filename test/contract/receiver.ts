import { expect } from 'chai';
import type { Factory, Receiver, ReceiverFactory } from '#component';
import { parse } from '#config';
import { type Batch, compareBytes, isStale, labelValue, METRIC_NAME, type SeriesSet } from '#metrics';
import { type FakeHost, fakeHost, type Sink, sink } from '../support/host.ts';
import { until } from '../support/servers.ts';

/** What a receiver reads, made for one test. */
export interface ReceiverSource {
  /** As in the YAML. */
  config: unknown;
  /** Milliseconds of the clock in which one collection falls due. */
  interval: number;
  /** Takes one of the source's series away, and leaves others. */
  vanish(): void | Promise<void>;
  /** From now on a collection does not end by itself; needed where `hangs` is said. */
  hang?(): void;
  close(): void | Promise<void>;
}

interface Running {
  receiver: Receiver;
  source: ReceiverSource;
  host: FakeHost;
  next: Sink;
  /** The batches of one more collection. */
  collect(): Promise<Batch>;
}

const never = new AbortController().signal;

/**
 * What every receiver that collects holds. Call it inside of the receiver's own `describe`. `hangs`: the source can keep the
 * receiver waiting, as a network does and a file of the kernel does not.
 */
export function receiverContract(
  factory: Factory,
  open: () => Promise<ReceiverSource> | ReceiverSource,
  { hangs = false } = {},
): void {
  const sources: ReceiverSource[] = [];

  async function make(next: Sink = sink()): Promise<Running> {
    const source = await open();
    sources.push(source);
    const host = fakeHost('receiver', factory.type);
    const made = factory as ReceiverFactory;
    const receiver = made.create(parse(made.config, source.config), host, next);
    return {
      receiver,
      source,
      host,
      next,
      async collect() {
        const before = next.batches.length;
        await host.clock.advance(source.interval);
        await until(() => next.batches.length > before);
        return next.batches.slice(before).flat();
      },
    };
  }

  async function start(next?: Sink): Promise<Running> {
    const running = await make(next);
    await running.receiver.start?.(never);
    return running;
  }

  describe('as a receiver', () => {
    afterEach(async () => {
      for (const source of sources.splice(0)) await source.close();
    });

    it('may be stopped before it is started, and twice', async () => {
      const { receiver } = await make();
      await receiver.stop?.(never);
      const started = await start();
      await started.receiver.stop?.(never);
      await started.receiver.stop?.(never);
    });

    it('leaves nothing on the clock, and says no more, once it is stopped', async () => {
      const { receiver, collect, host, next, source } = await start();
      await collect();
      await receiver.stop?.(never);
      expect(host.clock.pending).to.equal(0);
      const count = next.batches.length;
      await host.clock.advance(source.interval * 3);
      expect(next.batches).to.have.length(count);
    });

    it('gives well-formed snapshots', async () => {
      const { receiver, collect, host } = await start();
      for (const { set, values, time, times } of await collect()) {
        expect(values.length).to.equal(set.series.length);
        if (times) expect(times.length).to.equal(values.length);
        expect(time).to.be.closeTo(host.clock.now(), 2 * 3_600_000);
        checkSet(set);
      }
      await receiver.stop?.(never);
    });

    it('an unchanged source gives the same set objects', async () => {
      const { receiver, collect } = await start();
      const first = await collect();
      const second = await collect();
      expect(second.map(({ set }) => set)).to.have.ordered.members(first.map(({ set }) => set));
      await receiver.stop?.(never);
    });

    it('a series that vanishes is marked stale, once', async () => {
      const { receiver, source, collect } = await start();
      const before = names(await collect());
      await source.vanish();
      const marked = stale(await collect());
      expect(marked).not.to.deep.equal([]);
      expect(before).to.include.members(marked);
      expect(stale(await collect())).to.deep.equal([]);
      await receiver.stop?.(never);
    });

    it('goes on when the next component rejects', async () => {
      const { receiver, source, collect, host, next } = await start();
      const consume = next.consume.bind(next);
      let rejected = 0;
      next.consume = async () => {
        rejected++;
        throw new Error('no room');
      };
      await host.clock.advance(source.interval);
      await until(() => rejected > 0);
      next.consume = consume;
      await collect();
      await receiver.stop?.(never);
    });

    it('waits at its stop for what the next component is taking, until the signal aborts', async () => {
      const { receiver, source, host, next } = await start();
      let given: AbortSignal | undefined;
      next.consume = (_batch, signal) => {
        given = signal;
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      };
      await host.clock.advance(source.interval);
      await until(() => given !== undefined);
      const deadline = new AbortController();
      const stopped = receiver.stop?.(deadline.signal);
      deadline.abort(new Error('the time to drain is over'));
      await stopped;
      expect(given?.aborted).to.equal(true);
    });

    if (hangs) {
      it('ends a collection that is under way when it is stopped', async () => {
        const { receiver, source, host } = await start();
        source.hang!();
        await host.clock.advance(source.interval);
        await receiver.stop?.(never);
        expect(host.clock.pending).to.equal(0);
      });
    }
  });
}

function checkSet({ series }: SeriesSet): void {
  expect(Object.isFrozen(series)).to.equal(true);
  for (const { labels } of series) {
    expect(Object.isFrozen(labels)).to.equal(true);
    expect(labelValue(labels, METRIC_NAME)).not.to.equal('');
    const own = labels.filter((_, i) => i % 2 === 0);
    expect(own).to.deep.equal([...new Set(own)].sort(compareBytes));
    expect(labels).not.to.include('');
  }
  const shown = series.map(({ labels }) => labels.join('\0'));
  expect(new Set(shown).size, 'no series twice').to.equal(shown.length);
}

const names = (batch: Batch) => batch.flatMap(({ set }) => set.series.map(({ labels }) => labels.join(' ')));

const stale = (batch: Batch) =>
  batch.flatMap(({ set, values }) =>
    set.series.filter((_, i) => isStale(values, i)).map(({ labels }) => labels.join(' ')),
  );
