import { expect } from 'chai';
import { HangingLookups } from '../../../receivers/dns_sockets/hanging.ts';

type Step = [seconds: number, sent: number, received: number, ...sockets: number[]];

function hanging(...steps: Step[]) {
  const lookups = new HangingLookups(1000);
  for (const [seconds, sent, received, ...sockets] of steps) {
    lookups.note({ time: seconds * 1000, sent, received, sockets });
  }
  return lookups.now();
}

describe('HangingLookups', () => {
  const finds = (what: string, count: number, longest: number, ...steps: Step[]) =>
    it(what, () => {
      expect(hanging(...steps)).to.deep.equal({ count, longest });
    });

  finds('finds nothing before it looked', 0, 0);
  finds('finds a socket that waits while nothing arrives', 1, 1, [0, 10, 10], [15, 12, 10, 7], [16, 12, 10, 7]);
  finds('finds several', 2, 5, [0, 10, 10], [15, 12, 10, 7], [19, 14, 10, 7, 8], [20, 14, 10, 7, 8]);
  finds('finds one that asks again when it was there at the first look', 1, 1, [0, 10, 10, 7], [1, 11, 10, 7]);
  finds('does not judge what was there at the first look and says nothing', 0, 0, [0, 10, 10, 7], [9, 10, 10, 7]);
  finds('waits for the time to pass', 0, 0, [0, 10, 10], [15, 12, 10, 7], [15.5, 12, 10, 7]);
  finds('a socket kept open after its answer does not hang', 0, 0, [0, 10, 10], [15, 12, 12, 7], [99, 12, 12, 7]);
  finds('what is answered between two looks does not hang', 0, 0, [0, 10, 10], [15, 12, 10, 7], [16, 12, 12, 7]);
  finds('another socket is another lookup', 0, 0, [0, 10, 10], [15, 12, 10, 7], [16, 14, 10, 8]);
  finds(
    'one that got its answer and asks anew may hang again',
    1,
    2,
    [0, 1, 1],
    [1, 2, 1, 7],
    [2, 2, 2, 7],
    [3, 3, 2, 7],
    [4, 3, 2, 7],
  );
  finds('forgets what went', 0, 0, [0, 10, 10], [15, 12, 10, 7], [16, 12, 10, 7], [17, 12, 10]);

  it('says whether a second look is worth its while', () => {
    const lookups = new HangingLookups(1000);
    expect(lookups.hasCandidates).to.equal(false);
    lookups.note({ time: 0, sent: 0, received: 0, sockets: [7] });
    expect(lookups.hasCandidates).to.equal(true);
  });
});
