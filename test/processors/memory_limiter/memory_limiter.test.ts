import { totalmem } from 'node:os';
import { expect } from 'chai';
import { isMemoryShort, isPermanent, type ProcessorFactory } from '#component';
import { parse } from '#config';
import { MemoryLimiter } from '../../../processors/memory_limiter/limiter.ts';
import { type LimiterConfig, limitsOf } from '../../../processors/memory_limiter/limits.ts';
import { processMemory } from '../../../processors/memory_limiter/memory.ts';
import memoryLimiter from '../../../processors/memory_limiter/memory_limiter.ts';
import { processorContract } from '../../contract/processor.ts';
import { setOf, snapshotOf } from '../../support/batch.ts';
import { fakeHost, sink } from '../../support/host.ts';

const MIB = 1024 * 1024;
const signal = new AbortController().signal;
const read = (config: unknown) => parse((memoryLimiter as ProcessorFactory).config, config) as LimiterConfig;
const batch = [snapshotOf(setOf([['a'], ['b']]), [1, 2])];

/** A limiter of 100 MiB, soft 80, over memory that the test sets. */
async function make(config: Record<string, unknown> = {}) {
  const host = fakeHost('processor', 'memory_limiter');
  const next = sink();
  const memory = { mib: 10, garbage: 0, collections: 0, rooms: [] as number[] };
  const limiter = new MemoryLimiter(read({ check_interval: '1s', limit_mib: 100, ...config }), host, next, {
    used: () => memory.mib * MIB,
    total: () => 1000 * MIB,
    collect: () => {
      memory.mib -= memory.garbage;
      memory.garbage = 0;
      memory.collections++;
    },
    leaveRoom: (room) => void memory.rooms.push(room / MIB),
  });
  await limiter.start();
  const taken = () =>
    limiter.consume(batch, signal).then(
      () => true,
      () => false,
    );
  return { host, next, memory, limiter, taken };
}

describe('processors/memory_limiter', () => {
  processorContract(memoryLimiter, { config: { check_interval: '1s', limit_mib: 100_000 } });

  it('refuses above the soft limit with an error that may be retried, and takes data again below it', async () => {
    const { host, next, memory, limiter, taken } = await make();
    memory.mib = 81;
    expect(await taken()).to.equal(true);
    await host.clock.advance(1000);
    const refusal = await limiter.consume(batch, signal).catch((error: unknown) => error);
    expect(refusal).to.be.an('error');
    expect(isPermanent(refusal)).to.equal(false);
    memory.mib = 80;
    await host.clock.advance(1000);
    expect(await taken()).to.equal(true);
    expect(next.batches).to.have.length(2);
    expect(host.metric('otelcol_processor_memory_limiter_refused_metric_points')).to.equal(2);
    expect(host.metric('otelcol_processor_memory_limiter_accepted_metric_points')).to.equal(4);
    expect(host.logs.filter((l) => l.level !== 'debug').map((l) => l.level)).to.deep.equal(['warn', 'info']);
  });

  it('looks again when data comes, no more often than every 50 ms, and says what room is left', async () => {
    const { host, memory, taken, limiter } = await make();
    memory.mib = 81;
    await host.clock.advance(49);
    expect(await taken()).to.equal(true);
    await host.clock.advance(1);
    expect(await taken()).to.equal(false);
    expect(memory.rooms).to.deep.equal([70, -1]);
    await limiter.stop();
    expect(memory.rooms.at(-1)).to.equal(Number.POSITIVE_INFINITY);
  });

  it('refuses with an error that tells whoever keeps much to let go of it', async () => {
    const { memory, host, limiter } = await make();
    memory.mib = 90;
    await host.clock.advance(1000);
    const refusal = await limiter.consume(batch, signal).catch((error: unknown) => error);
    expect(isMemoryShort(new Error('several', { cause: new AggregateError([new Error('x'), refusal]) }))).to.equal(
      true,
    );
    expect(isMemoryShort(new Error('the sending queue is full'))).to.equal(false);
  });

  it('measures at its start, before the first interval', async () => {
    const host = fakeHost('processor');
    const memory = { used: () => 200 * MIB, total: () => 1000 * MIB, collect: () => {}, leaveRoom: () => {} };
    const limiter = new MemoryLimiter(read({ check_interval: '1s', limit_mib: 100 }), host, sink(), memory);
    await limiter.start();
    expect(await limiter.consume(batch, signal).catch(() => 'refused')).to.equal('refused');
  });

  it('goes on taking data when collecting garbage is enough', async () => {
    const { host, memory, taken } = await make();
    memory.mib = 120;
    memory.garbage = 60;
    await host.clock.advance(1000);
    expect(memory.collections).to.equal(1);
    expect(await taken()).to.equal(true);
  });

  it('collects at every check above the hard limit, and every ten seconds above the soft one', async () => {
    const { host, memory } = await make();
    memory.mib = 101;
    await host.clock.advance(5000);
    expect(memory.collections).to.equal(5);
    memory.mib = 90;
    await host.clock.advance(9000);
    expect(memory.collections).to.equal(5);
    await host.clock.advance(1000);
    expect(memory.collections).to.equal(6);
  });

  it('keeps to min_gc_interval_when_hard_limited', async () => {
    const { host, memory } = await make({ min_gc_interval_when_hard_limited: '3s' });
    memory.mib = 101;
    await host.clock.advance(7000);
    expect(memory.collections).to.equal(3);
  });

  it('refuses nothing while the agent drains', async () => {
    const { host, memory, limiter, taken } = await make();
    memory.mib = 90;
    await host.clock.advance(1000);
    await limiter.stop();
    expect(await taken()).to.equal(true);
  });

  describe('limits', () => {
    const gives = (config: Record<string, unknown>, hard: number, soft: number) =>
      it(`of ${JSON.stringify(config)} in 1000 MiB are ${hard} and ${soft} MiB`, () => {
        const limits = limitsOf(read({ check_interval: '1s', ...config }), 1000 * MIB);
        expect(limits).to.deep.equal({ hard: hard * MIB, soft: soft * MIB });
      });
    gives({ limit_mib: 4000, spike_limit_mib: 500 }, 4000, 3500);
    gives({ limit_mib: 100 }, 100, 80);
    gives({ limit_percentage: 50 }, 500, 400);
    gives({ limit_percentage: 75, spike_limit_percentage: 25 }, 750, 500);
    gives({ limit_mib: 100, limit_percentage: 50, spike_limit_percentage: 10 }, 100, 80);
  });

  describe('configuration', () => {
    const refuses = (config: unknown, ...words: string[]) =>
      it(`refuses ${JSON.stringify(config)}`, () => {
        expect(() => read(config))
          .to.throw()
          .and.to.have.property('message')
          .that.contains(words.join(': '));
      });
    refuses({ limit_mib: 100 }, 'check_interval', 'is missing');
    refuses({ check_interval: '0s', limit_mib: 100 }, 'check_interval', 'must be greater than 0');
    refuses({ check_interval: '1s' }, 'needs limit_mib or limit_percentage');
    refuses({ check_interval: '1s', limit_mib: -2000 }, 'limit_mib', 'must be a whole number of at least 0');
    refuses({ check_interval: '1s', limit_mib: 100, spike_limit_mib: 100 }, 'spike_limit_mib', 'must be smaller');
    refuses({ check_interval: '1s', limit_percentage: 101 }, 'limit_percentage', 'must be a whole number');
    refuses(
      { check_interval: '1s', limit_percentage: 50, spike_limit_percentage: 60 },
      'spike_limit_percentage',
      'must be smaller',
    );
    refuses(
      { check_interval: '1s', limit_mib: 9, min_gc_interval_when_hard_limited: '11s' },
      'min_gc_interval_when_soft_limited',
      'must not be less',
    );
  });

  describe('the process’ memory', () => {
    it('counts buffers outside of the heap, and no longer once they are gone', () => {
      const before = processMemory.used();
      let buffer: Buffer | undefined = Buffer.alloc(64 * MIB, 1);
      expect(processMemory.used() - before).to.be.greaterThan(60 * MIB);
      expect(buffer.length).to.equal(64 * MIB);
      buffer = undefined;
      processMemory.collect();
      expect(processMemory.used() - before).to.be.lessThan(10 * MIB);
    });

    it('has a total of at most the machine’s', () => {
      expect(processMemory.total()).to.be.greaterThan(0).and.at.most(totalmem());
    });
  });
});
