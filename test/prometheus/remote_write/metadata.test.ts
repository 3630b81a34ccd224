import { expect } from 'chai';
import { type Family, labelsOf, type MetricType, makeFamily, makeSeries, makeSet, type Snapshot } from '#metrics';
import { createMetadataEncoder, halveBody, joinBodies, type MetadataOptions } from '#prometheus';
import { FakeClock } from '../../support/clock.ts';
import { decodeBody } from '../../support/write_request.ts';

const clock = () => new FakeClock();
const encoderWith = (options: Partial<MetadataOptions> = {}) =>
  createMetadataEncoder({
    clock: clock(),
    namespace: '',
    suffixes: false,
    maxLength: 1_000_000,
    interval: 60_000,
    ...options,
  });

const snapshotOfFamilies = (...families: Family[]): Snapshot => ({
  set: makeSet(families.map((family) => makeSeries(family, labelsOf({ __name__: family.name })))),
  values: new Float64Array(families.length),
  time: 0,
});

const decoded = (bodies: ReturnType<ReturnType<typeof encoderWith>>) =>
  bodies.flatMap((b) => decodeBody(b.bytes).metadata);

describe('remote-write metadata', () => {
  it('tells name, type, help and unit of each family once', () => {
    const encode = encoderWith();
    const a = makeFamily('a', 'counter', 'Größe', 'bytes');
    const b = makeFamily('b');
    const batch = [snapshotOfFamilies(a, a, b), snapshotOfFamilies(b)];
    expect(decoded(encode(batch))).to.deep.equal([
      { type: 1, name: 'a', help: 'Größe', unit: 'bytes' },
      { type: 0, name: 'b', help: '', unit: '' },
    ]);
    expect(encode(batch)).to.deep.equal([]);
  });

  it('tells again what has changed, and everything after the interval', async () => {
    const time = clock();
    const encode = encoderWith({ clock: time });
    encode([snapshotOfFamilies(makeFamily('a', 'gauge', 'Old.'))]);
    const changed = snapshotOfFamilies(makeFamily('a', 'gauge', 'New.'));
    expect(decoded(encode([changed])).map((m) => m.help)).to.deep.equal(['New.']);
    await time.advance(59_999);
    expect(encode([changed])).to.deep.equal([]);
    await time.advance(1);
    expect(decoded(encode([changed])).map((m) => m.help)).to.deep.equal(['New.']);
  });

  it('knows all eight types by their numbers', () => {
    const types: MetricType[] = [
      'unknown',
      'counter',
      'gauge',
      'histogram',
      'gaugehistogram',
      'summary',
      'info',
      'stateset',
    ];
    const got = decoded(encoderWith()([snapshotOfFamilies(...types.map((type) => makeFamily(type, type)))]));
    expect(got.map((m) => m.type)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('names families as their series are named', () => {
    const encode = encoderWith({ namespace: 'ns', suffixes: true });
    expect(decoded(encode([snapshotOfFamilies(makeFamily('a.b', 'counter'))]))[0]!.name).to.equal('ns_a_b_total');
  });

  it('keeps bodies under the limit; halves and joined ones stay right', () => {
    const families = Array.from({ length: 40 }, (_, i) => makeFamily(`f${i}`, 'gauge', 'x'.repeat(50)));
    const bodies = encoderWith({ maxLength: 500 })([snapshotOfFamilies(...families)]);
    expect(bodies.every((b) => b.length <= 500 && b.samples === 0)).to.equal(true);
    const halves = halveBody(joinBodies(bodies))!;
    expect(decoded(halves).map((m) => m.name)).to.deep.equal(families.map((f) => f.name));
    expect(halves.map((h) => h.samples)).to.deep.equal([0, 0]);
  });
});
