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

/** Work on many small things that can pause between two of them. What is done once for all of it may not wait. */
export type Steps<T> = Generator<void, T, void>;

/** Does all of it now. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Does it with a turn, as `turns` gives them, between two steps. */
export async function inTurns<T>(steps: Steps<T>, turn: () => Promise<void>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await turn();
  }
}
