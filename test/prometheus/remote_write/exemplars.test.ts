import { expect } from 'chai';
import { type Exemplar, labelsOf } from '#metrics';
import { createRemoteWrite2Encoder, createRemoteWriteEncoder, type EncoderOptions } from '#prometheus';
import { setOf, snapshotOf } from '../../support/batch.ts';
import { PLAIN } from '../../support/encoder_options.ts';
import { type DecodedSeries, decodeBody } from '../../support/write_request.ts';
import { decodeBody2 } from '../../support/write_request2.ts';

const T = 1_700_000_000_000;
const OPTIONS: EncoderOptions = { ...PLAIN, targetInfo: false };
const set = setOf([['a'], ['b']]);
const exemplar = (index: number, trace: string, value: number, timestamp?: number): Exemplar => ({
  index,
  labels: labelsOf({ trace_id: trace }),
  value,
  ...(timestamp && { timestamp }),
});

for (const version of [1, 2] as const) {
  describe(`exemplars in ${version}.0`, () => {
    /** What of these scrapes' exemplars is sent, as `series trace@time`, and how many were too old. */
    function sent(...scrapes: Exemplar[][]): [string[][], number] {
      const encoder = version === 1 ? createRemoteWriteEncoder(OPTIONS) : createRemoteWrite2Encoder(OPTIONS);
      let old = 0;
      const told = scrapes.map((exemplars, n) => {
        const { bodies, oldExemplars } = encoder.encode([{ ...snapshotOf(set, [1, 2], T + n), exemplars }]);
        old = oldExemplars;
        const series: DecodedSeries[] = bodies.flatMap(({ bytes }) =>
          version === 1 ? decodeBody(bytes).series : decodeBody2(bytes).series,
        );
        expect(series.reduce((sum, { samples }) => sum + samples.length, 0)).to.equal(2);
        return series.flatMap(({ labels, exemplars: own = [] }) =>
          own.map((one) => `${labels[1]} ${one.labels[1]}@${one.time - T}`),
        );
      });
      return [told, old];
    }

    it('that stay on the page are sent once', () => {
      const page = [exemplar(0, 'x', 1, T - 5), exemplar(1, 'x', 1, T - 5)];
      expect(sent(page, page, page)).to.deep.equal([[['a x@-5', 'b x@-5'], [], []], 0]);
    });

    it('without a time that stay on the page are sent once, with the time of the first scrape', () => {
      const scrapes = [[exemplar(0, 'x', 1)], [exemplar(0, 'x', 1)], [exemplar(0, 'x', 2)], [exemplar(0, 'y', 2)]];
      expect(sent(...scrapes)).to.deep.equal([[['a x@0'], [], ['a x@2'], ['a y@3']], 0]);
    });

    it('that get a time are new', () => {
      expect(sent([exemplar(0, 'x', 1)], [exemplar(0, 'x', 1, T + 1)])).to.deep.equal([[['a x@0'], ['a x@1']], 0]);
    });

    it('that are older than the last one of their series are left out and counted', () => {
      const scrapes = [[exemplar(0, 'x', 1, T)], [exemplar(0, 'y', 1, T - 1)], [exemplar(0, 'z', 1, T + 1)]];
      expect(sent(...scrapes)).to.deep.equal([[['a x@0'], [], ['a z@1']], 1]);
    });

    it('of one moment are all sent, in the order of their values', () => {
      const many = [exemplar(0, 'x', 1, T), exemplar(0, 'y', 2, T), exemplar(0, 'z', 1, T)];
      expect(sent(many)).to.deep.equal([[['a x@0', 'a y@0']], 1]);
    });
  });
}
