import { expect } from 'chai';
import { type Fresh, type FreshOptions, keepFresh } from '#kit';
import { FakeClock, settle } from '../support/clock.ts';

const never = new AbortController().signal;
const MINUTE = 60_000;

interface Rig {
  clock: FakeClock;
  fresh: Fresh<string>;
  /** How many loads were begun. */
  loads(): number;
  /** What the next loads do: give a value, or fail. */
  next(load: (signal: AbortSignal) => Promise<string>): void;
  failed: number[];
}

/** Values `v1`, `v2`, … that live an hour and are replaced five minutes before. */
function rig(options: Partial<FreshOptions<string>> = {}): Rig {
  const clock = new FakeClock();
  let loads = 0;
  const usual = async () => `v${loads}`;
  let load: (signal: AbortSignal) => Promise<string> = usual;
  const failed: number[] = [];
  const fresh = keepFresh<string>({
    clock,
    timeout: 10_000,
    life: () => 60 * MINUTE,
    buffer: 5 * MINUTE,
    load(signal) {
      loads++;
      return load(signal);
    },
    onFailed: (_, left) => failed.push(left),
    ...options,
  });
  const next = (one: typeof load) => {
    load = one;
  };
  return { clock, fresh, loads: () => loads, next, failed };
}

const failing = async () => {
  throw new Error('no');
};
const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.fail('it gave a value'),
    (e) => e,
  );

describe('keepFresh', () => {
  it('loads nothing before the first call, and once for all who wait', async () => {
    const { fresh, loads, next } = rig();
    expect(loads()).to.equal(0);
    let give = (_: string) => {};
    next(() => new Promise((resolve) => (give = resolve)));
    const all = Promise.all(Array.from({ length: 50 }, () => fresh.get(never)));
    await settle();
    give('a');
    expect(new Set(await all)).to.deep.equal(new Set(['a']));
    expect(loads()).to.equal(1);
  });

  it('replaces a value five minutes before its end, in the background', async () => {
    const { clock, fresh, loads } = rig();
    await fresh.get(never);
    await clock.advance(54 * MINUTE);
    expect(await fresh.get(never)).to.equal('v1');
    expect(loads()).to.equal(1);
    await clock.advance(MINUTE);
    expect(await fresh.get(never)).to.equal('v1');
    await settle();
    expect(await fresh.get(never)).to.equal('v2');
    expect(loads()).to.equal(2);
  });

  it('replaces a short-lived value at half of its life, not at each call', async () => {
    const { clock, fresh, loads } = rig({ life: () => 4 * MINUTE });
    await fresh.get(never);
    await clock.advance(MINUTE);
    await fresh.get(never);
    expect(loads()).to.equal(1);
    await clock.advance(MINUTE);
    await fresh.get(never);
    expect(loads()).to.equal(2);
  });

  it('replaces one that lives little longer than the five minutes no sooner than after ten seconds', async () => {
    const { clock, fresh, loads } = rig({ life: () => 5 * MINUTE + 2000 });
    for (let second = 0; second < 60; second++) {
      await fresh.get(never);
      await clock.advance(1000);
    }
    expect(loads()).to.equal(6);
  });

  it('keeps the old value while loading fails, with longer and longer pauses, to its end and no longer', async () => {
    const { clock, fresh, loads, next, failed } = rig();
    await fresh.get(never);
    next(failing);
    await clock.advance(55 * MINUTE);
    for (let second = 0; second < 299; second++) {
      expect(await fresh.get(never)).to.equal('v1');
      await clock.advance(1000);
    }
    expect(loads()).to.be.within(12, 18);
    expect(failed[0]).to.equal(5 * MINUTE);
    await clock.advance(1000);
    expect((await failure(fresh.get(never))).message).to.equal('no');
  });

  it('gives the last failure at once during a pause, and loads again after it', async () => {
    const { clock, fresh, loads, next } = rig();
    next(failing);
    await failure(fresh.get(never));
    await failure(fresh.get(never));
    expect(loads()).to.equal(1);
    next(async () => 'good');
    await clock.advance(1000);
    expect(await fresh.get(never)).to.equal('good');
  });

  it('gives up a load after its timeout, whether that heeds its signal or not', async () => {
    const { clock, fresh, next } = rig();
    next(() => new Promise(() => {}));
    const error = failure(fresh.get(never));
    await clock.advance(10_000);
    expect((await error).message).to.equal('timed out after 10 s');
    expect(clock.pending).to.equal(0);
  });

  it('a caller that gives up ends its own waiting alone', async () => {
    const { fresh, loads, next } = rig();
    let give = (_: string) => {};
    next(() => new Promise((resolve) => (give = resolve)));
    const patient = fresh.get(never);
    const impatient = new AbortController();
    const gone = failure(fresh.get(impatient.signal));
    impatient.abort(new Error('enough'));
    expect((await gone).message).to.equal('enough');
    give('a');
    expect(await patient).to.equal('a');
    expect(loads()).to.equal(1);
  });

  it('takes a value for old when either clock says so', async () => {
    const jumped = rig();
    await jumped.fresh.get(never);
    jumped.clock.jump(61 * MINUTE);
    expect(await jumped.fresh.get(never)).to.equal('v2');
    const back = rig();
    await back.fresh.get(never);
    back.clock.jump(-600 * MINUTE);
    await back.clock.advance(61 * MINUTE);
    expect(await back.fresh.get(never)).to.equal('v2');
  });

  it('loads once a second at most where values come worn out', async () => {
    const { clock, fresh, loads } = rig({ life: () => 0 });
    for (let i = 0; i < 100; i++) {
      await fresh.get(never);
      await clock.advance(100);
    }
    expect(loads()).to.be.at.most(21);
  });

  it('a value that is discarded is loaded anew, unless it has only just come', async () => {
    const { clock, fresh } = rig();
    const value = await fresh.get(never);
    expect(fresh.discard(value)).to.equal(false);
    await clock.advance(10_000);
    expect(fresh.discard(value)).to.equal(true);
    expect(await fresh.get(never)).to.equal('v2');
    expect(fresh.discard(value)).to.equal(true);
    expect(await fresh.get(never)).to.equal('v2');
  });

  it('ends what is under way when it is stopped, without a word', async () => {
    const { clock, fresh, next, failed } = rig();
    next(() => new Promise(() => {}));
    const gone = failure(fresh.get(never));
    fresh.stop();
    expect((await gone).message).to.equal('stopping');
    expect(failed).to.deep.equal([]);
    expect(clock.pending).to.equal(0);
  });
});
