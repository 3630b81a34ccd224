import type { Clock } from '#clock';

export interface Deadline {
  readonly signal: AbortSignal;
  /** What was waited for is over: nothing is left on the clock. */
  end(): void;
}

/** A signal that also aborts `ms` from now by this clock, with an Error that says so. */
export function deadline(clock: Clock, ms: number, signal: AbortSignal): Deadline {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const cancel = clock.after(ms, () => controller.abort(new Error(`timed out after ${ms / 1000} s`)));
  return {
    signal: controller.signal,
    end() {
      cancel();
      signal.removeEventListener('abort', onAbort);
    },
  };
}
