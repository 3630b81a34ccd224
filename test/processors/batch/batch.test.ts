import { expect } from 'chai';
import { PermanentError, type ProcessorFactory } from '#component';
import { parse } from '#config';
import { pointCount, type Snapshot } from '#metrics';
import batch from '../../../processors/batch/batch.ts';
import { processorContract } from '../../contract/processor.ts';
import { setOf, snapshotOf } from '../../support/batch.ts';
import { settle } from '../../support/clock.ts';
import { CUSTOM, EXPONENTIAL, nativeSet, nativeSnapshot } from '../../support/histograms.ts';
import { fakeHost, type Sink, sink } from '../../support/host.ts';

const factory = batch as ProcessorFactory;
const signal = new AbortController().signal;

function make(config: unknown, next: Sink = sink()) {
  const host = fakeHost('processor', 'batch');
  return { host, next, processor: factory.create(parse(factory.config, config), host, next) };
}

/** `points` gauges of one source. */
function snapshot(points: number, source = 'a'): Snapshot {
  const names = Array.from({ length: points }, (_, i): [string, Record<string, string>] => [`m${i}`, { source }]);
  return snapshotOf(
    setOf(names),
    names.map((_, i) => i),
  );
}

const sizes = (next: Sink) => next.batches.map(pointCount);

/** A sink whose every call waits for `open`. */
function gated(): Sink & { open(): void; waiting: number } {
  const inner = sink();
  const gates: (() => void)[] = [];
  return Object.assign(inner, {
    waiting: 0,
    open: () => gates.shift()?.(),
    async consume(this: { waiting: number }, given: readonly Snapshot[]) {
      this.waiting++;
      await new Promise<void>((resolve) => gates.push(resolve));
      this.waiting--;
      if (inner.fail !== undefined) throw inner.fail;
      inner.batches.push(given);
    },
  });
}

describe('processors/batch', () => {
  it('cuts native histograms, exemplars and start times with the samples that they belong to', async () => {
    const { processor, next } = make({ timeout: '0s', send_batch_size: 2, send_batch_max_size: 2 });
    const exemplars = [{ index: 2, labels: ['id', 'x'], value: 1 }];
    const starts = Float64Array.of(5, 6, 7);
    const all = nativeSnapshot(nativeSet('a', 'b', 'c'), [EXPONENTIAL, undefined, CUSTOM], { exemplars, starts });
    await processor.consume([all], signal);
    const shown = next.batches.map(([got]) => [[...(got!.histograms ?? [])], got!.exemplars, [...got!.starts!]]);
    expect(shown).to.deep.equal([
      [[[0, EXPONENTIAL]], undefined, [5, 6]],
      [[[0, CUSTOM]], [{ ...exemplars[0], index: 0 }], [7]],
    ]);
  });

  processorContract(batch, {
    config: { timeout: '1s' },
    buffers: { dropped: 'dnscol_processor_batch_dropped_metric_points_total' },
  });
  processorContract(batch, { config: { timeout: '0s', send_batch_size: 1 } });

  describe('when a batch goes', () => {
    /** One that has sent its first batch, at 20 ms. */
    async function begun(settings: Parameters<typeof make>[0]) {
      const made = make(settings);
      await made.processor.consume([snapshot(2)], signal);
      await made.host.clock.advance(20);
      expect(sizes(made.next)).to.deep.equal([2]);
      made.next.batches.length = 0;
      return made;
    }

    it('goes at once when it is the first', async () => {
      const { processor, host, next } = make({});
      await host.clock.advance(100);
      await processor.consume([snapshot(1)], signal);
      await host.clock.advance(0);
      expect(sizes(next)).to.deep.equal([1]);
    });

    it('goes at the next stroke of the timeout, counted from the start', async () => {
      const { processor, host, next } = await begun({});
      await host.clock.advance(330);
      await processor.consume([snapshot(1)], signal);
      expect(host.clock.pending).to.equal(1);
      await host.clock.advance(49);
      expect(sizes(next)).to.deep.equal([]);
      await host.clock.advance(1);
      expect(sizes(next)).to.deep.equal([1]);
      expect(host.clock.pending, 'nothing waits').to.equal(0);
    });

    it('has strokes that are counted from the last full batch', async () => {
      const { processor, host, next } = make({ send_batch_size: 5 });
      await host.clock.advance(150);
      await processor.consume([snapshot(5)], signal);
      await host.clock.advance(60);
      await processor.consume([snapshot(1)], signal);
      await host.clock.advance(139);
      expect(sizes(next)).to.deep.equal([5]);
      await host.clock.advance(1);
      expect(sizes(next)).to.deep.equal([5, 1]);
    });

    it('waits for no more than the timeout', async () => {
      const { processor, host, next } = await begun({});
      await host.clock.advance(180);
      await processor.consume([snapshot(3)], signal);
      await host.clock.advance(150);
      await processor.consume([snapshot(4)], signal);
      await host.clock.advance(49);
      expect(sizes(next)).to.deep.equal([]);
      await host.clock.advance(1);
      expect(sizes(next)).to.deep.equal([7]);
      expect(host.metric('otelcol_processor_batch_timeout_trigger_send')).to.equal(2);
      expect(host.metric('otelcol_processor_batch_batch_size_trigger_send')).to.equal(0);
    });

    it('goes at once when it is full, and the timer begins anew', async () => {
      const { processor, host, next } = make({ send_batch_size: 5 });
      await processor.consume([snapshot(3)], signal);
      await processor.consume([snapshot(2)], signal);
      await settle();
      expect(sizes(next)).to.deep.equal([5]);
      expect(host.clock.pending).to.equal(0);
      expect(host.metric('otelcol_processor_batch_batch_size_trigger_send')).to.equal(1);
      expect(host.recorded('otelcol_processor_batch_batch_send_size')).to.deep.equal([5]);
    });

    it('holds snapshots by reference', async () => {
      const { processor, host, next } = make({});
      const given = snapshot(2);
      await processor.consume([given], signal);
      await host.clock.advance(200);
      expect(next.batches[0]![0]).to.equal(given);
    });

    it('passes straight through with a timeout of 0, whatever the size', async () => {
      const { processor, next } = make({ timeout: '0s' });
      await processor.consume([snapshot(1)], signal);
      expect(sizes(next)).to.deep.equal([1]);
    });

    it('arms no timer for a batch without samples', async () => {
      const { processor, host } = make({});
      await processor.consume([snapshot(0)], signal);
      expect(host.clock.pending).to.equal(0);
    });
  });

  describe('splitting', () => {
    it('keeps to send_batch_max_size and cuts only what is larger than a batch', async () => {
      const { processor, next } = make({ send_batch_size: 4, send_batch_max_size: 4 });
      await processor.consume([snapshot(3, 'a'), snapshot(2, 'b'), snapshot(9, 'c')], signal);
      await settle();
      expect(sizes(next)).to.deep.equal([3, 2, 4, 4, 1]);
    });

    it('keeps the order of each series', async () => {
      const { processor, next } = make({ send_batch_size: 2, send_batch_max_size: 2 });
      const first = snapshot(5);
      const second = { ...first, time: first.time + 1 };
      await processor.consume([first, second], signal);
      await settle();
      const seen = next.batches.flat().map(({ set, time }) => [time - first.time, set.series.length]);
      expect(seen).to.deep.equal([
        [0, 2],
        [0, 2],
        [0, 1],
        [1, 2],
        [1, 2],
        [1, 1],
      ]);
    });

    it('cuts a set at the same places every time, into the same sets', async () => {
      const { processor, next } = make({ timeout: '0s', send_batch_size: 2, send_batch_max_size: 2 });
      const big = snapshot(5);
      await processor.consume([big], signal);
      await processor.consume([snapshot(1, 'b'), { ...big, time: 1 }], signal);
      const sets = next.batches.flat().map(({ set }) => set);
      expect(sets.slice(4)).to.deep.equal(sets.slice(0, 3));
      sets.slice(4).forEach((set, i) => {
        expect(set).to.equal(sets[i]);
      });
    });
  });

  describe('back-pressure', () => {
    it('makes the caller wait while one batch is under way and the next is full', async () => {
      const next = gated();
      const { processor } = make({ send_batch_size: 2 }, next);
      const done: number[] = [];
      for (const i of [1, 2, 3]) void processor.consume([snapshot(2)], signal).then(() => done.push(i));
      await settle();
      expect(done).to.deep.equal([1, 2]);
      expect(next.waiting).to.equal(1);
      next.open();
      await settle();
      expect(done).to.deep.equal([1, 2, 3]);
      expect(next.waiting).to.equal(1);
    });

    it('gives the batch back when the caller’s signal aborts meanwhile', async () => {
      const next = gated();
      const { processor } = make({ send_batch_size: 1 }, next);
      await processor.consume([snapshot(1)], signal);
      await processor.consume([snapshot(1)], signal);
      const caller = new AbortController();
      const third = processor.consume([snapshot(1)], caller.signal).catch((error: unknown) => error);
      caller.abort(new Error('too late'));
      expect(await third).to.have.property('message', 'too late');
      next.open();
      await settle();
      next.open();
      await settle();
      expect(sizes(next)).to.deep.equal([1, 1]);
    });
  });

  describe('losses', () => {
    it('are counted by reason, said once, and so is the end of them', async () => {
      const { processor, host, next } = make({ send_batch_size: 1 });
      const lose = async (error: unknown) => {
        next.fail = error;
        await processor.consume([snapshot(2)], signal);
        await settle();
      };
      await lose(new Error('queue full'));
      await lose(new PermanentError('bad data'));
      await lose(undefined);
      const dropped = (reason: string) => host.metric('dnscol_processor_batch_dropped_metric_points_total', { reason });
      expect([dropped('refused'), dropped('permanent'), dropped('deadline')]).to.deep.equal([2, 2, 0]);
      expect(host.logs.map((l) => l.level)).to.deep.equal(['error', 'info']);
      expect(host.logs[0]!.fields.error).to.have.property('message', 'queue full');
      expect(host.logs[1]!.message).to.contain('4 samples');
    });

    it('at the drain deadline are counted as such', async () => {
      const { processor, host } = make({ send_batch_size: 2 }, gated());
      await processor.consume([snapshot(2)], signal);
      await processor.consume([snapshot(1)], signal);
      await processor.stop!(AbortSignal.abort(new Error('deadline')));
      expect(host.metric('dnscol_processor_batch_dropped_metric_points_total', { reason: 'deadline' })).to.equal(3);
    });

    it('do not happen silently after stop: a late batch is given back', async () => {
      const { processor } = make({});
      await processor.stop!(signal);
      const late = await processor.consume([snapshot(1)], signal).catch((error: unknown) => error);
      expect(late).to.have.property('message').that.contains('stopped');
    });
  });

  describe('configuration', () => {
    const refuses = (config: unknown, path: string, words: string) =>
      it(`refuses ${JSON.stringify(config)}`, () => {
        expect(() => parse(factory.config, config))
          .to.throw(`${path}: `)
          .and.to.have.property('message')
          .that.contains(words);
      });

    it('has the Collector’s defaults', () => {
      expect(parse(factory.config, null)).to.deep.equal({
        timeout: 200,
        send_batch_size: 8192,
        send_batch_max_size: 0,
        metadata_keys: [],
        metadata_cardinality_limit: 1000,
      });
    });
    refuses({ send_batch_max_size: 100 }, 'send_batch_max_size', 'at least send_batch_size, which is 8192');
    refuses({ timeout: '-1s' }, 'timeout', 'at least 0s');
    refuses({ metadata_keys: ['X-Tenant'] }, 'metadata_keys', 'must be empty');
    refuses({ send_batch_size: '10' }, 'send_batch_size', 'whole number');
  });
});
