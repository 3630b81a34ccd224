import type { Clock } from '#clock';
import type { Fields } from '#component';

const PAUSE = 60_000;

/**
 * A log function that says each thing at most once a minute; `key` tells things apart. What was kept back is counted in
 * the field `suppressed` of the next line of that key.
 */
export function createComplaints(
  clock: Clock,
  write: (message: string, fields?: Fields) => void,
): (key: string, message: string, fields?: Fields) => void {
  const said = new Map<string, { at: number; suppressed: number }>();
  return (key, message, fields = {}) => {
    const now = clock.monotonic();
    const last = said.get(key);
    if (last && now - last.at < PAUSE) {
      last.suppressed++;
      return;
    }
    said.set(key, { at: now, suppressed: 0 });
    write(message, last?.suppressed ? { ...fields, suppressed: last.suppressed } : fields);
  };
}

/** Losses on their way into the log. */
export interface Losses {
  /** So many metric points were lost. `error` is what the next line says about them. */
  add(reason: string, points: number, error?: unknown): void;
  /** Says what has not been said yet; at the latest when the component ends. */
  flush(): void;
}

/**
 * Says each reason at most once a minute, and with it all points lost for that reason since it was said last, so that the
 * log adds up to what the counter has.
 */
export function createLosses(clock: Clock, say: (points: number, reason: string, error: unknown) => void): Losses {
  const known = new Map<string, { at: number; points: number; error: unknown }>();
  return {
    add(reason, points, error) {
      const now = clock.monotonic();
      const entry = known.get(reason) ?? { at: Number.NEGATIVE_INFINITY, points: 0, error };
      known.set(reason, entry);
      entry.points += points;
      entry.error = error;
      if (now - entry.at < PAUSE) return;
      say(entry.points, reason, error);
      entry.at = now;
      entry.points = 0;
    },
    flush() {
      for (const [reason, entry] of known) {
        if (entry.points > 0) say(entry.points, reason, entry.error);
        entry.points = 0;
      }
    },
  };
}
