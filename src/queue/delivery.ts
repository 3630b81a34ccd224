import { sleep } from '#clock';
import { type Counter, type Host, isPermanent, PermanentError, ThrottleError } from '#component';
import { createBackoff, LONGEST_THROTTLE } from './backoff.ts';
import { createComplaints, createLosses } from './complaints.ts';
import type { RetrySettings } from './settings.ts';
import { linked, untilAborted } from './signals.ts';

/** Why points were given up: the attribute `reason` of `otelcol_exporter_send_failed_metric_points`. */
export type DropReason = 'permanent' | 'retry_disabled' | 'max_elapsed_time' | 'stopped' | 'cancelled' | 'overflow';

/** The destination took a part of an item for good, and refused the rest for good. */
export class PartialError extends PermanentError {
  /** Points that it took. */
  readonly taken: number;
  constructor(message: string, taken: number, options?: ErrorOptions) {
    super(message, options);
    this.taken = taken;
  }
}

export interface DeliveryOptions<T> {
  host: Host;
  retry: RetrySettings;
  /** Milliseconds for one attempt; 0 or absent: no limit. Pauses between attempts are not part of it. */
  timeout?: number;
  /**
   * One attempt. A PermanentError gives the item up, a ThrottleError asks for a pause, anything else is retried. The signal
   * aborts at the attempt's timeout and when the time to drain is over.
   */
  send(item: T, signal: AbortSignal): Promise<void>;
  /** Metric points in an item. */
  points(item: T): number;
  /** Told of an item that was sent and that no attempt reads any more: its memory may be used again. */
  recycle?(item: T): void;
  /** Smaller items to send, in this order, in place of one that failed with this error; undefined: none would fare better. */
  split?(item: T, error: unknown): readonly T[] | undefined;
  /** From 0 up to but not 1; for tests. */
  random?: () => number;
}

/** When to hurry: `stopping` ends pauses and makes the next failure the last, `ended` ends attempts too. */
export interface Deadlines {
  stopping: AbortSignal;
  ended: AbortSignal;
}

export interface Manner {
  /** Somebody waits for the result: nothing is logged when the item is given up. */
  heard?: boolean;
  /** The caller's own signal. */
  cancel?: AbortSignal | undefined;
  /** Stopping does not give the item up: the next process has it. It is neither counted nor logged, and the result is KEPT. */
  kept?: boolean;
}

export const KEPT: unique symbol = Symbol('kept');

/** Takes one item to its end: sent, or given up, counted and logged. */
export interface Delivery<T> {
  /** Resolves with undefined when sent, or with the error that it was given up for. */
  deliver(item: T, manner: Manner): Promise<unknown>;
  /** Counts, and unless `heard` logs, what is not sent. */
  giveUp(item: T, reason: DropReason, error: unknown, heard: boolean): void;
  /** Logs the points that were given up and not said yet. */
  flush(): void;
}

export function createDelivery<T>(options: DeliveryOptions<T>, deadlines: Deadlines): Delivery<T> {
  const { host, retry, timeout } = options;
  const losses = createLosses(host.clock, (points, reason, error) =>
    host.log.error(`dropped ${points} metric points`, { reason, error }, { always: true }),
  );
  const note = createComplaints(host.clock, host.log.warn);
  const sent = host.meter.counter('otelcol_exporter_sent_metric_points', {
    help: 'Metric points that the destination took.',
    unit: '{datapoints}',
  });
  let inFlight = 0;
  host.meter.gauge('otelcol_exporter_in_flight_requests', () => inFlight, {
    help: 'Requests under way.',
    unit: '{requests}',
    attributes: { data_type: 'metrics' },
  });

  /** Items that an attempt which was cut short may still read. */
  const loose = new WeakSet<object>();

  async function attempt(item: T, cancel: AbortSignal | undefined): Promise<void> {
    const { controller, unlink } = linked(deadlines.ended, cancel);
    const tooLate = () => controller.abort(new Error(`no answer within ${timeout} ms`));
    const cancelTimeout = timeout ? host.clock.after(timeout, tooLate) : undefined;
    inFlight++;
    try {
      controller.signal.throwIfAborted();
      await untilAborted(options.send(item, controller.signal), controller.signal);
    } finally {
      inFlight--;
      cancelTimeout?.();
      unlink();
      if (controller.signal.aborted && typeof item === 'object') loose.add(item as object);
    }
  }

  /** Ends early, and without an error, when the sender stops or the caller gives up. */
  async function pause(ms: number, cancel: AbortSignal | undefined): Promise<void> {
    const { controller, unlink } = linked(deadlines.stopping, cancel);
    await sleep(host.clock, ms, controller.signal).catch(() => {});
    unlink();
  }

  /** How long to wait before the next attempt, or why there is none. */
  function next(error: unknown, elapsed: number, backoff: () => number, cancel?: AbortSignal): number | DropReason {
    if (isPermanent(error)) return 'permanent';
    if (deadlines.stopping.aborted) return 'stopped';
    if (cancel?.aborted) return 'cancelled';
    if (!retry.enabled) return 'retry_disabled';
    const delay = Math.max(backoff(), Math.min(askedPause(error), LONGEST_THROTTLE));
    return retry.max_elapsed_time && elapsed + delay > retry.max_elapsed_time ? 'max_elapsed_time' : delay;
  }

  function giveUp(item: T, reason: DropReason, error: unknown, heard: boolean): void {
    const all = options.points(item);
    const taken = error instanceof PartialError ? Math.min(error.taken, all) : 0;
    const points = all - taken;
    sent.add(taken);
    lost(host, reason).add(points);
    if (!heard) losses.add(reason, points, error);
  }

  async function pieces(items: readonly T[], manner: Manner): Promise<unknown> {
    let failure: unknown;
    for (const item of items) {
      const result = await deliver(item, manner);
      if (result === KEPT) return KEPT;
      failure = result ?? failure;
    }
    return failure;
  }

  async function deliver(item: T, manner: Manner): Promise<unknown> {
    const { heard = false, cancel, kept } = manner;
    const backoff = createBackoff(retry, options.random);
    const started = host.clock.monotonic();
    for (;;) {
      try {
        await attempt(item, cancel);
        sent.add(options.points(item));
        host.report('ok');
        if (!loose.has(item as object)) options.recycle?.(item);
        return undefined;
      } catch (error) {
        const smaller = options.split?.(item, error);
        if (smaller) return pieces(smaller, manner);
        host.report('recoverable', error instanceof Error ? error.message : String(error), 'said');
        const delay = next(error, host.clock.monotonic() - started, backoff, cancel);
        if (delay === 'stopped' && kept) return KEPT;
        if (typeof delay === 'string') {
          giveUp(item, delay, error, heard);
          return error;
        }
        note('retry', 'sending failed, will try again', { in_ms: Math.round(delay), error });
        await pause(delay, cancel);
      }
    }
  }

  return { deliver, giveUp, flush: losses.flush };
}

/** The counter of points that an exporter gave up, by reason. */
export function lost(host: Host, reason: string): Counter {
  return host.meter.counter('otelcol_exporter_send_failed_metric_points', {
    help: 'Metric points that were given up, by reason.',
    unit: '{datapoints}',
    attributes: { reason },
  });
}

function askedPause(error: unknown): number {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof ThrottleError) return e.delay;
  return 0;
}
