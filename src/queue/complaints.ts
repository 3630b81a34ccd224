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
