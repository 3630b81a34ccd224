import { expect } from 'chai';
import { formatPromDuration, parseBase2Bytes, parsePromDuration } from '#prometheus';

describe('prometheus/config quantities', () => {
  const duration = (text: string, ms: number) =>
    it(`the duration ${text} is ${ms} ms`, () => expect(parsePromDuration(text)).to.equal(ms));
  duration('0', 0);
  duration('15s', 15_000);
  duration('1m30s', 90_000);
  duration('1500ms', 1500);
  duration('1d', 86_400_000);
  duration('1y2w3d4h5m6s7ms', 365 * 86_400_000 + 17 * 86_400_000 + 4 * 3_600_000 + 306_007);

  const noDuration = (text: string, message: string) =>
    it(`${JSON.stringify(text)} is no duration`, () => expect(() => parsePromDuration(text)).to.throw(message));
  noDuration('', 'empty duration string');
  noDuration('15', 'not a valid duration string: "15"');
  noDuration('1.5s', 'unknown unit "." in duration "1.5s"');
  noDuration('-1s', 'not a valid duration string: "-1s"');
  noDuration('1s1m', 'not a valid duration string: "1s1m"');
  noDuration('1m1m', 'not a valid duration string: "1m1m"');
  noDuration('2notseconds', 'unknown unit "notseconds" in duration "2notseconds"');
  noDuration('300y', 'duration out of range');

  const shown = (ms: number, text: string) =>
    it(`${ms} ms is written ${text}`, () => expect(formatPromDuration(ms)).to.equal(text));
  shown(0, '0s');
  shown(1500, '1s500ms');
  shown(90_000, '1m30s');
  shown(90 * 86_400_000, '90d');
  shown(14 * 86_400_000, '2w');

  const bytes = (text: string, count: number | undefined) =>
    it(`${text} is ${count ?? 'no number of'} bytes`, () => expect(parseBase2Bytes(text)).to.equal(count));
  bytes('0', 0);
  bytes('22B', 22);
  bytes('15MB', 15 * 1024 ** 2);
  bytes('15MiB', 15 * 1024 ** 2);
  bytes('1.5KB', 1536);
  bytes('1GB512MB', 1.5 * 1024 ** 3);
  bytes('100', undefined);
  bytes('-1MB', undefined);
  bytes('1mb', undefined);
});
