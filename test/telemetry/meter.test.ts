import { expect } from 'chai';
import { MeterRegistry } from '../../src/telemetry/meter.ts';

describe('MeterRegistry', () => {
  it('gives one counter for the same name and attributes of a component', () => {
    const { meter } = new MeterRegistry().scope({ exporter: 'e' });
    expect(meter.counter('c', { attributes: { reason: 'x' } })).to.equal(
      meter.counter('c', { attributes: { reason: 'x' } }),
    );
    expect(meter.counter('c', { attributes: { reason: 'y' } })).to.not.equal(meter.counter('c'));
  });

  it('adds up what two instances of a component count under the same attributes', () => {
    const registry = new MeterRegistry();
    for (const n of [1, 2]) registry.scope({ processor: 'batch' }).meter.counter('c').add(n);
    expect(registry.families().map((f) => f.read())).to.deep.equal([
      [{ value: 3, attributes: { processor: 'batch' } }],
    ]);
  });

  it('forgets what a closed scope made', () => {
    const registry = new MeterRegistry();
    const { meter, close } = registry.scope({ receiver: 'r' });
    meter.counter('c').add(1);
    meter.gauge('g', () => 5);
    expect(registry.value('g', { receiver: 'r' })).to.equal(5);
    close();
    expect(registry.value('c')).to.equal(undefined);
    expect(registry.value('g')).to.equal(undefined);
  });

  it('leaves a gauge out that has no value right now', () => {
    const registry = new MeterRegistry();
    registry.scope({}).meter.gauge('g', () => undefined);
    expect(registry.families()[0]!.read()).to.deep.equal([]);
  });

  it('tells a watcher of families before and after', () => {
    const registry = new MeterRegistry();
    const { meter } = registry.scope({});
    meter.counter('before');
    const seen: string[] = [];
    registry.watch((family) => seen.push(family.name));
    meter.histogram('after');
    meter.counter('before', { attributes: { again: true } });
    expect(seen).to.deep.equal(['before', 'after']);
  });

  it('records histograms once somebody takes them', () => {
    const registry = new MeterRegistry();
    const histogram = registry.scope({ processor: 'p' }).meter.histogram('h', { boundaries: [1, 2] });
    histogram.record(1);
    const recorded: unknown[] = [];
    registry.watch((family) => {
      expect(family.boundaries).to.deep.equal([1, 2]);
      family.sink = (value, attributes) => recorded.push([value, attributes]);
    });
    histogram.record(3);
    expect(recorded).to.deep.equal([[3, { processor: 'p' }]]);
  });

  it('refuses a name that is of another kind already', () => {
    const { meter } = new MeterRegistry().scope({});
    meter.counter('c');
    expect(() => meter.gauge('c', () => 1)).to.throw('c is a counter already, not a gauge');
  });
});
