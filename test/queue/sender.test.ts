import { expect } from 'chai';
import { PermanentError, ThrottleError } from '#component';
import { parse } from '#config';
import { createSender, retryOnFailure, type Sender, type SenderOptions, sendingQueue } from '#queue';
import { type FakeClock, settle } from '../support/clock.ts';
import { type FakeHost, fakeHost } from '../support/host.ts';
import { random } from '../support/random.ts';

const never = new AbortController().signal;

/** An item that stands for `points` metric points. */
interface Item {
  name: string;
  points: number;
}
const item = (name: string, points = 1): Item => ({ name, points });

interface Attempt {
  name: string;
  at: number;
  signal: AbortSignal;
  /** Ends the attempt. */
  end(error?: unknown): Promise<void>;
}

interface Rig {
  sender: Sender<Item>;
  host: FakeHost;
  clock: FakeClock;
  attempts: Attempt[];
  failed(reason: string): number;
  metric(name: string): number;
}

type Settings = Partial<SenderOptions<Item>> & {
  retryOptions?: Record<string, unknown>;
  queueOptions?: Record<string, unknown>;
};

function rig({ retryOptions = {}, queueOptions = {}, ...more }: Settings = {}): Rig {
  const host = fakeHost('exporter', 'e');
  const { clock } = host;
  const attempts: Attempt[] = [];
  const sender = createSender<Item>({
    host,
    retry: parse(retryOnFailure().schema, { randomization_factor: 0, ...retryOptions }),
    queue: parse(sendingQueue().schema, queueOptions),
    points: ({ points }) => points,
    bytes: ({ points }) => points * 10,
    merge: (items) =>
      item(
        items.map((i) => i.name).join('+'),
        items.reduce((n, i) => n + i.points, 0),
      ),
    chop: ({ name, points }, max) =>
      Array.from({ length: Math.ceil(points / max) }, (_, i) => item(`${name}/${i}`, Math.min(max, points - i * max))),
    send: ({ name }, signal) =>
      new Promise<void>((resolve, reject) => {
        const end = async (error?: unknown) => {
          if (error === undefined) resolve();
          else reject(error);
          await settle();
        };
        attempts.push({ name, at: clock.monotonic(), signal, end });
      }),
    ...more,
  });
  return {
    sender,
    host,
    clock,
    attempts,
    failed: (reason) => host.metric('otelcol_exporter_send_failed_metric_points', { reason }) ?? 0,
    metric: (name) => host.metric(`otelcol_exporter_${name}`) ?? 0,
  };
}

const names = (attempts: readonly Attempt[]) => attempts.map((a) => a.name);
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: Error) => error,
  );

/** Lets each attempt fail in turn, and gives the moments of all of them. */
async function momentsOfFailing(r: Rig, error: unknown, until: number, step = 50): Promise<number[]> {
  for (let ended = 0; r.clock.monotonic() < until; ) {
    if (ended < r.attempts.length) await r.attempts[ended++]!.end(error);
    else await r.clock.advance(step);
  }
  return r.attempts.map((a) => a.at);
}

describe('queue: sender', () => {
  it('offer resolves when the item is in the queue, before it is sent', async () => {
    const r = rig();
    await r.sender.offer(item('a', 5), never);
    expect(names(r.attempts)).to.deep.equal(['a']);
    expect(r.metric('queue_size')).to.equal(1);
    expect(r.metric('queue_capacity')).to.equal(1000);
    expect(r.metric('in_flight_requests')).to.equal(1);
    await r.attempts[0]!.end();
    expect(r.metric('sent_metric_points')).to.equal(5);
    expect(r.metric('queue_size')).to.equal(0);
    expect(r.metric('in_flight_requests')).to.equal(0);
    expect(r.host.statuses.at(-1)!.status).to.equal('ok');
  });

  it('at most num_consumers items are under way', async () => {
    const r = rig({ queueOptions: { num_consumers: 2 } });
    for (const name of 'abcd') await r.sender.offer(item(name), never);
    expect(names(r.attempts)).to.deep.equal(['a', 'b']);
    await r.attempts[1]!.end();
    expect(names(r.attempts)).to.deep.equal(['a', 'b', 'c']);
  });

  describe('retries', () => {
    it('come after initial_interval, times multiplier each, up to max_interval, until max_elapsed_time', async () => {
      const r = rig({
        retryOptions: { initial_interval: '1s', multiplier: 2, max_interval: '4s', max_elapsed_time: '15s' },
      });
      await r.sender.offer(item('a', 3), never);
      const moments = await momentsOfFailing(r, new Error('down'), 60_000);
      expect(moments).to.deep.equal([0, 1000, 3000, 7000, 11_000, 15_000]);
      expect(r.failed('max_elapsed_time')).to.equal(3);
      expect(r.host.statuses.at(-1)).to.include({ status: 'recoverable', why: 'down' });
    });

    it('go on for ever when max_elapsed_time is 0', async () => {
      const r = rig({ retryOptions: { max_elapsed_time: '0s' } });
      await r.sender.offer(item('a'), never);
      const moments = await momentsOfFailing(r, new Error('down'), 7_200_000, 5000);
      expect(moments.length).to.be.within(200, 250);
      await r.clock.advance(35_000);
      await r.attempts.at(-1)!.end();
      expect(r.metric('sent_metric_points')).to.equal(1);
    });

    it('are spread by randomization_factor', async () => {
      const pauses: number[] = [];
      const next = random(5);
      for (let i = 0; i < 50; i++) {
        const r = rig({ random: next, retryOptions: { randomization_factor: 0.5, max_elapsed_time: '30s' } });
        await r.sender.offer(item('a'), never);
        pauses.push((await momentsOfFailing(r, new Error('down'), 7600))[1]!);
      }
      expect(Math.min(...pauses)).to.be.within(2500, 3500);
      expect(Math.max(...pauses)).to.be.within(6500, 7500);
    });

    it('do not happen when not enabled', async () => {
      const r = rig({ retryOptions: { enabled: false } });
      await r.sender.offer(item('a'), never);
      await r.attempts[0]!.end(new Error('down'));
      await r.clock.advance(600_000);
      expect(r.attempts).to.have.length(1);
      expect(r.failed('retry_disabled')).to.equal(1);
    });

    it('do not happen after a permanent error, however deep it is', async () => {
      const r = rig();
      await r.sender.offer(item('a', 2), never);
      await r.attempts[0]!.end(new Error('outer', { cause: new PermanentError('no such tenant') }));
      await r.clock.advance(600_000);
      expect(r.attempts).to.have.length(1);
      expect(r.failed('permanent')).to.equal(2);
      const [entry] = r.host.logs.filter((l) => l.level === 'error');
      expect(entry).to.have.property('message', 'dropped 2 metric points');
    });

    it('wait as long as the other side asks, at most five minutes, and at least the backoff', async () => {
      const waits = async (asked: number) => {
        const r = rig({ retryOptions: { max_elapsed_time: '0s' } });
        await r.sender.offer(item('a'), never);
        await r.attempts[0]!.end(new Error('outer', { cause: new ThrottleError('slow down', asked) }));
        await r.clock.advance(400_000);
        return r.attempts[1]!.at;
      };
      expect(await waits(60_000)).to.equal(60_000);
      expect(await waits(10)).to.equal(5000);
      expect(await waits(86_400_000)).to.equal(300_000);
    });

    it('say so in the log at most once a minute', async () => {
      const r = rig({ retryOptions: { initial_interval: '1s', max_interval: '1s', max_elapsed_time: '0s' } });
      await r.sender.offer(item('a'), never);
      await momentsOfFailing(r, new Error('down'), 150_000, 500);
      expect(r.host.logs).to.have.length(3);
      expect(r.host.logs[1]!.fields).to.include({ suppressed: 59 });
    });
  });

  it('an attempt is aborted after timeout, and tried again', async () => {
    const r = rig({ timeout: 2000 });
    await r.sender.offer(item('a'), never);
    await r.clock.advance(2000);
    expect(r.attempts[0]!.signal.aborted).to.equal(true);
    await r.clock.advance(5000);
    expect(r.attempts.map((a) => a.at)).to.deep.equal([0, 7000]);
    expect(r.host.statuses[0]!.why).to.equal('no answer within 2000 ms');
  });

  it('pieces replace an item that split says is too large, in order, and count one by one', async () => {
    const r = rig({
      split: ({ name, points }) =>
        points > 1 ? [item(`${name}l`, Math.floor(points / 2)), item(`${name}r`, Math.ceil(points / 2))] : undefined,
    });
    await r.sender.offer(item('a', 3), never);
    await r.attempts[0]!.end(new PermanentError('too large'));
    await r.attempts[1]!.end();
    await r.attempts[2]!.end(new PermanentError('too large'));
    await r.attempts[3]!.end(new PermanentError('too large'));
    await r.attempts[4]!.end();
    expect(names(r.attempts)).to.deep.equal(['a', 'al', 'ar', 'arl', 'arr']);
    expect(r.metric('sent_metric_points')).to.equal(2);
    expect(r.failed('permanent')).to.equal(1);
    expect(r.metric('queue_size')).to.equal(0);
  });

  describe('a full queue', () => {
    const full = { queue_size: 2, num_consumers: 1 };

    it('refuses the newest and counts it', async () => {
      const r = rig({ queueOptions: full });
      for (const name of 'ab') await r.sender.offer(item(name), never);
      const error = await rejection(r.sender.offer(item('c', 7), never));
      expect(error?.message).to.equal('the sending queue is full: queue_size (2 requests)');
      expect(error).not.to.be.instanceOf(PermanentError);
      expect(r.metric('enqueue_failed_metric_points')).to.equal(7);
    });

    it('with block_on_overflow lets callers wait, first come first served', async () => {
      const r = rig({ queueOptions: { ...full, block_on_overflow: true } });
      const done: string[] = [];
      for (const name of 'abcd') void r.sender.offer(item(name), never).then(() => done.push(name));
      await settle();
      expect(done).to.deep.equal(['a', 'b']);
      await r.attempts[0]!.end();
      expect(done).to.deep.equal(['a', 'b', 'c']);
      await r.attempts[1]!.end();
      expect(done).to.deep.equal(['a', 'b', 'c', 'd']);
    });

    it('with block_on_overflow lets a caller give up, and the next one in', async () => {
      const r = rig({ queueOptions: { ...full, sizer: 'items', block_on_overflow: true } });
      await r.sender.offer(item('a', 1), never);
      const caller = new AbortController();
      const large = rejection(r.sender.offer(item('b', 2), caller.signal));
      const small = r.sender.offer(item('c', 1), never);
      caller.abort(new Error('the scrape is over'));
      expect((await large)?.message).to.equal('the scrape is over');
      await small;
      expect(r.metric('queue_size')).to.equal(2);
      expect(r.metric('enqueue_failed_metric_points')).to.equal(2);
    });

    it('counts items or bytes when told to, and refuses for good what is larger than all of it', async () => {
      const r = rig({ queueOptions: { queue_size: 100, sizer: 'bytes' } });
      await r.sender.offer(item('a', 8), never);
      expect(r.metric('queue_size')).to.equal(80);
      expect(await rejection(r.sender.offer(item('b', 3), never))).not.to.be.instanceOf(PermanentError);
      expect(await rejection(r.sender.offer(item('c', 11), never))).to.be.instanceOf(PermanentError);
    });
  });

  describe('lanes', () => {
    it('keep their order while one of them retries, and do not hold up one another', async () => {
      const r = rig({ lane: ({ name }) => name.charCodeAt(0), queueOptions: { num_consumers: 2 } });
      for (const name of ['a1', 'b1', 'a2', 'b2', 'a3']) await r.sender.offer(item(name), never);
      expect(names(r.attempts)).to.deep.equal(['a1', 'b1']);
      await r.attempts[0]!.end(new Error('down'));
      await r.attempts[1]!.end();
      await r.attempts[2]!.end();
      expect(names(r.attempts)).to.deep.equal(['a1', 'b1', 'b2']);
      await r.clock.advance(5000);
      await r.attempts[3]!.end();
      await r.attempts[4]!.end();
      expect(names(r.attempts)).to.deep.equal(['a1', 'b1', 'b2', 'a1', 'a2', 'a3']);
    });
  });

  describe('wait_for_result', () => {
    it('offer resolves when the item is sent, and rejects with what it was given up for, unlogged', async () => {
      const r = rig({ queueOptions: { wait_for_result: true } });
      const good = r.sender.offer(item('a'), never);
      const bad = rejection(r.sender.offer(item('b'), never));
      await r.attempts[0]!.end();
      await good;
      await r.attempts[1]!.end(new PermanentError('no'));
      expect((await bad)?.message).to.equal('no');
      expect(r.failed('permanent')).to.equal(1);
      expect(r.host.logs).to.deep.equal([]);
    });

    it('a caller that gives up leaves the item in the queue', async () => {
      const r = rig({ queueOptions: { wait_for_result: true } });
      const caller = new AbortController();
      const offered = rejection(r.sender.offer(item('a'), caller.signal));
      caller.abort(new Error('enough'));
      expect((await offered)?.message).to.equal('enough');
      await r.attempts[0]!.end();
      expect(r.metric('sent_metric_points')).to.equal(1);
    });
  });

  describe('without a queue', () => {
    const direct = { queueOptions: { enabled: false } };

    it('every offer is sent at once and answered when it is sent', async () => {
      const r = rig(direct);
      const all = ['a', 'b', 'c'].map((name) => r.sender.offer(item(name), never));
      await settle();
      expect(names(r.attempts)).to.deep.equal(['a', 'b', 'c']);
      for (const attempt of r.attempts) await attempt.end();
      await Promise.all(all);
    });

    it('a caller that gives up ends the attempt, the retries, and is counted', async () => {
      const r = rig(direct);
      const caller = new AbortController();
      const inAttempt = rejection(r.sender.offer(item('a'), caller.signal));
      const inPause = rejection(r.sender.offer(item('b'), caller.signal));
      await r.attempts[1]!.end(new Error('down'));
      caller.abort(new Error('enough'));
      expect((await inAttempt)?.message).to.equal('enough');
      expect((await inPause)?.message).to.equal('enough');
      expect(r.failed('cancelled')).to.equal(2);
      expect(r.attempts).to.have.length(2);
    });
  });

  describe('batch', () => {
    const options = (batch: Record<string, unknown>) => ({ queueOptions: { num_consumers: 1, batch } });

    it('joins what comes until min_size', async () => {
      const r = rig(options({ min_size: 10 }));
      for (const name of 'abcd') await r.sender.offer(item(name, 4), never);
      expect(names(r.attempts)).to.deep.equal(['a+b+c']);
      await r.attempts[0]!.end();
      expect(r.metric('sent_metric_points')).to.equal(12);
      expect(r.attempts).to.have.length(1);
    });

    it('sends less after flush_timeout', async () => {
      const r = rig(options({ min_size: 10, flush_timeout: '200ms' }));
      await r.sender.offer(item('a', 4), never);
      await r.clock.advance(150);
      await r.sender.offer(item('b', 4), never);
      await r.clock.advance(49);
      expect(r.attempts).to.have.length(0);
      await r.clock.advance(1);
      expect(names(r.attempts)).to.deep.equal(['a+b']);
    });

    it('fills requests up to max_size and splits what alone is larger', async () => {
      const r = rig(options({ min_size: 4, max_size: 10 }));
      for (const [name, points] of [
        ['a', 4],
        ['b', 4],
        ['c', 4],
        ['d', 4],
        ['e', 25],
      ] as const) {
        await r.sender.offer(item(name, points), never);
      }
      for (let i = 0; i < 6; i++) await r.attempts[i]!.end();
      expect(names(r.attempts)).to.deep.equal(['a/0', 'b+c/0', 'd/0', 'e/0', 'e/1', 'e/2']);
      expect(r.metric('sent_metric_points')).to.equal(41);
    });

    it('sends what it has when stopping', async () => {
      const r = rig(options({ min_size: 1000, flush_timeout: '1h' }));
      await r.sender.offer(item('a', 4), never);
      const stopped = r.sender.stop(never);
      await settle();
      await r.attempts[0]!.end();
      await stopped;
      expect(r.clock.pending).to.equal(0);
    });
  });

  describe('stop', () => {
    it('ends pauses, gives everything held one attempt, and then resolves', async () => {
      const r = rig({ queueOptions: { num_consumers: 1 } });
      for (const name of 'abc') await r.sender.offer(item(name), never);
      await r.attempts[0]!.end(new ThrottleError('later', 200_000));
      let stopped = false;
      const stopping = r.sender.stop(never).then(() => {
        stopped = true;
      });
      await settle();
      await r.attempts[1]!.end();
      await r.attempts[2]!.end(new Error('down'));
      expect(stopped).to.equal(false);
      await r.attempts[3]!.end();
      await stopping;
      expect(names(r.attempts)).to.deep.equal(['a', 'a', 'b', 'c']);
      expect(r.metric('sent_metric_points')).to.equal(2);
      expect(r.failed('stopped')).to.equal(1);
      expect(r.clock.pending).to.equal(0);
    });

    it('drops and counts everything at the deadline, even when send does not heed its signal', async () => {
      const r = rig({ queueOptions: { num_consumers: 2, queue_size: 4, block_on_overflow: true } });
      const waiting = 'abcde'.split('').map((name) => rejection(r.sender.offer(item(name, 2), never)));
      await settle();
      const deadline = new AbortController();
      const stopped = r.sender.stop(deadline.signal);
      await settle();
      deadline.abort(new Error('10s are over'));
      await stopped;
      expect(r.failed('stopped')).to.equal(8);
      expect((await waiting[4])?.message).to.equal('the time to drain is over');
      expect(r.metric('enqueue_failed_metric_points')).to.equal(2);
      expect(r.metric('queue_size')).to.equal(0);
    });

    it('takes callers that wait for room along', async () => {
      const r = rig({ queueOptions: { num_consumers: 1, queue_size: 1, block_on_overflow: true } });
      const waiting = 'abc'.split('').map((name) => r.sender.offer(item(name), never));
      await settle();
      const stopped = r.sender.stop(never);
      for (let i = 0; i < 3; i++) {
        await settle();
        await r.attempts[i]!.end();
      }
      await Promise.all([stopped, ...waiting]);
      expect(r.metric('sent_metric_points')).to.equal(3);
    });

    it('resolves at once when nothing is held, and refuses what comes later', async () => {
      const r = rig();
      await r.sender.stop(never);
      expect((await rejection(r.sender.offer(item('a'), never)))?.message).to.equal('the exporter is stopping');
    });
  });

  it('a mistake in the exporter is logged and does not stop the consumers', async () => {
    let broken = true;
    const r = rig({
      queueOptions: { num_consumers: 1, batch: { min_size: 2 } },
      merge: (items) => {
        if (broken) throw new TypeError('oops');
        return items[0]!;
      },
    });
    for (const name of 'ab') await r.sender.offer(item(name), never);
    await settle();
    expect(r.host.logs.map((l) => l.message)).to.deep.equal(['could not send a batch']);
    broken = false;
    for (const name of 'cd') await r.sender.offer(item(name), never);
    expect(names(r.attempts)).to.deep.equal(['c']);
  });
});
