/** Milliseconds of work after which everything else in the agent gets its turn. */
const SLICE = 10;

/**
 * For work on many small things without a wait in it: call what this gives between two of them. It lets the event loop turn when
 * that is due, and rejects with the signal's reason when it has aborted meanwhile.
 */
export function turns(signal?: AbortSignal): () => Promise<void> {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < SLICE) return;
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    began = performance.now();
  };
}
