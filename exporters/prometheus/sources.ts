import type { Clock } from '#clock';
import { type Batch, isStale, labelsKey, type Series, type SeriesSet, type Snapshot } from '#metrics';
import type { PageSource } from '#prometheus';

export interface SourcesOptions {
  clock: Clock;
  /** Milliseconds after which a set that was not reported again is forgotten. */
  expiration: number;
  /** Samples that are not shown because an older source reports series of the same labels; one of them. */
  onCollision(series: Series, count: number): void;
}

/** The last values of one series set. */
interface Entry {
  snapshot: Snapshot;
  /** Monotonic milliseconds. */
  seen: number;
  /** Which of two sets came first into the world, lower being older. */
  readonly born: number;
  /** 1 where the series is not this set's to show. */
  hidden: Uint8Array;
  /** How many series it shows. */
  shown: number;
  /** `hidden` has been handed out: a page may be reading it. */
  shared: boolean;
}

interface Owner {
  entry: Entry;
  index: number;
}

/**
 * What is to be seen on the page: of each series one sample, the last. A set that is already known costs nothing but its
 * new values; only a new set, and marks of staleness, are looked at series by series.
 *
 * A new set takes over the series it has: it follows an older set of the same source, most often. Should the older set come
 * again nevertheless, then two sources report the same series. The one that came first shows them from then on, as long as
 * it goes on reporting.
 */
export class Sources {
  readonly #options: SourcesOptions;
  readonly #entries = new Map<SeriesSet, Entry>();
  readonly #owners = new Map<string, Owner>();
  readonly #born = new WeakMap<SeriesSet, number>();
  #births = 0;
  #swept = 0;
  #version = 0;

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** How many series are on the page. */
  get size(): number {
    return this.#owners.size;
  }

  /** Changes whenever the page would. */
  version(): number {
    this.#sweep(0);
    return this.#version;
  }

  take(batch: Batch): void {
    this.#version++;
    this.#sweep(this.#options.expiration / 10);
    for (const snapshot of batch) this.#takeOne(snapshot);
  }

  /** For the page; what is handed out stays as it is. */
  current(): PageSource[] {
    this.#sweep(0);
    return [...this.#entries.values()].map((entry) => {
      if (entry.shown === entry.hidden.length) return { snapshot: entry.snapshot };
      entry.shared = true;
      return { snapshot: entry.snapshot, hidden: entry.hidden };
    });
  }

  #takeOne(snapshot: Snapshot): void {
    const { set, values } = snapshot;
    const stale = staleSlots(values);
    for (const i of stale) this.#release(set.series[i]!);
    if (stale.length === values.length) return;
    const known = this.#entries.get(set);
    const returning = this.#born.has(set);
    const entry = known ?? this.#enter(snapshot);
    entry.snapshot = snapshot;
    entry.seen = this.#options.clock.monotonic();
    if (entry.shown < values.length - stale.length) this.#claim(entry, returning);
    if (entry.shown > 0) this.#entries.set(set, entry);
  }

  #enter(snapshot: Snapshot): Entry {
    const { set, values } = snapshot;
    const born = this.#born.get(set) ?? this.#births++;
    this.#born.set(set, born);
    return { snapshot, seen: 0, born, hidden: new Uint8Array(values.length).fill(1), shown: 0, shared: false };
  }

  /** Tries to show all that the set has and does not show. `returning`: it is not new, so its source is alive. */
  #claim(entry: Entry, returning: boolean): void {
    const { set, values } = entry.snapshot;
    let lost = 0;
    let example: Series | undefined;
    for (const [index, series] of set.series.entries()) {
      if (!entry.hidden[index] || isStale(values, index)) continue;
      const key = labelsKey(series.labels);
      const owner = this.#owners.get(key);
      const collides = owner !== undefined && returning && seriesOf(owner) !== series;
      if (collides) {
        lost++;
        example ??= series;
        if (entry.born > owner.entry.born) continue;
      }
      if (owner) this.#hide(owner);
      this.#owners.set(key, { entry, index });
      writable(entry)[index] = 0;
      entry.shown++;
    }
    if (example) this.#options.onCollision(example, lost);
  }

  /** The series has ended. */
  #release(series: Series): void {
    const key = labelsKey(series.labels);
    const owner = this.#owners.get(key);
    if (!owner) return;
    this.#owners.delete(key);
    this.#hide(owner);
  }

  #hide({ entry, index }: Owner): void {
    writable(entry)[index] = 1;
    if (--entry.shown === 0) this.#entries.delete(entry.snapshot.set);
  }

  /** Forgets what has expired, unless that was done less than `interval` ago. */
  #sweep(interval: number): void {
    const { clock, expiration } = this.#options;
    const now = clock.monotonic();
    if (now - this.#swept < interval) return;
    this.#swept = now;
    for (const [set, entry] of this.#entries) {
      if (now - entry.seen < expiration) continue;
      this.#version++;
      this.#entries.delete(set);
      for (const [i, series] of set.series.entries())
        if (!entry.hidden[i]) this.#owners.delete(labelsKey(series.labels));
    }
  }
}

const seriesOf = ({ entry, index }: Owner): Series => entry.snapshot.set.series[index]!;

function writable(entry: Entry): Uint8Array {
  if (entry.shared) entry.hidden = entry.hidden.slice();
  entry.shared = false;
  return entry.hidden;
}

const NONE: readonly number[] = [];

function staleSlots(values: Float64Array): readonly number[] {
  let slots: number[] | undefined;
  for (let i = 0; i < values.length; i++) {
    if (!isStale(values, i)) continue;
    slots ??= [];
    slots.push(i);
  }
  return slots ?? NONE;
}
