import { type Batch, type Snapshot, sliceSnapshot } from '#metrics';

/** Snapshots that wait, by reference, in the order in which they came. */
export class Pending {
  #snapshots: Snapshot[] = [];
  #points = 0;

  /** Samples. */
  get points(): number {
    return this.#points;
  }

  add(batch: Batch): void {
    for (const snapshot of batch) {
      this.#snapshots.push(snapshot);
      this.#points += snapshot.values.length;
    }
  }

  /** All of it, in batches of at most `max` samples (0: one batch); holds nothing then. */
  take(max: number): Batch[] {
    const all = this.#snapshots;
    this.#snapshots = [];
    this.#points = 0;
    return max > 0 ? split(all, max) : [all];
  }
}

/**
 * A snapshot is cut only when it is larger than a whole batch, and then always at the same places: what is derived from a
 * set (an encoder's template) is kept by the set's identity, and cuts that wander would make a new set each time.
 */
function split(snapshots: readonly Snapshot[], max: number): Batch[] {
  const batches: Snapshot[][] = [];
  let open: Snapshot[] = [];
  let points = 0;
  for (const piece of snapshots.flatMap((snapshot) => cut(snapshot, max))) {
    if (points + piece.values.length > max && open.length > 0) {
      batches.push(open);
      open = [];
      points = 0;
    }
    open.push(piece);
    points += piece.values.length;
  }
  batches.push(open);
  return batches;
}

function cut(snapshot: Snapshot, max: number): Snapshot[] {
  const { length } = snapshot.values;
  if (length <= max) return [snapshot];
  const pieces: Snapshot[] = [];
  for (let from = 0; from < length; from += max) {
    pieces.push(sliceSnapshot(snapshot, from, Math.min(from + max, length)));
  }
  return pieces;
}
