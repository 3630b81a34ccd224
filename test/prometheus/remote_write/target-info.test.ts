import { expect } from 'chai';
import { labelsOf, makeFamily, makeSeries, makeSet, type Snapshot, staleValues } from '#metrics';
import { createRemoteWrite2Encoder, createRemoteWriteEncoder, type EncoderOptions } from '#prometheus';
import { snapshotOf } from '../../support/batch.ts';
import { PLAIN } from '../../support/encoder_options.ts';
import { decodeBody } from '../../support/write_request.ts';
import { decodeBody2 } from '../../support/write_request2.ts';

const T = 1_700_000_000_000;
const OPTIONS: EncoderOptions = { ...PLAIN, lanes: 3 };

const resource = { attributes: labelsOf({ 'k8s.pod.name': 'p' }) };
const setNamed = (name: string, count: number, instance = 'a:1') =>
  makeSet(
    Array.from({ length: count }, (_, i) =>
      makeSeries(makeFamily(name, 'gauge'), labelsOf({ __name__: name, i: String(i), instance, job: 'j' })),
    ),
    resource,
  );
const page = setNamed('m', 600);
const report = setNamed('up', 1);
const ones = (set: typeof page, time: number): Snapshot => snapshotOf(set, Array(set.series.length).fill(1), time);
const stale = (set: typeof page, time: number): Snapshot => ({ set, values: staleValues(set.series.length), time });

const VERSIONS = {
  '1.0': () => {
    const encoder = createRemoteWriteEncoder(OPTIONS);
    return (batch: Snapshot[]) => encoder.encode(batch).bodies.flatMap((body) => decodeBody(body.bytes).series);
  },
  '2.0': () => {
    const encoder = createRemoteWrite2Encoder(OPTIONS);
    return (batch: Snapshot[]) => encoder.encode(batch).bodies.flatMap((body) => decodeBody2(body.bytes).series);
  },
};

for (const [version, make] of Object.entries(VERSIONS)) {
  describe(`target_info in ${version}`, () => {
    const told = (series: ReturnType<ReturnType<typeof make>>) =>
      series
        .filter(({ labels }) => labels[1] === 'target_info')
        .map(({ samples, labels }) => `${labels[3]} ${samples[0]!.time - T} ${samples[0]!.bits.slice(0, 4)}`);

    it('is told once for a moment, whatever else a source reports of it', () => {
      const encode = make();
      for (let round = 0; round < 6; round++) {
        const series = encode([ones(page, T + round), ones(report, T + round)]);
        expect(series).to.have.length(602);
        expect(told(series)).to.deep.equal([`a:1 ${round} 3ff0`]);
      }
    });

    it('is told once when what a source reports of a moment comes in two batches', () => {
      const encode = make();
      expect(told(encode([ones(page, T)]))).to.deep.equal(['a:1 0 3ff0']);
      expect(told(encode([ones(report, T), ones(report, T + 5)]))).to.deep.equal(['a:1 5 3ff0']);
    });

    it('leaves nothing behind where it is not told', () => {
      const encode = make();
      for (let round = 0; round < 6; round++) {
        expect(told(encode([ones(report, T + round)]))).to.have.length(1);
        // The strict decoder takes no string that nothing refers to.
        expect(told(encode([ones(page, T + round)]))).to.deep.equal([]);
      }
    });

    it('is stale only when all of the source is', () => {
      const encode = make();
      expect(told(encode([stale(page, T), ones(report, T)]))).to.deep.equal(['a:1 0 3ff0']);
      expect(told(encode([ones(page, T + 1), stale(report, T + 1)]))).to.deep.equal(['a:1 1 3ff0']);
      expect(told(encode([stale(page, T + 2), stale(report, T + 2)]))).to.deep.equal(['a:1 2 7ff0']);
    });

    it('is told for each source', () => {
      const sets = Array.from({ length: 200 }, (_, i) => setNamed('m', 2, `a:${i}`));
      const encode = make();
      for (const time of [T, T + 1]) {
        expect(new Set(told(encode(sets.map((set) => ones(set, time)))))).to.have.property('size', 200);
      }
    });
  });
}
