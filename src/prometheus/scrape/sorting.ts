import { follow, type Series } from '#metrics';
import type { ScrapeConfig } from '../config/config.ts';
import type { RawSample } from '../exposition/exposition.ts';
import { ScrapeError } from './labels.ts';
import type { Naming } from './naming.ts';
import { Slots } from './slots.ts';

/** How far a page was read before it was refused, for `scrape_samples_…`. */
export class RefusedPage extends ScrapeError {
  readonly counts: { scraped: number; kept: number; added: number };
  constructor(cause: ScrapeError, counts: RefusedPage['counts']) {
    super(cause.reason, cause.message);
    this.counts = counts;
  }
}

export type SortingConfig = Pick<ScrapeConfig, 'honorTimestamps' | 'trackTimestampsStaleness' | 'limits'>;

/** What is kept of the last good page. */
export interface Known {
  readonly samples: readonly RawSample[];
  /** Which of `series` each sample gives, -1 where relabelling drops it; absent where sample i gives series i. */
  readonly places: Int32Array | undefined;
  readonly series: readonly Series[];
  readonly hashes: Uint32Array;
}

export const NOTHING: Known = { samples: [], places: undefined, series: [], hashes: new Uint32Array(0) };

export interface Sorted {
  /** Of each series the sample that was its first. */
  readonly first: readonly number[];
  readonly repeats: readonly { series: Series[]; index: number[] }[];
  readonly untimed: readonly Series[];
  readonly counts: { scraped: number; kept: number; added: number; duplicates: number };
}

/** One page's samples being put in order. */
export class Sorting {
  readonly #samples: readonly RawSample[];
  readonly #before: Known;
  readonly #naming: Naming;
  readonly #config: SortingConfig;
  readonly #slots: Slots;
  /** By sample, its slot; -1 for one that is dropped. */
  readonly #slotOf: Int32Array;
  /** By slot: how often this page had it, and its place among the page's series. */
  readonly #times: Uint32Array;
  readonly #place: Uint32Array;
  /** The slots of the page's series, in order. */
  readonly #order: number[] = [];

  constructor(samples: readonly RawSample[], before: Known, naming: Naming, config: SortingConfig) {
    this.#samples = samples;
    this.#before = before;
    this.#naming = naming;
    this.#config = config;
    this.#slots = new Slots(before.series, before.hashes);
    this.#slotOf = new Int32Array(samples.length);
    // Each sample can add one slot at most.
    this.#times = new Uint32Array(before.series.length + samples.length);
    this.#place = new Uint32Array(before.series.length + samples.length);
  }

  run(): Sorted {
    const samples = this.#samples;
    const { honorTimestamps, trackTimestampsStaleness } = this.#config;
    const old = this.#before.series.length;
    const standing = follow(this.#before.samples, samples);
    const first: number[] = [];
    const repeats: { series: Series[]; index: number[] }[] = [];
    const untimed: Series[] = [];
    const counts = { scraped: samples.length, kept: 0, added: 0, duplicates: 0 };
    for (let i = 0; i < samples.length; i++) {
      const raw = samples[i]!;
      const slot = standing[i]! >= 0 ? this.#placeOf(standing[i]!) : this.#find(raw, i, counts);
      this.#slotOf[i] = slot;
      if (slot < 0) continue;
      counts.kept++;
      const timed = raw.hasTimestamp && honorTimestamps;
      const times = this.#times[slot]!;
      if (times === 0) {
        if (slot >= old && !overLimit(first.length + 1, this.#config)) counts.added++;
        this.#begin(slot, raw);
        first.push(i);
        if (!timed || trackTimestampsStaleness) untimed.push(this.#slots.series[slot]!);
      } else if (timed) {
        const again = repeats[times - 1] ?? { series: [], index: [] };
        repeats[times - 1] = again;
        again.series.push(this.#slots.series[slot]!);
        again.index.push(i);
        this.#times[slot] = times + 1;
      } else counts.duplicates++;
    }
    this.#holdLimit(counts);
    return { first, repeats, untimed, counts };
  }

  /** The series of the page before that this one does not have. A series whose family changed its type or help is still there. */
  vanished(): readonly Series[] {
    const { series } = this.#before;
    const gone: Series[] = [];
    for (let slot = 0; slot < series.length; slot++) if (this.#times[slot] === 0) gone.push(series[slot]!);
    return gone;
  }

  /** What the next page will be compared with. */
  known(): Known {
    const order = this.#order;
    const whole = order.length === this.#samples.length;
    return {
      samples: this.#samples,
      places: whole ? undefined : this.#slotOf.map((slot) => (slot < 0 ? -1 : this.#place[slot]!)),
      series: order.map((slot) => this.#slots.series[slot]!),
      hashes: Uint32Array.from(order, (slot) => this.#slots.hashes[slot]!),
    };
  }

  /** The slot of a sample that stood at `was` on the page before; -1 when relabelling dropped it. */
  #placeOf(was: number): number {
    return this.#before.places ? this.#before.places[was]! : was;
  }

  /** The slot of a sample that is new; -1 when relabelling drops it. */
  #find(raw: RawSample, i: number, { kept, added }: Sorted['counts']): number {
    try {
      const labels = this.#naming.labels(raw);
      if (!labels) return -1;
      const { slot, hash } = this.#slots.find(labels);
      return slot >= 0 ? slot : this.#slots.add(this.#naming.series(raw, labels), hash);
    } catch (error) {
      throw error instanceof ScrapeError ? new RefusedPage(error, { scraped: i + 1, kept, added }) : error;
    }
  }

  /** The first of a page's samples decides what a series is, its family too. */
  #begin(slot: number, raw: RawSample): void {
    const series = this.#slots.series[slot]!;
    if (series.family !== raw.family || series.native !== raw.native) {
      this.#slots.series[slot] = this.#naming.series(raw, series.labels);
    }
    this.#times[slot] = 1;
    this.#place[slot] = this.#order.length;
    this.#order.push(slot);
  }

  #holdLimit({ scraped, kept, added, duplicates }: Sorted['counts']): void {
    const count = kept - duplicates;
    if (!overLimit(count, this.#config)) return;
    const text = `sample_limit exceeded (samples: ${count}, limit: ${this.#config.limits.samples})`;
    throw new RefusedPage(new ScrapeError('sample_limit', text), { scraped, kept, added });
  }
}

const overLimit = (count: number, { limits }: SortingConfig) => limits.samples > 0 && count > limits.samples;
