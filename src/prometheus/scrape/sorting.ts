import type { Steps } from '#kit';
import { follow, type Series } from '#metrics';
import type { ScrapeConfig } from '../config/config.ts';
import type { Layout, Origin, RawSample } from '../exposition/exposition.ts';
import { ScrapeError } from './labels.ts';
import type { Naming } from './naming.ts';
import { Slots } from './slots.ts';

/** Samples on a page, those that relabelling left, and series that were not known. */
export interface Counts {
  readonly scraped: number;
  readonly kept: number;
  readonly added: number;
}

/** How far a page was read before it was refused, for `scrape_samples_…`. */
export class RefusedPage extends ScrapeError {
  readonly counts: Counts;
  constructor(cause: ScrapeError, counts: Counts) {
    super(cause.reason, cause.message);
    this.counts = counts;
  }
}

/**
 * A page that is not like the last one and has more samples takes long enough to let others have their turn. Working memory is
 * kept for smaller ones only.
 */
export const LARGE = 1 << 14;
/** Samples between two pauses. */
const STEP = 256;

export type SortingConfig = Pick<ScrapeConfig, 'honorTimestamps' | 'trackTimestampsStaleness' | 'limits'>;

/** What is kept of the last good page. */
export interface Known {
  readonly layout: Layout;
  /** Which of `series` each sample gives, -1 where relabelling drops it; absent where sample i gives series i. */
  readonly places: Int32Array | undefined;
  readonly series: readonly Series[];
  readonly hashes: Uint32Array;
}

export const NOTHING: Known = { layout: { samples: [] }, places: undefined, series: [], hashes: new Uint32Array(0) };

export interface Sorted {
  /** Of each series the sample that was its first; absent where sample i gives series i. */
  readonly first: Uint32Array | undefined;
  readonly repeats: readonly { series: Series[]; index: number[] }[];
  /** The series to be marked stale when they vanish; absent for all of them. */
  readonly untimed: readonly Series[] | undefined;
  readonly counts: { scraped: number; kept: number; added: number; duplicates: number };
}

/** One page's samples being put in order. */
export class Sorting {
  readonly #samples: readonly RawSample[];
  readonly #before: Known;
  readonly #naming: Naming;
  readonly #config: SortingConfig;
  readonly #isLarge: boolean;
  readonly #failed: ReadonlySet<number> | undefined;
  readonly #slots: Slots;
  readonly #work: Work;
  /** Series of the page so far. */
  #count = 0;

  /** `failed`: what `fresh` gave of a page that failed since the last good one. */
  constructor(
    samples: readonly RawSample[],
    before: Known,
    naming: Naming,
    config: SortingConfig,
    failed?: ReadonlySet<number>,
  ) {
    this.#samples = samples;
    this.#failed = failed;
    this.#before = before;
    this.#naming = naming;
    this.#config = config;
    const most = before.series.length + samples.length;
    this.#isLarge = samples.length > LARGE;
    this.#slots = new Slots(before.series, before.hashes, this.#isLarge ? most : 0);
    // Each sample can add one slot at most.
    this.#work = workFor(most);
  }

  /** `origin` tells how the layout came from the last one, where that is known. Pauses now and then in a large page. */
  *run(origin?: Origin): Steps<Sorted> {
    const samples = this.#samples;
    const { honorTimestamps, trackTimestampsStaleness } = this.#config;
    const standing = origin?.places ?? follow(this.#before.layout.samples, samples);
    const mayBeTimed = honorTimestamps && origin?.isTimed !== false;
    // Then a sample that stays gives the series that it gave: nobody else could have decided what that is.
    const isPlain = !mayBeTimed && !this.#before.places;
    const old = this.#before.series.length;
    const { slotOf, times } = this.#work;
    const repeats: { series: Series[]; index: number[] }[] = [];
    const untimed: Series[] | undefined = mayBeTimed && !trackTimestampsStaleness ? [] : undefined;
    const counts = { scraped: samples.length, kept: 0, added: 0, duplicates: 0 };
    for (let i = 0; i < samples.length; i++) {
      if (this.#isLarge && i % STEP === STEP - 1) yield;
      const place = standing[i]!;
      if (isPlain && place >= 0 && times[place] === 0) {
        counts.kept++;
        slotOf[i] = place;
        this.#begin(place, i);
        continue;
      }
      const raw = samples[i]!;
      const slot = place >= 0 ? this.#placeOf(place) : this.#find(raw, i, counts);
      slotOf[i] = slot;
      if (slot < 0) continue;
      counts.kept++;
      const timed = raw.hasTimestamp && honorTimestamps;
      const before = times[slot]!;
      if (before === 0) {
        if (slot >= old && !overLimit(this.#count + 1, this.#config) && this.#isNew(slot)) counts.added++;
        this.#decide(slot, raw);
        this.#begin(slot, i);
        if (!timed) untimed?.push(this.#slots.at(slot));
      } else if (timed) {
        const again = repeats[before - 1] ?? { series: [], index: [] };
        repeats[before - 1] = again;
        again.series.push(this.#slots.at(slot));
        again.index.push(i);
        times[slot] = before + 1;
      } else counts.duplicates++;
    }
    this.#holdLimit(counts);
    const count = this.#count;
    const first = count === samples.length ? undefined : this.#work.first.slice(0, count);
    return { first, repeats, untimed: untimed?.length === count ? undefined : untimed, counts };
  }

  /** The series of the page before that this one does not have. A series whose family changed its type or help is still there. */
  vanished(): readonly Series[] {
    const { series } = this.#before;
    const { times } = this.#work;
    const gone: Series[] = [];
    for (let slot = 0; slot < series.length; slot++) if (times[slot] === 0) gone.push(series[slot]!);
    return gone;
  }

  /** The hashes of the series so far that the last good page did not have. */
  fresh(): ReadonlySet<number> {
    const hashes = new Set<number>();
    for (let slot = this.#before.series.length; slot < this.#slots.size; slot++) hashes.add(this.#slots.hashAt(slot));
    return hashes;
  }

  /** What the next page will be compared with. */
  known(layout: Layout): Known {
    const { order, slotOf, place } = this.#work;
    const count = this.#count;
    const size = this.#samples.length;
    const series: Series[] = [];
    const hashes = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      series.push(this.#slots.at(order[i]!));
      hashes[i] = this.#slots.hashAt(order[i]!);
    }
    const places = count === size ? undefined : slotOf.slice(0, size);
    if (places) for (let i = 0; i < size; i++) if (places[i]! >= 0) places[i] = place[places[i]!]!;
    return { layout, places, series, hashes };
  }

  #isNew(slot: number): boolean {
    return !this.#failed?.has(this.#slots.hashAt(slot));
  }

  /** The slot of a sample that stood at `was` on the page before; -1 when relabelling dropped it. */
  #placeOf(was: number): number {
    return this.#before.places ? this.#before.places[was]! : was;
  }

  /** The slot of a sample that is new; -1 when relabelling drops it. */
  #find(raw: RawSample, i: number, { kept, added }: Sorted['counts']): number {
    try {
      const named = this.#naming.of(raw);
      return named ? this.#slots.slotOf(named.series, named.hash) : -1;
    } catch (error) {
      throw error instanceof ScrapeError ? new RefusedPage(error, { scraped: i + 1, kept, added }) : error;
    }
  }

  /** The first of a page's samples decides what a series is, its family too. */
  #decide(slot: number, raw: RawSample): void {
    const series = this.#slots.at(slot);
    if (series.family !== raw.family || series.native !== raw.native) {
      this.#slots.replace(slot, this.#naming.series(raw, series.labels));
    }
  }

  /** Sample `i` is the first of a series. */
  #begin(slot: number, i: number): void {
    const { times, place, order, first } = this.#work;
    times[slot] = 1;
    place[slot] = this.#count;
    order[this.#count] = slot;
    first[this.#count++] = i;
  }

  #holdLimit({ scraped, kept, added, duplicates }: Sorted['counts']): void {
    const count = kept - duplicates;
    if (!overLimit(count, this.#config)) return;
    const text = `sample_limit exceeded (samples: ${count}, limit: ${this.#config.limits.samples})`;
    throw new RefusedPage(new ScrapeError('sample_limit', text), { scraped, kept, added });
  }
}

const overLimit = (count: number, { limits }: SortingConfig) => limits.samples > 0 && count > limits.samples;

/** Working memory, kept up to a size: putting a page in order never waits for anything. */
interface Work {
  /** By sample, its slot; -1 for one that is dropped. */
  readonly slotOf: Int32Array;
  /** By series of the page: its slot, and its first sample. */
  readonly order: Uint32Array;
  readonly first: Uint32Array;
  /** By slot: how often this page had it, and its place among the page's series. */
  readonly times: Uint32Array;
  readonly place: Uint32Array;
}

let kept = makeWork(1 << 10);

function makeWork(size: number): Work {
  const column = () => new Uint32Array(size);
  return { slotOf: new Int32Array(size), order: column(), first: column(), times: column(), place: column() };
}

function workFor(slots: number): Work {
  if (slots > kept.times.length) {
    const made = makeWork(2 ** Math.ceil(Math.log2(slots)));
    if (slots > LARGE) return made;
    kept = made;
  } else kept.times.fill(0, 0, slots);
  return kept;
}
