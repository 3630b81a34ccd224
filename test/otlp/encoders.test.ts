import { expect } from 'chai';
import { markStale, staleValues } from '#metrics';
import { createJsonEncoder, createProtobufEncoder, nanosOf, nanosText, StartTimes } from '#otlp';
import { batchOf, snapshotOf } from '../support/batch.ts';
import { decodeRequest, EVERY_VALUE, everyType, flatPoints, pageOf, SCOPE, withoutDefaults } from '../support/otlp.ts';

const both = (batch: Parameters<StartTimes['stamp']>[0]) => {
  const stamped = new StartTimes().stamp(batch);
  return {
    protobuf: decodeRequest(createProtobufEncoder(SCOPE).encode(stamped)),
    json: JSON.parse(createJsonEncoder(SCOPE).encode(stamped)),
  };
};

describe('OTLP encoders', () => {
  it('say the same in protobuf and in JSON', () => {
    const set = everyType();
    const other = pageOf([['gauge', 'g', ['g', { otel_scope_name: 'lib', otel_scope_schema_url: 'https://s/1' }]]]);
    const stale = { set, values: staleValues(set.series.length), time: 1_700_000_060_000 };
    const { protobuf, json } = both(batchOf(snapshotOf(set, EVERY_VALUE), snapshotOf(other, [-0]), stale));
    expect(withoutDefaults(json)).to.deep.equal(withoutDefaults(protobuf));
    expect(flatPoints(protobuf)).to.have.length(17);
  });

  it('give a stale point the flag and no value', () => {
    const set = everyType();
    const { protobuf } = both([{ set, values: staleValues(set.series.length), time: 1_700_000_000_000 }]);
    const all = flatPoints(protobuf);
    expect(all.every(({ point }) => point.flags === 1)).to.equal(true);
    expect(all.every(({ point }) => point.timeUnixNano === '1700000000000000000')).to.equal(true);
    expect(all.filter(({ point }) => 'asDouble' in point)).to.deep.equal([]);
    const histogram = all.find(({ data }) => data === 'histogram')!.point;
    expect(histogram).to.include({ count: '0', flags: 1 }).and.not.have.property('sum');
    expect(histogram).to.deep.include({ bucketCounts: ['0', '0', '0'], explicitBounds: [0.5, 2] });
  });

  it('tell a staleness marker from a NaN', () => {
    const set = pageOf([['gauge', 'g', ['g', { n: '1' }], ['g', { n: '2' }]]]);
    const values = Float64Array.of(Number.NaN, 0);
    markStale(values, 1);
    const { protobuf, json } = both([{ set, values, time: 1_700_000_000_000 }]);
    expect(flatPoints(json).map(({ point }) => point)).to.deep.equal([
      { timeUnixNano: '1700000000000000000', asDouble: 'NaN' },
      { timeUnixNano: '1700000000000000000', flags: 1 },
    ]);
    expect(withoutDefaults(json)).to.deep.equal(withoutDefaults(protobuf));
  });

  it('use the template again without anything left from the sample before', () => {
    const set = everyType();
    const { encode } = createProtobufEncoder(SCOPE);
    const first = [{ snapshot: snapshotOf(set, EVERY_VALUE), starts: new Float64Array(4) }];
    const before = Buffer.from(encode(first));
    encode([
      { snapshot: { ...first[0]!.snapshot, values: staleValues(EVERY_VALUE.length) }, starts: new Float64Array(4) },
    ]);
    expect(Buffer.from(encode(first)).equals(before)).to.equal(true);
  });

  it('give each sample the time it has', () => {
    const set = pageOf([['counter', 'x', ['x_total', { n: '1' }], ['x_total', { n: '2' }]]]);
    const snapshot = { ...snapshotOf(set, [1, 2]), times: Float64Array.of(1_600_000_000_000, 1_600_000_000_001.5) };
    const { protobuf, json } = both([snapshot]);
    expect(flatPoints(json).map(({ point }) => point.timeUnixNano)).to.deep.equal([
      '1600000000000000000',
      '1600000000001500000',
    ]);
    expect(withoutDefaults(json)).to.deep.equal(withoutDefaults(protobuf));
  });

  it('write an empty request for an empty batch', () => {
    expect(both([])).to.deep.equal({ protobuf: {}, json: { resourceMetrics: [] } });
  });

  it('hold strings of every length', () => {
    const long = 'ü'.repeat(10_000);
    const { protobuf, json } = both([snapshotOf(pageOf([['gauge', 'g', ['g', { long, quote: '"\n\\' }]]]), [1])]);
    expect(flatPoints(protobuf)[0]!.attributes).to.deep.equal({ long, quote: '"\n\\' });
    expect(withoutDefaults(json)).to.deep.equal(withoutDefaults(protobuf));
  });

  const nanos = (ms: number, want: string) =>
    it(`write ${ms} ms as ${want} ns`, () => {
      const { low, high } = nanosOf(ms);
      expect(String((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))).to.equal(want);
      expect(nanosText(ms)).to.equal(want);
    });
  nanos(0, '0');
  nanos(-5, '0');
  nanos(Number.NaN, '0');
  nanos(1, '1000000');
  nanos(1_700_000_000_000, '1700000000000000000');
  nanos(1_700_000_000_123, '1700000000123000000');
  nanos(1_700_000_000_123.5, '1700000000123500000');
  nanos(4_294_967_295_999, '4294967295999000000');
  nanos(1_048_575.9999999, '1048576000000');
});
