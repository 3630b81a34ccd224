import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '#clock';
import type { Consumer, Counter, HistogramInstrument, Logger, Meter } from '#component';
import { type Batch, pointCount } from '#metrics';
import { createLosses } from '#queue';

/** Told of every batch: how many points, and the error when it was not taken. */
type Count = (points: number, refusal: { error: unknown } | undefined) => void;

/**
 * The way out of a component: counts, and can be pointed elsewhere or held shut while a reload swaps what lies behind it.
 * Counted under the Collector's names.
 */
export class Outlet implements Consumer {
  readonly #clock: Clock;
  readonly #count: Count;
  #target: Consumer | undefined;
  #gate: Promise<void> | undefined;
  #open = () => {};
  #inFlight = 0;
  #idle = () => {};
  /** Of the call into the component that a batch comes from: milliseconds spent in what lies behind. */
  readonly calls = new AsyncLocalStorage<{ elapsed: number }>();

  /** To be called when no more will come: says what is still to be said. */
  readonly end: () => void;

  constructor(clock: Clock, count: Count, end = () => {}) {
    this.#clock = clock;
    this.#count = count;
    this.end = end;
  }

  connect(target: Consumer): void {
    this.#target = target;
  }

  /** New batches wait until `release`; resolves when none is under way, or the signal aborts. */
  async hold(signal: AbortSignal): Promise<void> {
    this.#gate ??= new Promise((resolve) => {
      this.#open = resolve;
    });
    if (!this.#inFlight || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  release(): void {
    this.#gate = undefined;
    this.#open();
  }

  async consume(batch: Batch, signal: AbortSignal): Promise<void> {
    if (this.#gate) await openOrAborted(this.#gate, signal);
    if (!this.#target) throw new Error('the pipeline is not connected');
    this.#inFlight++;
    const began = this.#clock.monotonic();
    let refusal: { error: unknown } | undefined;
    try {
      await this.#target.consume(batch, signal);
    } catch (error) {
      refusal = { error };
      throw error;
    } finally {
      const call = this.calls.getStore();
      if (call) call.elapsed += this.#clock.monotonic() - began;
      this.#count(pointCount(batch), refusal);
      if (--this.#inFlight === 0) this.#idle();
    }
  }
}

function openOrAborted(gate: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    gate.then(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}

/** What is refused is lost where the receiver cannot keep it: said once a minute, with the number of points since. */
export function receiverOutlet(clock: Clock, meter: Meter, log: Logger, transport = ''): Outlet {
  const count = (name: string, help: string) =>
    meter.counter(`otelcol_receiver_${name}_metric_points`, {
      help,
      unit: '{datapoints}',
      attributes: { transport },
    });
  const accepted = count('accepted', 'Number of metric points successfully pushed into the pipeline.');
  const refused = count('refused', 'Number of metric points that could not be pushed into the pipeline.');
  const losses = createLosses(clock, (points, _, error) =>
    log.warn(`${points} metric points were refused by what follows`, { error }, { always: true }),
  );
  return new Outlet(
    clock,
    (points, refusal) => {
      (refusal ? refused : accepted).add(points);
      if (refusal) losses.add('refused', points, refusal.error);
    },
    losses.flush,
  );
}

const METRICS_SIGNAL = { otel_signal: 'metrics' };

export function processorOutlet(clock: Clock, meter: Meter): Outlet {
  const outgoing = meter.counter('otelcol_processor_outgoing_items', {
    help: 'Number of items emitted from the processor.',
    unit: '{items}',
    attributes: METRICS_SIGNAL,
  });
  return new Outlet(clock, (points) => outgoing.add(points));
}

/** From a tenth of a millisecond to ten seconds. The Collector has OpenTelemetry's own, where all below 5 s is one bucket. */
const SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** Counts what a processor is given, and the time that is its own: without what its outlet spent meanwhile. */
export function processorInlet(processor: Consumer, outlet: Outlet, clock: Clock, meter: Meter): Consumer {
  const incoming = meter.counter('otelcol_processor_incoming_items', {
    help: 'Number of items passed to the processor.',
    unit: '{items}',
    attributes: METRICS_SIGNAL,
  });
  const duration: HistogramInstrument = meter.histogram('otelcol_processor_internal_duration', {
    help: 'Duration of time taken to process a batch of telemetry data through the processor.',
    unit: 's',
    attributes: METRICS_SIGNAL,
    boundaries: SECONDS,
  });
  return {
    async consume(batch, signal) {
      incoming.add(pointCount(batch));
      const began = clock.monotonic();
      const call = { elapsed: 0 };
      try {
        await outlet.calls.run(call, () => processor.consume(batch, signal));
      } finally {
        const own = clock.monotonic() - began - call.elapsed;
        duration.record(Math.max(0, own) / 1000);
      }
    },
  };
}

/** Counts for an exporter without a queue of its own. */
export function exporterInlet(exporter: Consumer, meter: Meter): Consumer {
  const count = (name: string, help: string): Counter =>
    meter.counter(`otelcol_exporter_${name}_metric_points`, { help, unit: '{datapoints}' });
  const sent = count('sent', 'Number of metric points successfully sent to destination.');
  const failed = count('send_failed', 'Number of metric points in failed attempts to send to destination.');
  return {
    async consume(batch, signal) {
      const points = pointCount(batch);
      try {
        await exporter.consume(batch, signal);
        sent.add(points);
      } catch (error) {
        failed.add(points);
        throw error;
      }
    },
  };
}
