import type { Clock } from '#clock';

/**
 * A controller that aborts as soon as one of the signals does, and the way to let go of them. (AbortSignal.any keeps its
 * sources' listeners until it is collected; attempts are too many for that.)
 */
export function linked(...signals: (AbortSignal | undefined)[]): { controller: AbortController; unlink(): void } {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  for (const signal of signals) {
    if (!signal) continue;
    const onAbort = () => controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    undo.push(() => signal.removeEventListener('abort', onAbort));
  }
  return {
    controller,
    unlink() {
      for (const run of undo) run();
    },
  };
}

/** Resolves when the work is over, however it ends, or `ms` from now. */
export async function withLimit(work: Promise<unknown>, clock: Clock, ms: number): Promise<void> {
  let cancel = () => {};
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([work.catch(() => {}), limit]);
  cancel();
}

/** What `work` gives, or a rejection with the signal's reason as soon as that aborts, even when `work` does not heed it. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
