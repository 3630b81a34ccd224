import { type Batch, isStale, type Snapshot } from '#metrics';

const ONE = 0x3ff0000000000000n;
const STALE = 0x7ff0000000000002n;
/** Milliseconds after which a source that told nothing is forgotten. */
const FORGOTTEN = 3_600_000;

/**
 * Decides who tells `target_info`. A source's samples of one moment may come as several snapshots (a page, and what the scraper
 * says of it), and all know the same; it must be told once, or the receiver gets a sample twice.
 */
export class TargetInfoTeller {
  /** By the labels of `target_info`: the last moment that it was told for. */
  readonly #told = new Map<string, number>();
  #sweepAt = 64;

  /** Its value's bits for each snapshot that tells it: 1, or a staleness marker where all that the source reports is stale. */
  choose(batch: Batch, keyOf: (snapshot: Snapshot) => string | undefined): ReadonlyMap<Snapshot, bigint> {
    const chosen = new Map<Snapshot, bigint>();
    const byMoment = new Map<string, Snapshot>();
    for (const snapshot of batch) {
      const key = keyOf(snapshot);
      if (key === undefined) continue;
      const moment = `${snapshot.time} ${key}`;
      const first = byMoment.get(moment);
      if (!first && this.#told.get(key) === snapshot.time) continue;
      byMoment.set(moment, first ?? snapshot);
      this.#told.set(key, snapshot.time);
      if (chosen.get(first ?? snapshot) !== ONE) chosen.set(first ?? snapshot, isAllStale(snapshot) ? STALE : ONE);
    }
    this.#sweep(batch);
    return chosen;
  }

  #sweep(batch: Batch): void {
    if (this.#told.size < this.#sweepAt) return;
    const now = batch.reduce((latest, { time }) => Math.max(latest, time), 0);
    for (const [key, time] of this.#told) if (now - time > FORGOTTEN) this.#told.delete(key);
    this.#sweepAt = Math.max(64, this.#told.size * 2);
  }
}

function isAllStale({ values }: Snapshot): boolean {
  for (let i = 0; i < values.length; i++) if (!isStale(values, i)) return false;
  return true;
}
