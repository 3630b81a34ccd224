import type { Clock } from '#clock';

export interface PollOptions {
  clock: Clock;
  /** Milliseconds between the starts of two rounds. */
  interval: number;
  /** Milliseconds before the first round. */
  initialDelay?: number;
  /** Milliseconds after which a round's signal aborts; 0 or absent: when the poll stops. */
  timeout?: number;
  /** One round. A rejection goes to `onError`; the next round comes all the same. */
  round(signal: AbortSignal): Promise<void>;
  onError(error: unknown): void;
}

export interface Poll {
  start(): void;
  /** No new round begins; resolves when the one under way has ended, which its signal tells it to do. */
  stop(): Promise<void>;
}

/**
 * Rounds at fixed moments: `first + k × interval` on the monotonic clock, so that nothing drifts. Rounds never overlap; a
 * round that takes longer than the interval skips the moments it missed.
 */
export function poll({ clock, interval, initialDelay = 0, timeout = 0, round, onError }: PollOptions): Poll {
  const stopping = new AbortController();
  let cancel = () => {};
  let underWay = Promise.resolve();
  let due = 0;

  async function run(): Promise<void> {
    const ending = new AbortController();
    const onStop = () => ending.abort(stopping.signal.reason);
    stopping.signal.addEventListener('abort', onStop, { once: true });
    const cancelTimeout = timeout
      ? clock.after(timeout, () => ending.abort(new Error(`took longer than ${timeout} ms`)))
      : () => {};
    try {
      await round(ending.signal);
    } catch (error) {
      if (!stopping.signal.aborted) onError(error);
    } finally {
      cancelTimeout();
      stopping.signal.removeEventListener('abort', onStop);
    }
    schedule();
  }

  function schedule(): void {
    if (stopping.signal.aborted) return;
    const now = clock.monotonic();
    due += interval * Math.max(1, Math.ceil((now - due) / interval));
    arm(due - now);
  }

  function arm(ms: number): void {
    cancel = clock.after(ms, () => {
      underWay = run();
    });
  }

  return {
    start() {
      due = clock.monotonic() + initialDelay;
      arm(initialDelay);
    },
    async stop() {
      stopping.abort(new Error('stopping'));
      cancel();
      await underWay;
    },
  };
}
