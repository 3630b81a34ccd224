import { expect } from 'chai';
import type { Consumer } from '#component';
import { processorInlet, processorOutlet } from '../../src/pipeline/edge.ts';
import { MeterRegistry } from '../../src/telemetry/meter.ts';
import { FakeClock, settle } from '../support/clock.ts';

const { signal } = new AbortController();

describe("a processor's own time", () => {
  function rig() {
    const clock = new FakeClock();
    const meters = new MeterRegistry();
    const { meter } = meters.scope({ processor: 'p' });
    const outlet = processorOutlet(clock, meter);
    /** Takes 100 ms itself, then hands on. */
    const processor: Consumer = {
      async consume(batch, abort) {
        await new Promise<void>((resolve) => clock.after(100, resolve));
        await outlet.consume(batch, abort);
      },
    };
    const inlet = processorInlet(processor, outlet, clock, meter);
    outlet.connect({ consume: () => new Promise<void>((resolve) => clock.after(1000, resolve)) });
    const family = meters.families().find(({ name }) => name === 'otelcol_processor_internal_duration')!;
    const recorded: number[] = [];
    family.sink = (value) => recorded.push(value);
    return { clock, inlet, family, recorded };
  }

  it('is without what follows took, also when batches overlap', async () => {
    const { clock, inlet, recorded } = rig();
    const both = [inlet.consume([], signal)];
    await clock.advance(50);
    both.push(inlet.consume([], signal));
    for (let i = 0; i < 30; i++) {
      await clock.advance(50);
      await settle();
    }
    await Promise.all(both);
    expect(recorded).to.deep.equal([0.1, 0.1]);
  });

  it('is counted in buckets of seconds that tell milliseconds apart', () => {
    const { boundaries } = rig().family;
    expect(boundaries).to.include.members([0.0001, 0.001, 0.01, 0.1, 1, 10]);
  });
});
