import { expect } from 'chai';
import { follow } from '#metrics';
import { random } from '../support/random.ts';

const items = Array.from({ length: 200 }, (_, i) => ({ i }));
const at = (...indexes: number[]) => indexes.map((i) => items[i]!);

const follows = (title: string, before: number[], now: number[], want: number[]) =>
  it(title, () => expect([...follow(at(...before), at(...now))]).to.deep.equal(want));

describe('follow', () => {
  follows('finds what stays', [1, 2, 3], [1, 2, 3], [0, 1, 2]);
  follows('tells what is new', [1, 3], [1, 2, 3, 4], [0, -1, 1, -1]);
  follows('passes over what is gone', [1, 2, 3, 4], [1, 4], [0, 3]);
  follows('finds what another replaced', [1, 2, 3], [1, 9, 3], [0, -1, 2]);
  follows('finds what moved', [1, 2, 3], [3, 1, 2], [2, 0, 1]);
  follows('follows an item as often as it was there', [1, 1, 2], [1, 1, 1, 2], [0, 1, -1, 2]);
  follows('finds nothing in nothing', [], [1], [-1]);

  it('agrees with a look-up of every item, whatever comes, goes and moves', () => {
    const rnd = random(5);
    for (let round = 0; round < 300; round++) {
      let now = items.slice(0, Math.floor(rnd() * 150));
      const before = now.filter(() => rnd() < 0.9);
      now = now.filter(() => rnd() < 0.9);
      if (rnd() < 0.3) now.sort(() => rnd() - 0.5);
      if (rnd() < 0.3) now = [...now.slice(40), ...now.slice(0, 40)];
      if (rnd() < 0.2) before.splice(0, 60);
      expect([...follow(before, now)]).to.deep.equal(now.map((item) => before.indexOf(item)));
    }
  });
});
