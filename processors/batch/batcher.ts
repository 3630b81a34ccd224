import { type Consumer, type Counter, type Host, isPermanent, type Processor } from '#component';
import { type Batch, pointCount } from '#metrics';
import { Pending } from './pending.ts';

export interface BatcherOptions {
  /** Milliseconds between the moments at which what waits is flushed; 0: nothing waits. */
  timeout: number;
  /** Samples that make a flush begin. */
  size: number;
  /** The most samples in one batch; 0: no limit. */
  maxSize: number;
}

type Trigger = 'size' | 'timeout' | 'stop';

/** The Collector's, for its dashboards. */
const SIZES = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 20_000, 30_000,
  50_000, 100_000,
];

/**
 * Holds at most one batch on its way and one that fills. While the first is under way and the second is full, `consume`
 * waits, so that a slow exporter slows the receivers down and memory stays bounded. One batch at a time is sent, so samples
 * of a series stay in order.
 */
export class Batcher implements Processor {
  readonly #options: BatcherOptions;
  readonly #host: Host;
  readonly #next: Consumer;
  readonly #instruments: ReturnType<typeof instruments>;
  readonly #pending = new Pending();
  readonly #sending = new AbortController();
  #underWay: Promise<void> | undefined;
  #cancelTimer = () => {};
  #timed = false;
  #sentAny = false;
  /** The start, or the last flush of a full batch: the strokes of the timeout are counted from here. */
  #began: number;
  #stopped = false;
  /** Samples lost since sending last went well. */
  #lost = 0;

  constructor(options: BatcherOptions, host: Host, next: Consumer) {
    this.#options = options;
    this.#host = host;
    this.#next = next;
    this.#began = host.clock.monotonic();
    this.#instruments = instruments(host);
  }

  async consume(batch: Batch, signal: AbortSignal): Promise<void> {
    if (this.#options.timeout === 0) return this.#sendAtOnce(batch, signal);
    while (this.#underWay && this.#isFull()) await unlessAborted(this.#underWay, signal);
    signal.throwIfAborted();
    if (this.#stopped) throw new Error('cannot take a batch: the processor has stopped');
    this.#pending.add(batch);
    if (this.#isFull()) this.#flush('size');
    else if (this.#pending.points > 0) this.#startTimer();
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#stopped = true;
    this.#stopTimer();
    const giveUp = () => this.#sending.abort(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      // What is under way may be followed by what filled up meanwhile.
      while (this.#underWay || this.#pending.points > 0) {
        this.#flush('stop');
        await this.#underWay;
      }
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #isFull(): boolean {
    return this.#pending.points > 0 && this.#pending.points >= this.#options.size;
  }

  /** Nothing is held, so an error goes back to the caller. */
  async #sendAtOnce(batch: Batch, signal: AbortSignal): Promise<void> {
    const all = new Pending();
    all.add(batch);
    if (all.points === 0) return;
    for (const part of all.take(this.#options.maxSize)) {
      this.#instruments.sent('size', pointCount(part));
      await this.#next.consume(part, signal);
    }
  }

  #startTimer(): void {
    if (this.#timed || this.#underWay) return;
    this.#timed = true;
    // The Collector's timer runs all the time: its next stroke comes, on average, after half of the timeout. Here it runs
    // only while something waits.
    const { timeout } = this.#options;
    // The first samples of all do not wait: whoever has just started an agent wants to see that it works.
    const wait = this.#sentAny ? timeout - ((this.#host.clock.monotonic() - this.#began) % timeout) : 0;
    this.#cancelTimer = this.#host.clock.after(wait, () => {
      this.#timed = false;
      this.#flush('timeout');
    });
  }

  #stopTimer(): void {
    this.#cancelTimer();
    this.#timed = false;
  }

  #flush(trigger: Trigger): void {
    if (this.#underWay || this.#pending.points === 0) return;
    this.#stopTimer();
    this.#sentAny = true;
    if (trigger === 'size') this.#began = this.#host.clock.monotonic();
    this.#underWay = this.#sendAll(this.#pending.take(this.#options.maxSize), trigger).then(() => {
      this.#underWay = undefined;
      if (this.#isFull()) this.#flush('size');
      else if (this.#pending.points > 0 && !this.#stopped) this.#startTimer();
    });
  }

  /** Never rejects: the callers were told "I have it" long ago, so what fails here is lost, and that is counted and said. */
  async #sendAll(batches: readonly Batch[], trigger: Trigger): Promise<void> {
    const { signal } = this.#sending;
    for (const batch of batches) {
      const points = pointCount(batch);
      this.#instruments.sent(trigger, points);
      try {
        signal.throwIfAborted();
        await unlessAborted(this.#next.consume(batch, signal), signal);
        this.#onSent();
      } catch (error) {
        this.#onLost(points, error);
      }
    }
  }

  #onSent(): void {
    if (this.#lost > 0) this.#host.log.info(`batches go through again; ${this.#lost} samples were lost meanwhile`);
    this.#lost = 0;
  }

  #onLost(points: number, error: unknown): void {
    const reason = this.#sending.signal.aborted ? 'deadline' : isPermanent(error) ? 'permanent' : 'refused';
    this.#instruments.dropped[reason].add(points);
    if (this.#lost === 0)
      this.#host.log.error('cannot send a batch on; its samples are lost', { points, reason, error });
    this.#lost += points;
  }
}

function instruments({ meter }: Host) {
  const drop = (reason: string): Counter =>
    meter.counter('dnscol_processor_batch_dropped_metric_points_total', {
      help: 'Samples of batches that what follows did not take',
      unit: '{datapoints}',
      attributes: { reason },
    });
  const times = (name: string, why: string): Counter =>
    meter.counter(`otelcol_processor_batch_${name}_trigger_send`, {
      help: `Number of times the batch was sent due to a ${why} trigger`,
      unit: '{times}',
    });
  const triggers = { size: times('batch_size', 'size'), timeout: times('timeout', 'timeout') };
  const sizes = meter.histogram('otelcol_processor_batch_batch_send_size', {
    help: 'Number of units in the batch',
    unit: '{units}',
    boundaries: SIZES,
  });
  meter.gauge('otelcol_processor_batch_metadata_cardinality', () => 1, {
    help: 'Number of distinct metadata value combinations being processed',
    unit: '{combinations}',
  });
  return {
    dropped: { refused: drop('refused'), permanent: drop('permanent'), deadline: drop('deadline') },
    sent(trigger: Trigger, points: number): void {
      sizes.record(points);
      // What is left at the end goes as after a timeout.
      triggers[trigger === 'size' ? 'size' : 'timeout'].add(1);
    },
  };
}

/** The promise, or a rejection with the signal's reason as soon as it aborts. */
function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
