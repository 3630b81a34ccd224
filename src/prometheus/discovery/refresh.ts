import type { Clock } from '#clock';
import { poll } from '#kit';
import type { Discovery, TargetGroup } from './groups.ts';

export interface RefreshOptions {
  clock: Clock;
  /** Milliseconds. One look may take as long. */
  interval: number;
  /** All groups there are now; undefined when they are what they were. */
  look(signal: AbortSignal): Promise<readonly TargetGroup[] | undefined>;
  /** A look failed: what was found before stays. */
  onError(error: unknown): void;
  close?(): void;
}

/** Looks at once and then every interval, in the background: whoever is asked may be slow or down. */
export function refreshing({ clock, interval, look, onError, close }: RefreshOptions): Discovery {
  let update: (groups: readonly TargetGroup[]) => void = () => {};
  let fresh = clock.monotonic();
  const polling = poll({
    clock,
    interval,
    timeout: interval,
    async round(signal) {
      const groups = await look(signal);
      fresh = clock.monotonic();
      if (groups && !signal.aborted) update(groups);
    },
    onError,
  });
  return {
    async start(receive) {
      update = receive;
      fresh = clock.monotonic();
      polling.start();
    },
    async stop() {
      await polling.stop();
      close?.();
    },
    // Between two looks nothing is stale.
    stale: () => Math.max(0, clock.monotonic() - fresh - interval),
  };
}
