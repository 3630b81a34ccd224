import { expect } from 'chai';
import { poll } from '#kit';
import { FakeClock } from '../support/clock.ts';

interface Setup {
  interval?: number;
  initialDelay?: number;
  timeout?: number;
  round?: (signal: AbortSignal, n: number) => Promise<void>;
}

function setup({ round = async () => {}, ...options }: Setup = {}) {
  const clock = new FakeClock();
  const starts: number[] = [];
  const errors: unknown[] = [];
  const made = poll({
    clock,
    interval: 1000,
    ...options,
    round: (signal) => {
      starts.push(clock.monotonic());
      return round(signal, starts.length);
    },
    onError: (error) => errors.push(error),
  });
  return { clock, starts, errors, poll: made };
}

describe('poll', () => {
  it('begins after the delay, then at each interval', async () => {
    const { clock, starts, poll } = setup({ initialDelay: 300 });
    poll.start();
    await clock.advance(2400);
    expect(starts).to.deep.equal([300, 1300, 2300]);
    await poll.stop();
    expect(clock.pending).to.equal(0);
  });

  it('does not drift when rounds take time', async () => {
    const { clock, starts, poll } = setup({
      round: () => new Promise((resolve) => void clock.after(400, resolve)),
    });
    poll.start();
    await clock.advance(3100);
    expect(starts).to.deep.equal([0, 1000, 2000, 3000]);
  });

  it('never overlaps: a long round skips the moments that it missed', async () => {
    const { clock, starts, poll } = setup({
      round: () => new Promise((resolve) => void clock.after(2500, resolve)),
    });
    poll.start();
    await clock.advance(6100);
    expect(starts).to.deep.equal([0, 3000, 6000]);
  });

  it('tells of a failed round and goes on', async () => {
    const { clock, starts, errors, poll } = setup({
      round: async (_signal, n) => {
        if (n === 1) throw new Error('first');
      },
    });
    poll.start();
    await clock.advance(1000);
    expect(errors.map(String)).to.deep.equal(['Error: first']);
    expect(starts).to.have.length(2);
  });

  it('aborts a round at its timeout', async () => {
    const { clock, errors, poll } = setup({
      timeout: 200,
      round: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    poll.start();
    await clock.advance(250);
    expect(errors.map(String)).to.deep.equal(['Error: took longer than 200 ms']);
  });

  it('stops after the round under way, which it aborts, and counts that as no error', async () => {
    let ended = false;
    const { clock, starts, errors, poll } = setup({
      round: (signal) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            ended = true;
            reject(signal.reason);
          }),
        ),
    });
    poll.start();
    await clock.advance(1);
    await poll.stop();
    await clock.advance(5000);
    expect(ended).to.equal(true);
    expect(starts).to.have.length(1);
    expect(errors).to.deep.equal([]);
    expect(clock.pending).to.equal(0);
  });
});
