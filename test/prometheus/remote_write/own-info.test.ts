import { expect } from 'chai';
import { formatLabels, labelsOf, makeFamily, makeSeries, makeSet, type Snapshot, staleValues } from '#metrics';
import { createRemoteWrite2Encoder, createRemoteWriteEncoder, type EncoderOptions } from '#prometheus';
import { setOf, snapshotOf } from '../../support/batch.ts';
import { PLAIN } from '../../support/encoder_options.ts';
import { decodeBody } from '../../support/write_request.ts';
import { decodeBody2 } from '../../support/write_request2.ts';

const T = 1_700_000_000_000;
const OPTIONS = PLAIN;
const STALE = '7ff0000000000002';
const ID = { job: 'j', instance: '127.0.0.1:9' };
const resource = { attributes: labelsOf({ 'url.scheme': 'http' }) };

const page = setOf(
  [
    ['b', ID],
    ['target_info', { ...ID, x: 'y', a: 'b' }],
  ],
  resource,
);
const report = setOf([['up', ID]], resource);
const alone = setOf([['b', ID]], resource);
const openMetrics = makeSet(
  [makeSeries(makeFamily('target', 'info'), labelsOf({ __name__: 'target_info', ...ID, x: 'y', a: 'b' }))],
  resource,
);
const ones = (set: typeof page, time: number): Snapshot => snapshotOf(set, Array(set.series.length).fill(1), time);
const stale = (set: typeof page, time: number): Snapshot => ({ set, values: staleValues(set.series.length), time });

const MADE = 'target_info{instance="127.0.0.1:9",job="j",server_port="9",url_scheme="http"}';
const OWN = 'target_info{a="b",instance="127.0.0.1:9",job="j",server_port="9",url_scheme="http",x="y"}';

const VERSIONS = { '1.0': createRemoteWriteEncoder, '2.0': createRemoteWrite2Encoder };

for (const [version, create] of Object.entries(VERSIONS)) {
  const using = (options: Partial<EncoderOptions> = {}) => {
    const encoder = create({ ...OPTIONS, ...options });
    return (...batch: Snapshot[]) =>
      encoder
        .encode(batch)
        .bodies.flatMap((body) => (version === '1.0' ? decodeBody(body.bytes) : decodeBody2(body.bytes)).series)
        .map(({ labels, samples }) => {
          const { bits } = samples[0]!;
          return `${formatLabels(labels)} ${bits === STALE ? 'stale' : samples[0]!.value}`;
        });
  };
  const told = (lines: readonly string[]) => lines.filter((line) => line.startsWith('target_info'));

  describe(`target_info of a page in ${version}`, () => {
    it('is the only one, with what the resource tells besides', () => {
      const encode = using();
      for (let round = 0; round < 12; round++) {
        const lines = encode(ones(page, T + round), ones(report, T + round));
        expect(lines).to.have.length(3);
        expect(told(lines)).to.deep.equal([`${OWN} 1`]);
      }
    });

    it('is found in OpenMetrics', () => {
      expect(told(using()(ones(openMetrics, T), ones(report, T)))).to.deep.equal([`${OWN} 1`]);
    });

    it('stays the only one on pages that change', () => {
      const encode = using();
      for (let round = 0; round < 12; round++) {
        const changed = makeSet(
          [...page.series, ...setOf([['c', { ...ID, i: String(round) }]], resource).series],
          resource,
        );
        expect(told(encode(ones(changed, T + round), ones(report, T + round)))).to.deep.equal([`${OWN} 1`]);
      }
    });

    it('ends the one that was made while the target was down, and no other is made when it is down again', () => {
      const encode = using();
      expect(told(encode(ones(report, T)))).to.deep.equal([`${MADE} 1`]);
      expect(told(encode(ones(page, T + 1), ones(report, T + 1)))).to.have.members([`${OWN} 1`, `${MADE} stale`]);
      expect(told(encode(ones(page, T + 2), ones(report, T + 2)))).to.deep.equal([`${OWN} 1`]);
      expect(told(encode(stale(page, T + 3), ones(report, T + 3)))).to.deep.equal([`${OWN} stale`]);
      expect(told(encode(ones(report, T + 4)))).to.deep.equal([]);
      expect(told(encode(ones(report, T + 3_700_000)))).to.deep.equal([`${MADE} 1`]);
    });

    it('is not sent where target_info is switched off, and counts as left out', () => {
      expect(using({ targetInfo: false })(ones(page, T), ones(report, T))).to.have.length(2);
      const { dropped, relabelled } = create({ ...OPTIONS, targetInfo: false }).encode([ones(page, T)]);
      expect({ dropped, relabelled }).to.deep.equal({ dropped: 0, relabelled: 1 });
    });

    it('stays as it is where the target is not known', () => {
      const set = setOf([['target_info', { x: 'y' }]]);
      expect(using()(ones(set, T))).to.deep.equal(['target_info{x="y"} 1']);
    });

    it('describes each target of a page of many', () => {
      const other = { job: 'j', instance: '127.0.0.1:8' };
      const set = setOf(
        [
          ['b', ID],
          ['target_info', { ...other, x: 'z' }],
          ['b', other],
        ],
        resource,
      );
      expect(told(using()(ones(set, T)))).to.have.members([
        `${MADE} 1`,
        'target_info{instance="127.0.0.1:8",job="j",server_port="8",url_scheme="http",x="z"} 1',
      ]);
    });

    it('becomes labels of all series where resource attributes do, and those stay while the target is down', () => {
      const encode = using({ resourceLabels: 'not-service' });
      const rest = '{a="b",instance="127.0.0.1:9",job="j",server_port="9",url_scheme="http",x="y"}';
      for (let round = 0; round < 4; round++) {
        const lines = encode(ones(page, T + round), ones(report, T + round));
        expect(lines).to.have.members([`b${rest} 1`, `target_info${rest} 1`, `up${rest} 1`]);
      }
      const down = encode(stale(page, T + 5), ones(report, T + 5));
      expect(down).to.have.members([`b${rest} stale`, `target_info${rest} stale`, `up${rest} 1`]);
      expect(encode(ones(report, T + 6))).to.deep.equal([`up${rest} 1`]);
      expect(encode(stale(alone, T + 7))).to.deep.equal([`b${rest} stale`]);
    });
  });
}
