import type { Clock } from '#clock';
import type { ComponentStatus } from '#component';

export interface Health {
  onReady(): void;
  onDraining(): void;
  onStatus(status: ComponentStatus): void;
  state(): HealthState;
}

export interface HealthState {
  healthy: boolean;
  /** Milliseconds since the epoch; undefined while the pipelines do not all run. */
  upSince: number | undefined;
  /** Milliseconds. */
  uptime: number;
  /** `exporter/otlphttp`, … */
  failed: string[];
}

/**
 * Ready when all pipelines run, the agent is not stopping, and no component has failed for good. One that is in trouble
 * which may pass (a receiver of ours is away) does not count: a restart, which is what a failed probe leads to, would lose
 * what waits in the queues and help nothing.
 */
export function health(clock: Clock): Health {
  const failed = new Set<string>();
  let ready: { wall: number; monotonic: number } | undefined;
  return {
    onReady() {
      ready ??= { wall: clock.now(), monotonic: clock.monotonic() };
    },
    onDraining() {
      ready = undefined;
    },
    onStatus({ kind, id, status }) {
      if (status === 'permanent') failed.add(`${kind}/${id}`);
      else failed.delete(`${kind}/${id}`);
    },
    state: () => ({
      healthy: ready !== undefined && failed.size === 0,
      upSince: ready?.wall,
      uptime: ready ? clock.monotonic() - ready.monotonic : 0,
      failed: [...failed].sort(),
    }),
  };
}
