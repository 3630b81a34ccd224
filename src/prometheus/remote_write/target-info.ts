import { type Batch, isStale, type Snapshot } from '#metrics';
import { FORGOTTEN } from './own-info.ts';
import type { InfoRow } from './rows.ts';

const ONE = 0x3ff0000000000000n;
const STALE = 0x7ff0000000000002n;

/** What the teller has to know of a set's `target_info`. */
export interface Telling extends Pick<InfoRow, 'own'> {
  /** The labels of the one that is made. */
  readonly key: string;
}

/**
 * Decides who tells `target_info`. A source's samples of one moment may come as several snapshots (a page, and what the scraper
 * says of it), and all know the same; it must be told once, or the receiver gets a sample twice. Where the page has a
 * `target_info` of its own, that tells all, as a sample like others: none is made then, and one that was made before ends.
 */
export class TargetInfoTeller {
  /** By the labels of the `target_info` that is made: the last moment that it was told for. */
  readonly #told = new Map<string, number>();
  /** And the last moment for which the page told its own. */
  readonly #own = new Map<string, number>();
  #sweepAt = 64;

  /** Its value's bits for each snapshot that tells it: 1, or a staleness marker where all that the source reports is stale. */
  choose(batch: Batch, tellingOf: (snapshot: Snapshot) => Telling | undefined): ReadonlyMap<Snapshot, bigint> {
    const chosen = new Map<Snapshot, bigint>();
    const byMoment = new Map<string, Snapshot>();
    for (const snapshot of batch) {
      const telling = tellingOf(snapshot);
      if (telling === undefined) continue;
      const { key, own } = telling;
      if (own) {
        if (this.#told.delete(key) && own === 'other') chosen.set(snapshot, STALE);
        this.#own.set(key, snapshot.time);
        continue;
      }
      if (this.#tellsItself(key, snapshot.time)) continue;
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

  /** A target that is down has none, rather than another one that would stand beside its own when it is back. */
  #tellsItself(key: string, time: number): boolean {
    const last = this.#own.size > 0 ? this.#own.get(key) : undefined;
    return last !== undefined && time - last <= FORGOTTEN;
  }

  #sweep(batch: Batch): void {
    if (Math.max(this.#told.size, this.#own.size) < this.#sweepAt) return;
    const now = batch.reduce((latest, { time }) => Math.max(latest, time), 0);
    for (const known of [this.#told, this.#own]) {
      for (const [key, time] of known) if (now - time > FORGOTTEN) known.delete(key);
    }
    this.#sweepAt = Math.max(64, 2 * this.#told.size, 2 * this.#own.size);
  }
}

function isAllStale({ values }: Snapshot): boolean {
  for (let i = 0; i < values.length; i++) if (!isStale(values, i)) return false;
  return true;
}
