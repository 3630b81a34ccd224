import type { Clock } from '#clock';

/** Holds whoever comes before there is anything to show. */
export interface Gate {
  open(): void;
  /** Resolves once it is open, after the gate's longest wait, or when the signal aborts. */
  passed(signal: AbortSignal): Promise<void>;
}

/** `wait`: the longest wait, in milliseconds; 0: it is open. */
export function gate(clock: Clock, wait: number): Gate {
  let isOpen = wait === 0;
  const waiting = new Set<() => void>();
  return {
    open() {
      isOpen = true;
      for (const go of waiting) go();
    },
    passed(signal) {
      if (isOpen || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const go = () => {
          waiting.delete(go);
          signal.removeEventListener('abort', go);
          cancel();
          resolve();
        };
        const cancel = clock.after(wait, go);
        signal.addEventListener('abort', go);
        waiting.add(go);
      });
    },
  };
}
