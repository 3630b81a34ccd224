import { expect } from 'chai';
import type { Exporter } from '#component';
import { parse } from '#config';
import { type Batch, labelsOf, makeFamily, makeSeries, makeSet, type SeriesSet, staleValues } from '#metrics';
import { config as options, queueSettings } from '../../../exporters/prometheusremotewrite/options.ts';
import prometheusremotewrite from '../../../exporters/prometheusremotewrite/prometheusremotewrite.ts';
import { exporterContract } from '../../contract/exporter.ts';
import { batchOf, setOf, snapshotOf } from '../../support/batch.ts';
import { settle } from '../../support/clock.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { random } from '../../support/random.ts';
import { type Answer, type Received, type Receiver, receiver } from '../../support/receiver.ts';
import { closeServers, rawServer, until } from '../../support/servers.ts';

const T = 1_700_000_000_000;
const never = new AbortController().signal;

const sourceSet = (instance: string, count = 3): SeriesSet =>
  makeSet(
    Array.from({ length: count }, (_, i) =>
      makeSeries(makeFamily('m', 'gauge'), labelsOf({ __name__: 'm', i: String(i), instance, job: 'test' })),
    ),
  );

const batch = (set: SeriesSet, value: number, time = T): Batch =>
  batchOf(snapshotOf(set, Array(set.series.length).fill(value), time));

interface Rig {
  exporter: Exporter;
  host: FakeHost;
  receiver: Receiver;
  failed(reason: string): number;
}

const running: Exporter[] = [];

async function rig(
  options: Record<string, unknown> = {},
  answer?: (request: Omit<Received, 'status'>, n: number) => Answer | Promise<Answer>,
): Promise<Rig> {
  const to = await receiver(answer);
  const host = fakeHost('exporter', 'prometheusremotewrite');
  const config = parse(prometheusremotewrite.config, { endpoint: to.url, ...options });
  const exporter = prometheusremotewrite.create(config, host);
  running.push(exporter);
  await exporter.start?.(never);
  const failed = (reason: string) => host.metric('otelcol_exporter_send_failed_metric_points', { reason }) ?? 0;
  return { exporter, host, receiver: to, failed };
}

const sent = (host: FakeHost) => host.metric('otelcol_exporter_sent_metric_points') ?? 0;
const held = (host: FakeHost) => host.metric('otelcol_exporter_queue_size') ?? 0;
/** Lets the exporter's clock run until something holds; sockets have their own time. */
async function passing(host: FakeHost, holds: () => boolean, step = 100): Promise<number> {
  const from = host.clock.monotonic();
  while (!holds()) {
    await host.clock.advance(step);
    await settle();
    await until(() => true);
    if (host.clock.monotonic() - from > 3_600_000) throw new Error(`not within an hour: ${holds}`);
  }
  return host.clock.monotonic() - from;
}

describe('prometheusremotewrite, by the contract', () => {
  let taking: Receiver;
  let hanging: Receiver;
  // The contract counts what a test leaves open, so the peers stand before it begins.
  beforeEach(async () => {
    taking = await receiver();
    hanging = await receiver(() => new Promise(() => {}));
  });
  afterEach(closeServers);

  exporterContract(prometheusremotewrite, {
    config: () => ({ endpoint: taking.url }),
    stuck: { config: () => ({ endpoint: hanging.url }), begun: () => hanging.arrived(1) },
  });
});

describe('prometheusremotewrite', () => {
  afterEach(async () => {
    await Promise.all(running.splice(0).map((exporter) => exporter.stop?.(AbortSignal.abort())));
    await closeServers();
  });

  it('a batch arrives as a request that keeps to the protocol', async () => {
    const { exporter, host, receiver: to } = await rig({ headers: { 'X-Scope-OrgID': 'me' } });
    const set = setOf([['up', { job: 'test', instance: 'a:1' }]]);
    await exporter.consume(batchOf(snapshotOf(set, [1], T)), never);
    await until(() => to.samples() === 1);
    const { headers, method, path, series } = to.requests[0]!;
    expect({ method, path }).to.deep.equal({ method: 'POST', path: '/api/v1/write' });
    expect(headers).to.include({
      'content-encoding': 'snappy',
      'content-type': 'application/x-protobuf',
      'x-prometheus-remote-write-version': '0.1.0',
      'user-agent': 'dnscol/0.0.0-test',
      'x-scope-orgid': 'me',
    });
    expect(series[0]!.labels).to.deep.equal(['__name__', 'up', 'instance', 'a:1', 'job', 'test']);
    expect(series[0]!.samples).to.deep.equal([{ value: 1, bits: '3ff0000000000000', time: T }]);
    await until(() => sent(host) === 1);
    expect(host.logs.map((l) => l.message)).to.deep.equal([`127.0.0.1:${to.port} accepted the first 1 samples`]);
    expect(host.metric('otelcol_exporter_prometheusremotewrite_sent_batches')).to.equal(1);
    expect(host.metric('otelcol_exporter_prometheusremotewrite_translated_time_series')).to.equal(1);
    expect(host.metric('otelcol_exporter_prometheusremotewrite_consumers')).to.equal(5);
  });

  it('staleness markers arrive bit for bit', async () => {
    const { exporter, receiver: to } = await rig();
    await exporter.consume([{ set: sourceSet('a:1'), values: staleValues(3), time: T }], never);
    await until(() => to.samples() === 3);
    expect(to.taken().every((s) => s.samples[0]!.bits === '7ff0000000000002')).to.equal(true);
  });

  describe('what the receiver answers', () => {
    it('500 is tried again until it is taken, with growing pauses', async () => {
      const { exporter, host, receiver: to } = await rig({}, (_, n) => (n < 4 ? 500 : 204));
      const set = sourceSet('a:1');
      await exporter.consume(batch(set, 7), never);
      await passing(host, () => to.samples() === 3, 20);
      expect(to.requests.map((r) => r.status)).to.deep.equal([500, 500, 500, 500, 204]);
      expect(sent(host)).to.equal(3);
      expect(host.statuses.map((s) => s.status)).to.deep.equal([...Array(4).fill('recoverable'), 'ok']);
    });

    it("400 is dropped at once, counted, and told with the receiver's words", async () => {
      const words = 'out of bounds\nfor series m{i="0"} '.padEnd(5000, 'x');
      const { exporter, host, receiver: to, failed } = await rig({}, () => ({ status: 400, body: words }));
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => failed('permanent') === 3);
      await host.clock.advance(3_600_000);
      expect(to.requests).to.have.length(1);
      const [entry] = host.logs.filter((l) => l.level === 'error');
      expect(entry!.message).to.equal('dropped 3 metric points');
      const { message } = entry!.fields.error as Error;
      expect(message).to.match(/answered 400: out of bounds for series m\{i="0"\} x+$/);
      expect(message.length).to.be.below(1200);
    });

    it('4xx one after the other is one line a minute', async () => {
      const { exporter, host, failed } = await rig({}, () => 404);
      for (let i = 0; i < 20; i++) await exporter.consume(batch(sourceSet('a:1'), i, T + i), never);
      await until(() => failed('permanent') === 60);
      expect(host.logs.filter((l) => l.level === 'error')).to.have.length(1);
      await host.clock.advance(60_000);
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => failed('permanent') === 63);
      const said = host.logs.filter((l) => l.level === 'error').map((l) => l.message);
      expect(said).to.deep.equal(['dropped 3 metric points', 'dropped 60 metric points']);
    });

    it('429 is tried again no sooner than Retry-After says', async () => {
      const answers: Answer[] = [{ status: 429, headers: { 'retry-after': '20' } }, 204];
      const { exporter, host, receiver: to } = await rig({}, (_, n) => answers[n]!);
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await to.arrived(1);
      await until(() => host.statuses.length > 0);
      await host.clock.advance(19_999);
      expect(to.requests).to.have.length(1);
      await host.clock.advance(1);
      await until(() => to.samples() === 3);
    });

    it('a Retry-After of a day is cut to five minutes', async () => {
      const answers: Answer[] = [{ status: 503, headers: { 'retry-after': '86400' } }, 204];
      const options = { retry_on_failure: { max_elapsed_time: '0s' } };
      const { exporter, host, receiver: to } = await rig(options, (_, n) => answers[n]!);
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => host.statuses.length > 0);
      await host.clock.advance(299_999);
      expect(to.requests).to.have.length(1);
      await host.clock.advance(1);
      await until(() => to.samples() === 3);
    });

    it('413 is split until each piece is taken, in order, nothing lost and nothing twice', async () => {
      const { exporter, host, receiver: to } = await rig({}, ({ series }) => (series.length > 7 ? 413 : 204));
      await exporter.consume(batch(sourceSet('a:1', 100), 1), never);
      await until(() => sent(host) === 100);
      const order = to.taken().map((s) => Number(s.labels[3]));
      expect(order).to.deep.equal(Array.from({ length: 100 }, (_, i) => i));
      expect(host.metric('otelcol_exporter_send_failed_metric_points') ?? 0).to.equal(0);
    });

    it('413 for a single series drops that one, counted, and sends the rest', async () => {
      const big = (r: Omit<Received, 'status'>) => r.series.some((s) => s.labels[3] === '5');
      const { exporter, host, receiver: to, failed } = await rig({}, (r) => (big(r) ? 413 : 204));
      await exporter.consume(batch(sourceSet('a:1', 10), 1), never);
      await until(() => sent(host) === 9);
      expect(failed('permanent')).to.equal(1);
      expect(to.taken().map((s) => s.labels[3])).to.deep.equal(['0', '1', '2', '3', '4', '6', '7', '8', '9']);
    });

    it('an endless answer is read no further than it need be', async () => {
      const chunk = Buffer.alloc(65_536, 'x');
      const server = await rawServer((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n');
          const more = () => {
            while (!socket.destroyed && socket.write(`10000\r\n${chunk.toString()}\r\n`));
            socket.once('drain', more);
          };
          more();
        });
      });
      const { exporter, failed } = await rig({ endpoint: `http://127.0.0.1:${server.port}/` });
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => failed('permanent') === 3, 1000);
      await until(() => server.open === 0, 1000);
    });

    for (const then of ['reset', 'silence'] as const) {
      it(`200 and ${then} in the middle of its body is taken, and nothing is sent twice`, async () => {
        let requests = 0;
        const server = await rawServer((socket) => {
          socket.once('data', () => {
            requests++;
            const written = () => then === 'reset' && socket.resetAndDestroy();
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfive!', written);
          });
        });
        const { exporter, host } = await rig({ endpoint: `http://127.0.0.1:${server.port}/` });
        await exporter.consume(batch(sourceSet('a:1'), 1), never);
        await until(() => sent(host) === 3);
        await host.clock.advance(3_600_000);
        expect([requests, sent(host)]).to.deep.equal([1, 3]);
      });
    }

    it('a refused connection is tried again for as long as max_elapsed_time says, and then counted', async () => {
      const {
        exporter,
        host,
        receiver: to,
        failed,
      } = await rig({
        retry_on_failure: { max_interval: '1s', max_elapsed_time: '30s' },
      });
      await closeServers();
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      const gone = await passing(host, () => failed('max_elapsed_time') === 3);
      expect(gone).to.be.within(28_000, 31_000);
      expect(to.requests).to.have.length(0);
    });

    it('an outage of ten minutes loses nothing and does not hammer', async () => {
      let down = true;
      const options = { retry_on_failure: { max_elapsed_time: '0s' }, remote_write_queue: { num_consumers: 1 } };
      const { exporter, host, receiver: to } = await rig(options, () => (down ? 503 : 204));
      const set = sourceSet('a:1');
      for (let i = 0; i < 40; i++) {
        await exporter.consume(batch(set, i, T + i * 15_000), never);
        await passing(host, () => host.clock.now() >= T + (i + 1) * 15_000, 1000);
      }
      expect(to.requests.length).to.be.below(60);
      down = false;
      await passing(host, () => to.samples() === 120, 1000);
      expect(sent(host)).to.equal(120);
      // What waited comes in few requests.
      expect(to.requests.filter((r) => r.status === 204).length).to.be.below(5);
    });
  });

  it('an attempt that gets no answer is given up after timeout and tried again', async () => {
    const answers: (Answer | Promise<Answer>)[] = [new Promise(() => {}), 204];
    const { exporter, host, receiver: to } = await rig({ timeout: '5s' }, (_, n) => answers[n]!);
    await exporter.consume(batch(sourceSet('a:1'), 1), never);
    await to.arrived(1);
    await host.clock.advance(4999);
    expect(host.statuses).to.deep.equal([]);
    await passing(host, () => to.samples() === 3, 50);
    expect(to.requests).to.have.length(2);
  });

  it('a receiver that takes ten seconds for each answer gets each sample once', async () => {
    const answers: ((answer: Answer) => void)[] = [];
    const options = { remote_write_queue: { num_consumers: 1 } };
    const { exporter, host, receiver: to } = await rig(options, () => new Promise((answer) => answers.push(answer)));
    for (let i = 0; i < 3; i++) {
      await exporter.consume(batch(sourceSet('a:1'), i, T + i), never);
      await to.arrived(i + 1);
      await host.clock.advance(10_000);
      answers[i]!(204);
      await until(() => sent(host) === 3 * (i + 1));
    }
    expect(to.requests).to.have.length(3);
  });

  it('samples of a series arrive in order, none lost, under random delays and failures', async () => {
    const next = random(3);
    // The receiver's delays are real and the exporter's clock is not: a timeout would strike where none is meant.
    const options = { max_batch_size_bytes: 2000, timeout: '0s', retry_on_failure: { max_elapsed_time: '0s' } };
    const {
      exporter,
      host,
      receiver: to,
    } = await rig(options, async () => {
      await new Promise((resolve) => setTimeout(resolve, next() * 8));
      return next() < 0.25 ? 500 : 204;
    });
    const sets = ['a:1', 'b:2', 'c:3', 'd:4', 'e:5', 'f:6', 'g:7'].map((instance) => sourceSet(instance, 20));
    const rounds = 25;
    for (let round = 0; round < rounds; round++) {
      // Churn moves series about in their set, and sets about in the batch.
      const parts = sets
        .map((set) => makeSet(set.series.filter(() => next() < 0.9)))
        .sort(() => next() - 0.5)
        .map((set) => snapshotOf(set, Array(set.series.length).fill(round), T + round * 1000));
      await exporter.consume(parts, never);
      if (next() < 0.3) await passing(host, () => held(host) === 0, 30);
    }
    await passing(host, () => held(host) === 0, 30);
    const last = new Map<string, number>();
    for (const { labels, samples } of to.taken()) {
      const key = labels.join();
      for (const { time } of samples) {
        expect(time, key).to.be.above(last.get(key) ?? 0);
        last.set(key, time);
      }
    }
    expect(to.samples()).to.equal(host.metric('otelcol_exporter_prometheusremotewrite_translated_time_series'));
    expect(sent(host)).to.equal(to.samples());
  });

  it('a receiver that fails holds up only the sources of its consumer', async () => {
    const stuck = (r: Omit<Received, 'status'>) => r.series.some((s) => s.labels.includes('a:1'));
    const { exporter, receiver: to } = await rig({}, (r) => (stuck(r) ? 503 : 204));
    const all = ['a:1', 'b:2', 'c:3', 'd:4', 'e:5', 'f:6'].map((i) => snapshotOf(sourceSet(i), [1, 2, 3], T));
    await exporter.consume(all, never);
    await until(() => to.samples() >= 9);
    await until(() => to.requests.some((r) => r.status === 503));
  });

  it('a full queue refuses a batch and counts it', async () => {
    const {
      exporter,
      host,
      receiver: to,
    } = await rig({ remote_write_queue: { queue_size: 2, num_consumers: 1 } }, () => new Promise(() => {}));
    const set = sourceSet('a:1');
    await exporter.consume(batch(set, 1), never);
    await exporter.consume(batch(set, 2), never);
    const refused = await exporter.consume(batch(set, 3), never).catch((e: Error) => e);
    expect(refused)
      .to.be.instanceOf(Error)
      .with.property('message')
      .matches(/queue is full/);
    expect(host.metric('otelcol_exporter_enqueue_failed_metric_points')).to.equal(3);
    expect(host.metric('otelcol_exporter_queue_size')).to.equal(2);
    expect(host.metric('otelcol_exporter_queue_capacity')).to.equal(2);
    await to.arrived(1);
  });

  describe('the queue', () => {
    const one = { num_consumers: 1 };
    const answers: ((answer: Answer) => void)[] = [];
    const slow = () => new Promise<Answer>((answer) => answers.push(answer));
    const ended = (promise: Promise<void>) => {
      const state = { over: false };
      const over = () => {
        state.over = true;
      };
      promise.then(over, over);
      return state;
    };
    beforeEach(() => answers.splice(0));

    it('counts what sizer says', async () => {
      for (const [sizer, queue_size] of [
        ['items', 6],
        // Requests of more than 200 bytes and no more than 300.
        ['bytes', 600],
      ] as const) {
        const { exporter, host, receiver: to } = await rig({ sending_queue: { ...one, sizer, queue_size } }, slow);
        await exporter.consume(batch(sourceSet('a:1'), 1), never);
        await to.arrived(1);
        await exporter.consume(batch(sourceSet('a:1'), 2, T + 1), never);
        const refused = await exporter.consume(batch(sourceSet('a:1'), 3, T + 2), never).catch((e) => e.message);
        expect(refused).to.equal(`the sending queue is full: queue_size (${queue_size} ${sizer})`);
        expect(held(host)).to.be.within((queue_size * 2) / 3 + 1, queue_size);
      }
    });

    it('makes who hands over wait for room with block_on_overflow', async () => {
      const queue = { ...one, queue_size: 1, block_on_overflow: true };
      const { exporter, host, receiver: to } = await rig({ sending_queue: queue }, slow);
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await to.arrived(1);
      const second = ended(exporter.consume(batch(sourceSet('a:1'), 2, T + 1), never));
      await settle();
      expect(second.over).to.equal(false);
      answers[0]!(204);
      await until(() => second.over);
      await to.arrived(2);
      answers[1]!(204);
      await until(() => sent(host) === 6);
    });

    it('makes who hands over wait for the result with wait_for_result, and tells it', async () => {
      const { exporter, receiver: to } = await rig({ remote_write_queue: { ...one, wait_for_result: true } }, slow);
      const first = ended(exporter.consume(batch(sourceSet('a:1'), 1), never));
      await to.arrived(1);
      await settle();
      expect(first.over).to.equal(false);
      answers[0]!(204);
      await until(() => first.over);
      const second = exporter.consume(batch(sourceSet('a:1'), 2, T + 1), never).catch((error) => error.message);
      await to.arrived(2);
      answers[1]!(400);
      expect(await second).to.match(/answered 400/);
    });

    it('waits for min_size or flush_timeout with batch, and joins what waits', async () => {
      const queue = { ...one, batch: { flush_timeout: '10s', min_size: 9 } };
      const { exporter, host, receiver: to } = await rig({ sending_queue: queue });
      const give = (i: number) => exporter.consume(batch(sourceSet('a:1'), i, T + i), never);
      for (const i of [1, 2]) await give(i);
      await host.clock.advance(9999);
      await settle();
      expect(to.requests).to.have.length(0);
      await host.clock.advance(1);
      await until(() => sent(host) === 6);
      for (const i of [3, 4, 5]) await give(i);
      await until(() => sent(host) === 15);
      expect(to.requests.map(({ series }) => series.length)).to.deep.equal([6, 9]);
    });

    it('splits what has more samples than max_size of batch', async () => {
      const queue = { ...one, batch: { flush_timeout: '10s', min_size: 1, max_size: 2 } };
      const { exporter, host, receiver: to } = await rig({ sending_queue: queue });
      await exporter.consume(batch(sourceSet('a:1', 5), 1), never);
      await until(() => sent(host) === 5);
      expect(to.requests.every(({ series }) => series.length <= 2)).to.equal(true);
    });

    it('joins no more than max_batch_size_bytes, whatever batch says, and waits no longer once that is there', async () => {
      const queue = { ...one, batch: { flush_timeout: '10s', min_size: 1_000_000 } };
      const { exporter, host, receiver: to } = await rig({ sending_queue: queue, max_batch_size_bytes: 500 });
      for (let i = 0; i < 6; i++) await exporter.consume(batch(sourceSet('a:1'), i, T + i), never);
      await until(() => to.requests.length > 0);
      await passing(host, () => sent(host) === 18);
      expect(to.requests.length).to.be.within(2, 5);
      expect(to.requests.every(({ series }) => series.length < 18)).to.equal(true);
    });
  });

  it('without a queue, consume ends when the batch is sent, or with what is wrong', async () => {
    const { exporter, host } = await rig({ remote_write_queue: { enabled: false } }, (_, n) => (n === 0 ? 204 : 400));
    await exporter.consume(batch(sourceSet('a:1'), 1), never);
    expect(sent(host)).to.equal(3);
    const error = await exporter.consume(batch(sourceSet('a:1'), 1), never).catch((e: Error) => e);
    expect(error).to.have.property('name', 'PermanentError');
  });

  it('max_batch_size_bytes of 0 is the default', () => {
    const of = (more: object) => parse(options, { endpoint: 'http://h/', ...more }).max_batch_size_bytes;
    expect(of({ max_batch_size_bytes: 0 })).to.equal(of({}));
  });

  it('bodies stay under max_batch_size_bytes', async () => {
    const { exporter, host, receiver: to } = await rig({ max_batch_size_bytes: 1000 });
    await exporter.consume(batch(sourceSet('a:1', 200), 1), never);
    await until(() => sent(host) === 200);
    expect(to.requests.every((r) => r.series.length <= 20)).to.equal(true);
  });

  describe('stopping', () => {
    it('sends what waits, and what pauses between attempts, once more', async () => {
      let down = true;
      const {
        exporter,
        host,
        receiver: to,
      } = await rig({ remote_write_queue: { num_consumers: 1 } }, () =>
        down ? { status: 503, headers: { 'retry-after': '300' } } : 204,
      );
      for (let i = 0; i < 5; i++) await exporter.consume(batch(sourceSet('a:1'), i, T + i), never);
      await until(() => host.statuses.length > 0);
      down = false;
      await exporter.stop!(never);
      expect(to.samples()).to.equal(15);
      expect(sent(host)).to.equal(15);
      await until(() => to.open === 0);
    });

    it('gives everything one attempt when the receiver goes on failing, and counts it', async () => {
      const {
        exporter,
        host,
        receiver: to,
        failed,
      } = await rig({ remote_write_queue: { num_consumers: 1 } }, () => 503);
      await exporter.consume(batch(sourceSet('a:1'), 1), never);
      await until(() => host.statuses.length > 0);
      await exporter.consume(batch(sourceSet('a:1'), 2), never);
      await exporter.stop!(never);
      expect(to.requests).to.have.length(3);
      expect(failed('stopped')).to.equal(6);
    });

    it('ends at the deadline with a receiver that never answers, and counts what is lost', async () => {
      const { exporter, failed, receiver: to } = await rig({}, () => new Promise(() => {}));
      for (let i = 0; i < 8; i++) await exporter.consume(batch(sourceSet(`h${i}:1`), 1), never);
      await to.arrived(3);
      const deadline = new AbortController();
      const stopped = exporter.stop!(deadline.signal);
      deadline.abort(new Error('time is up'));
      const began = performance.now();
      await stopped;
      expect(performance.now() - began).to.be.below(500);
      expect(failed('stopped')).to.equal(24);
      await until(() => to.open === 0);
    });

    it('takes no batch afterwards', async () => {
      const { exporter } = await rig();
      await exporter.stop!(never);
      const error = await exporter.consume(batch(sourceSet('a:1'), 1), never).catch((e: Error) => e);
      expect(error).to.be.instanceOf(Error);
    });
  });

  it('external labels are added where a series has none of that name', async () => {
    const { exporter, receiver: to } = await rig({ external_labels: { cluster: 'c', job: 'other' }, namespace: 'ns' });
    await exporter.consume(batch(sourceSet('a:1', 1), 1), never);
    await until(() => to.samples() === 1);
    expect(to.taken()[0]!.labels).to.deep.equal([
      ...['__name__', 'ns_m', 'cluster', 'c', 'i', '0', 'instance', 'a:1', 'job', 'test'],
    ]);
  });

  it('samples that cannot be written are dropped, counted and told', async () => {
    const { exporter, host, receiver: to, failed } = await rig();
    const nameless = makeSet([makeSeries(makeFamily('x'), labelsOf({ job: 'j' })), ...sourceSet('a:1').series]);
    await exporter.consume(batch(nameless, 1), never);
    await until(() => to.samples() === 3);
    expect(failed('untranslatable')).to.equal(1);
    expect(host.metric('otelcol_exporter_prometheusremotewrite_failed_translations')).to.equal(1);
    expect(host.logs.some((l) => l.level === 'error' && /no name/.test(l.message))).to.equal(true);
  });

  it('send_metadata tells type, help and unit once, again when they change, and once a minute', async () => {
    const {
      exporter,
      host,
      receiver: to,
    } = await rig({ send_metadata: true, remote_write_queue: { num_consumers: 1 } });
    const of = (help: string) =>
      makeSet([
        makeSeries(makeFamily('req', 'counter', help, 'seconds'), labelsOf({ __name__: 'req_total', job: 'j' })),
      ]);
    const told = () => to.requests.flatMap((r) => r.metadata.map((m) => m.help));
    const set = of('Requests.');
    for (const round of [set, set, of('Other.')]) await exporter.consume(batch(round, 1), never);
    await until(() => sent(host) === 3);
    expect(told()).to.deep.equal(['Requests.', 'Other.']);
    await host.clock.advance(60_000);
    await exporter.consume(batch(of('Other.'), 1), never);
    await until(() => sent(host) === 4);
    expect(to.requests.flatMap((r) => r.metadata)[2]).to.deep.equal({
      type: 1,
      name: 'req',
      help: 'Other.',
      unit: 'seconds',
    });
  });

  it('an authenticator signs the very bytes that are sent', async () => {
    const to = await receiver();
    const host = fakeHost('exporter', 'prometheusremotewrite');
    host.extensions.set('sign', {
      authenticator: { authenticate: async ({ body }) => ({ 'x-signed': String(body.length) }) },
    });
    const config = parse(prometheusremotewrite.config, { endpoint: to.url, auth: { authenticator: 'sign' } });
    const exporter = prometheusremotewrite.create(config, host);
    running.push(exporter);
    await exporter.start?.(never);
    await exporter.consume(batch(sourceSet('a:1'), 1), never);
    await until(() => to.samples() === 3);
    expect(to.requests[0]!.headers['x-signed']).to.equal(String(to.requests[0]!.bytes));
  });

  const advises = (status: number, words: RegExp) =>
    it(`${status} is told with what can be done about it`, async () => {
      const { exporter, host } = await rig({}, () => ({ status, body: 'their words' }));
      await exporter.consume(batch(sourceSet('a:1', 1), 1), never);
      await until(() => host.statuses.length > 0);
      expect(host.statuses[0]!.why).to.match(words);
    });
  advises(
    401,
    /answered 401: their words \(the receiver wants other credentials: see auth.authenticator and headers\)$/,
  );
  advises(403, /answered 403: their words \(the receiver wants other credentials/);
  advises(413, /answered 413: their words \(it takes no request of \d+ bytes: .*max_batch_size_bytes/);
  advises(429, /answered 429: their words \(the receiver limits what it takes: .*quota/);

  it("an authenticator's own advice goes before the general one", async () => {
    const to = await receiver(() => 403);
    const host = fakeHost('exporter', 'prometheusremotewrite');
    const refused = () => ({ again: false, advice: 'signed for nobody' });
    host.extensions.set('sign', { authenticator: { authenticate: async () => ({}), refused } });
    const config = parse(prometheusremotewrite.config, { endpoint: to.url, auth: { authenticator: 'sign' } });
    const exporter = prometheusremotewrite.create(config, host);
    running.push(exporter);
    await exporter.start?.(never);
    await exporter.consume(batch(sourceSet('a:1'), 1), never);
    await until(() => host.statuses.length > 0);
    expect(host.statuses[0]!.why).to.match(/answered 403 \(signed for nobody\)$/);
  });

  describe('configuration', () => {
    const refuses = (options: Record<string, unknown>, message: RegExp) =>
      it(`refuses ${JSON.stringify(options)}`, () => {
        const whole = { endpoint: 'http://127.0.0.1:1/', ...options };
        expect(() => parse(prometheusremotewrite.config, whole)).to.throw(message);
      });
    refuses({ endpoint: undefined }, /endpoint: (is missing|must have a value)/);
    refuses({ endpoint: 'localhost:9090' }, /endpoint: must/);
    refuses({ headers: { 'content-type': 'text/plain' } }, /belongs to the remote-write protocol/);
    refuses({ headers: { 'X-Prometheus-Remote-Write-Version': '2' } }, /belongs to the remote-write protocol/);
    refuses({ compression: 'gzip' }, /compression: must be one of snappy/);
    refuses({ translation_strategy: 'NoTranslation' }, /needs protobuf_message/);
    refuses({ wal: {} }, /wal.directory: is missing/);
    refuses(
      { wal: { directory: '/x' }, remote_write_queue: { storage: 'file_storage' } },
      /wal: cannot be with storage/,
    );
    refuses({ remote_write_queue: {}, sending_queue: {} }, /sending_queue: cannot be with remote_write_queue/);
    refuses({ wal: { directory: '/x' }, sending_queue: { enabled: false } }, /wal: needs the queue enabled/);
    refuses(
      { wal: { directory: '/x' }, sending_queue: { wait_for_result: true } },
      /wait_for_result: cannot be with wal/,
    );
    refuses({ sending_queue: { storage: 'x', wait_for_result: true } }, /wait_for_result: cannot be with storage/);
    refuses({ remote_write_queue: { sizer: 'bytes' } }, /remote_write_queue\.sizer: bytes needs a queue_size/);
    refuses(
      { sending_queue: { when_full: 'drop_oldest', block_on_overflow: true } },
      /cannot be with block_on_overflow/,
    );
    refuses({ external_labels: { 'a-b': 'c' } }, /is not a label name/);
    refuses({ retry_on_failure: { max_elapsed_time: '10s' } }, /must not be shorter than max_interval/);

    it('has the documented defaults', () => {
      const config = parse(prometheusremotewrite.config, { endpoint: 'http://127.0.0.1:1/' });
      expect(config).to.deep.include({
        timeout: 30_000,
        compression: 'snappy',
        add_metric_suffixes: false,
        max_batch_size_bytes: 960_000,
      });
      expect(config).to.have.nested.property('retry_on_failure.initial_interval', 50);
      expect(config).to.have.nested.property('retry_on_failure.max_elapsed_time', 0);
      const queue = queueSettings(parse(options, { endpoint: 'http://127.0.0.1:1/' }));
      expect(queue).to.include({
        enabled: true,
        queue_size: 10_000,
        num_consumers: 5,
        when_full: 'drop_newest',
        storage: undefined,
      });
    });

    it('takes the queue by the name that other exporters have for it', () => {
      const written = { endpoint: 'http://127.0.0.1:1/', sending_queue: { num_consumers: 2, storage: 'file_storage' } };
      const queue = queueSettings(parse(options, written));
      expect(queue).to.include({ num_consumers: 2, storage: 'file_storage', queue_size: Number.POSITIVE_INFINITY });
    });

    it("takes all of the Collector's keys for a queue", () => {
      const batch = { flush_timeout: '1s', min_size: 10, max_size: 20, sizer: 'bytes' };
      const keys = { sizer: 'items', block_on_overflow: true, queue_size: 100 };
      for (const name of ['sending_queue', 'remote_write_queue']) {
        const written = { endpoint: 'http://127.0.0.1:1/', [name]: { ...keys, wait_for_result: true, batch } };
        const want = { ...keys, wait_for_result: true, batch: { ...batch, flush_timeout: 1000 } };
        expect(queueSettings(parse(options, written))).to.deep.include(want);
        const onDisk = { ...written, [name]: { sizer: 'bytes', block_on_overflow: true }, wal: { directory: '/x' } };
        expect(queueSettings(parse(options, onDisk))).to.include({
          ...{ sizer: 'bytes', when_full: 'drop_newest' },
          ...{ block_on_overflow: true, queue_size: Number.POSITIVE_INFINITY },
        });
      }
    });

    it('takes the wal section of the Collector', () => {
      const wal = { directory: '/x', buffer_size: 100, truncate_frequency: '45s', lag_record_frequency: '15s' };
      const queue = queueSettings(parse(options, { endpoint: 'http://127.0.0.1:1/', wal }));
      expect(queue).to.include({ when_full: 'drop_oldest', queue_size: Number.POSITIVE_INFINITY });
    });
  });
});
