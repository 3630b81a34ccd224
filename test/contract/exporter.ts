import { expect } from 'chai';
import { type Exporter, type ExporterFactory, type Factory, isPermanent } from '#component';
import { parse } from '#config';
import { type Batch, labelsOf, makeFamily, makeSeries, makeSet, type Snapshot, staleValues } from '#metrics';
import { settle } from '../support/clock.ts';
import { type FakeHost, fakeHost } from '../support/host.ts';

export interface ExporterCase {
  /** As in the YAML, for a run in which all goes well. Each call may make a peer of its own. */
  config(): unknown | Promise<unknown>;
  /** Settings with which start must fail, and what its message must say of the place: an address, a file. */
  cannotStart?: { config(): unknown | Promise<unknown>; says: string | RegExp };
  /** Settings with a peer that never answers: stop must not wait for it past the deadline. */
  stuck?: { config(): unknown | Promise<unknown>; begun?(): Promise<void> };
}

const never = new AbortController().signal;

/** What every exporter holds, whatever else it does. Call it inside of the exporter's own `describe`. */
export function exporterContract(factory: Factory, { config, cannotStart, stuck }: ExporterCase): void {
  const make = async (settings: unknown): Promise<{ exporter: Exporter; host: FakeHost }> => {
    const host = fakeHost('exporter', factory.type);
    const made = factory as ExporterFactory;
    return { exporter: made.create(parse(made.config, settings), host), host };
  };
  const refusal = (consumed: Promise<void>) =>
    consumed.then(
      () => expect.fail('the batch was taken'),
      (error: unknown) => error as Error,
    );

  describe('as an exporter', () => {
    it('leaves a deep-frozen batch as it was, byte for byte', async () => {
      const { exporter } = await make(await config());
      await exporter.start?.(never);
      const batch = contractBatch();
      const before = bytesOf(batch);
      await exporter.consume(batch, never);
      await settle();
      await exporter.stop?.(never);
      expect(bytesOf(batch)).to.equal(before);
    });

    it('takes an empty batch', async () => {
      const { exporter } = await make(await config());
      await exporter.start?.(never);
      await exporter.consume([], never);
      await exporter.stop?.(never);
    });

    it('refuses a batch before its start and after its stop, and says so', async () => {
      const { exporter } = await make(await config());
      const early = await refusal(exporter.consume(contractBatch(), never));
      await exporter.start?.(never);
      await exporter.stop?.(never);
      const late = await refusal(exporter.consume(contractBatch(), never));
      for (const error of [early, late]) {
        expect(error).to.be.an('error');
        expect(error.message).to.match(/\w+ \w+/);
        // The data is good: another try, or another exporter, may still take it.
        expect(isPermanent(error)).to.equal(false);
      }
    });

    it('stops without having been started, and twice', async () => {
      const { exporter } = await make(await config());
      await exporter.stop?.(never);
      await exporter.start?.(never);
      await exporter.stop?.(never);
      await exporter.stop?.(never);
    });

    it('leaves no timer and nothing that keeps the process alive', async () => {
      const before = handles();
      const { exporter, host } = await make(await config());
      await exporter.start?.(never);
      await exporter.consume(contractBatch(), never);
      await settle();
      await exporter.stop?.(never);
      await settle();
      expect(host.clock.pending).to.equal(0);
      expect(handles()).to.be.at.most(before);
    });

    if (cannotStart) {
      it('says at what place it cannot start', async () => {
        const { exporter } = await make(await cannotStart.config());
        const error = await exporter.start!(never).then(
          () => expect.fail('it started'),
          (reason: unknown) => reason as Error,
        );
        if (typeof cannotStart.says === 'string') expect(error.message).to.contain(cannotStart.says);
        else expect(error.message).to.match(cannotStart.says);
        await exporter.stop?.(AbortSignal.abort());
      });
    }

    if (stuck) {
      it('ends its stop when the deadline has passed, though the other side hangs', async () => {
        const { exporter, host } = await make(await stuck.config());
        await exporter.start?.(never);
        const given = new AbortController();
        const consumed = exporter.consume(contractBatch(), given.signal).catch(() => {});
        await stuck.begun?.();
        const deadline = new AbortController();
        const stopped = exporter.stop?.(deadline.signal);
        await settle();
        deadline.abort(new Error('the drain deadline has passed'));
        given.abort(new Error('the drain deadline has passed'));
        await stopped;
        await consumed;
        await settle();
        expect(host.clock.pending).to.equal(0);
      });
    }
  });
}

/** Servers that listen and connections this process made: the runner's own are there before and after. */
function handles(): number {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => /^(TCPServerWrap|TLSWrap|PipeServerWrap|FSReqCallback)/.test(kind)).length;
}

/** Three gauges once with values, one of them stale, and once with times of their own; a counter of another source. */
function contractBatch(): Batch {
  const family = makeFamily('dns_up', 'gauge', 'Answers.');
  const series = ['a', 'b', 'c'].map((zone) => makeSeries(family, labelsOf({ __name__: 'dns_up', job: 'dns', zone })));
  const set = makeSet(series, { attributes: labelsOf({ 'k8s.node.name': 'n1' }) });
  const mixed = Float64Array.of(1, 2, 3);
  mixed.set(staleValues(1), 2);
  const timed: Snapshot = {
    set,
    values: Float64Array.of(4, 5, 6),
    time: 2000,
    times: Float64Array.of(2001, 2002, 2003),
  };
  const total = makeSeries(makeFamily('q_total', 'counter'), labelsOf({ __name__: 'q_total', job: 'other' }));
  return deepFreeze([
    { set, values: mixed, time: 1000 },
    timed,
    { set: makeSet([total]), values: Float64Array.of(7), time: 2000 },
  ]);
}

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
