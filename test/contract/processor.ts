import { expect } from 'chai';
import type { Factory, Processor, ProcessorFactory } from '#component';
import { parse } from '#config';
import {
  type Batch,
  isStale,
  labelsOf,
  makeFamily,
  makeSeries,
  makeSet,
  pointCount,
  type Snapshot,
  staleValues,
} from '#metrics';
import { settle } from '../support/clock.ts';
import { type FakeHost, fakeHost, type Sink, sink } from '../support/host.ts';

export interface ProcessorCase {
  /** As in the YAML. It must let `dns_up{zone="a"}`, `{zone="b"}` and `{zone="c"}` of the contract's batch through. */
  config: unknown;
  /** It resolves while it still holds the data: a batch that cannot be sent on is then lost, and this metric counts it. */
  buffers?: { dropped: string };
}

interface Made {
  processor: Processor;
  host: FakeHost;
  next: Sink;
}

const never = new AbortController().signal;

/** What every processor holds, whatever else it does. Call it inside of the processor's own `describe`. */
export function processorContract(factory: Factory, { config, buffers }: ProcessorCase): void {
  const make = async (next: Sink = sink()): Promise<Made> => {
    const host = fakeHost('processor', factory.type);
    const made = factory as ProcessorFactory;
    const processor = made.create(parse(made.config, config), host, next);
    await processor.start?.(never);
    return { processor, host, next };
  };

  describe('as a processor', () => {
    it('leaves a deep-frozen batch as it was, byte for byte', async () => {
      const { processor } = await make();
      const batch = contractBatch();
      const before = bytesOf(batch);
      await processor.consume(batch, never);
      await processor.stop?.(never);
      expect(bytesOf(batch)).to.equal(before);
    });

    it('passes every sample on, the staleness marker with its payload', async () => {
      const { processor, next } = await make();
      await processor.consume(contractBatch(), never);
      await processor.stop?.(never);
      const snapshots = next.batches.flat();
      expect(pointCount(snapshots)).to.equal(6);
      expect(snapshots.flatMap(staleOnes)).to.have.length(4);
    });

    it('takes an empty batch', async () => {
      const { processor, next } = await make();
      await processor.consume([], never);
      await processor.stop?.(never);
      expect(pointCount(next.batches.flat())).to.equal(0);
    });

    it(`resolves when ${buffers ? 'it holds the data, and stop when it is sent' : 'the next component has the data'}`, async () => {
      const slow = heldSink();
      const { processor } = await make(slow);
      const order: string[] = [];
      const consumed = processor.consume(contractBatch(), never).then(() => order.push('consumed'));
      await settle();
      expect(order).to.deep.equal(buffers ? ['consumed'] : []);
      const stopped = consumed.then(() => processor.stop?.(never)).then(() => order.push('stopped'));
      await settle();
      expect(order).to.deep.equal(buffers ? ['consumed'] : []);
      slow.release();
      await stopped;
      expect(order).to.deep.equal(['consumed', 'stopped']);
      expect(pointCount(slow.batches.flat())).to.equal(6);
    });

    it(buffers ? 'counts what the next component rejects' : 'gives the next component’s rejection back', async () => {
      const { processor, host, next } = await make();
      next.fail = new Error('no room');
      const rejected = await processor.consume(contractBatch(), never).then(
        () => undefined,
        (error: unknown) => error,
      );
      await processor.stop?.(never);
      if (buffers) expect(host.metric(buffers.dropped)).to.equal(6);
      else expect(rejected).to.equal(next.fail);
    });

    it('ends its stop when the deadline has passed, though the next component hangs', async () => {
      const { processor } = await make(heldSink());
      const given = new AbortController();
      const consumed = processor.consume(contractBatch(), given.signal).catch(() => {});
      const deadline = new AbortController();
      const stopped = processor.stop?.(deadline.signal);
      await settle();
      deadline.abort(new Error('the drain deadline has passed'));
      given.abort(new Error('the drain deadline has passed'));
      await stopped;
      await consumed;
    });

    it('starts and stops twice without harm, and leaves no timer', async () => {
      const { processor, host } = await make();
      await processor.start?.(never);
      await processor.consume(contractBatch(), never);
      await processor.stop?.(never);
      await processor.stop?.(never);
      await settle();
      expect(host.clock.pending).to.equal(0);
    });
  });
}

/** Three gauges once with values and once stale, the last of them with times of its own. */
function contractBatch(): Batch {
  const family = makeFamily('dns_up', 'gauge', 'Answers.');
  const series = ['a', 'b', 'c'].map((zone) => makeSeries(family, labelsOf({ __name__: 'dns_up', job: 'dns', zone })));
  const set = makeSet(series, { attributes: labelsOf({ 'k8s.node.name': 'n1' }) });
  const mixed = Float64Array.of(1, 2, 3);
  mixed.set(staleValues(1), 2);
  const stale: Snapshot = { set, values: staleValues(3), time: 2000, times: Float64Array.of(2001, 2002, 2003) };
  return deepFreeze([{ set, values: mixed, time: 1000 }, stale]);
}

const staleOnes = ({ values }: Snapshot) => [...values.keys()].filter((i) => isStale(values, i));

/** Typed arrays cannot be frozen; their bytes are compared. */
function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

function bytesOf(batch: Batch): string {
  const hex = (array: Float64Array | undefined) =>
    array && Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');
  return JSON.stringify(batch.map(({ set, values, time, times }) => [set, hex(values), time, hex(times)]));
}

/** A sink that takes what it gets only when released; until then it hangs, or rejects when the signal aborts. */
function heldSink(): Sink & { release(): void } {
  const inner = sink();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    ...inner,
    async consume(batch, signal) {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        gate.then(resolve);
      });
      await inner.consume(batch, signal);
    },
    release: () => release(),
  };
}
