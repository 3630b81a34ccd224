import {
  type Labels,
  labelMap,
  labelsKey,
  makeSeries,
  makeSet,
  type Resource,
  type Series,
  type SeriesSet,
  sortedLabels,
} from '#metrics';
import type { ScrapeConfig } from '../config/config.ts';
import type { Layout, RawSample } from '../exposition/exposition.ts';
import { checkLabels, joinLabels, ScrapeError } from './labels.ts';

/** Some of a page's samples: `set.series[i]` takes the page's value `index[i]`; all of them in order without an index. */
export interface Part {
  readonly set: SeriesSet;
  readonly index: Uint32Array | undefined;
}

/** What becomes of a page's layout: which series it gives, and where their values stand. */
export interface Shape extends Part {
  /**
   * Series that the page has again, with timestamps of their own: those that come for the second time, for the third, …
   * A set never holds a series twice.
   */
  readonly repeats: readonly Part[];
  /** The series to mark stale when they vanish: those without timestamps of their own, or all when so configured. */
  readonly tracked: SeriesSet;
  /** Samples on the page, samples that relabelling left, and those of them that were a series' second without timestamp. */
  readonly scraped: number;
  readonly kept: number;
  readonly duplicates: number;
  /** Series that the last good page did not have. */
  readonly added: number;
}

/** How far a page was read before it was refused, for `scrape_samples_…`. */
export class RefusedPage extends ScrapeError {
  readonly counts: Pick<Shape, 'scraped' | 'kept' | 'added'>;
  constructor(cause: ScrapeError, counts: RefusedPage['counts']) {
    super(cause.reason, cause.message);
    this.counts = counts;
  }
}

interface Entry {
  series: Series;
  readonly key: string;
  /** The page (by number) that last had it, and how often so far. */
  page: number;
  times: number;
  /** The last good page that had it. */
  good: number;
}

export interface ShaperOptions {
  config: Pick<ScrapeConfig, 'honorLabels' | 'honorTimestamps' | 'trackTimestampsStaleness' | 'limits' | 'validation'>;
  target: Labels;
  /** metric_relabel_configs. */
  relabel: (labels: Labels) => Labels | undefined;
  /** On every sample, over what it has. */
  externalLabels: ReadonlyMap<string, string>;
  /** What OpenTelemetry knows of the target besides. */
  resource?: Resource;
}

/** Entries beyond twice the live ones are let go after a failed page: a target may show new series each time and fail. */
const SLACK = 1000;

/**
 * Turns a target's layouts into series sets. The same layout gives the same shape, and a series stays the same object for
 * as long as the target goes on showing it: labels are joined and relabelled once for each new series, never again.
 */
export class Shaper {
  readonly #options: ShaperOptions;
  #memo = new WeakMap<RawSample, Entry | null>();
  readonly #entries = new Map<string, Entry>();
  #page = 0;
  #good = 0;
  #live = 0;
  #layout: Layout | undefined;
  #shape: Shape | undefined;

  constructor(options: ShaperOptions) {
    this.#options = options;
  }

  /** Entries held, for the bound. */
  get size(): number {
    return this.#entries.size;
  }

  /** Throws a RefusedPage. */
  shape(layout: Layout): Shape {
    if (layout === this.#layout && this.#shape) {
      // Counted once: nothing is new about a layout that stays.
      if (this.#shape.added > 0) this.#shape = { ...this.#shape, added: 0 };
      return this.#shape;
    }
    const shape = this.#build(layout);
    this.#layout = layout;
    this.#shape = shape;
    return shape;
  }

  #build({ samples }: Layout): Shape {
    this.#page++;
    const first: Entry[] = [];
    const index: number[] = [];
    const repeats: { entries: Entry[]; index: number[] }[] = [];
    const untimed: Entry[] = [];
    const { config } = this.#options;
    let kept = 0;
    let duplicates = 0;
    let added = 0;
    for (let i = 0; i < samples.length; i++) {
      const raw = samples[i]!;
      const entry = this.#entryOf(raw, { scraped: i + 1, kept, added });
      if (!entry) continue;
      kept++;
      const timed = raw.hasTimestamp && config.honorTimestamps;
      if (entry.page !== this.#page) {
        if (entry.good !== this.#good) added += overLimit(first.length + 1, config) ? 0 : 1;
        entry.page = this.#page;
        entry.times = 1;
        first.push(entry);
        index.push(i);
        if (!timed || config.trackTimestampsStaleness) untimed.push(entry);
      } else if (timed) {
        const again = repeats[entry.times - 1] ?? { entries: [], index: [] };
        again.entries.push(entry);
        again.index.push(i);
        repeats[entry.times - 1] = again;
        entry.times++;
      } else duplicates++;
    }
    const counts = { scraped: samples.length, kept, added };
    if (overLimit(kept - duplicates, config)) {
      this.#forget();
      throw new RefusedPage(
        new ScrapeError(
          'sample_limit',
          `sample_limit exceeded (samples: ${kept - duplicates}, limit: ${config.limits.samples})`,
        ),
        counts,
      );
    }
    return this.#commit(samples.length, first, index, repeats, untimed, { ...counts, duplicates });
  }

  #commit(
    total: number,
    first: readonly Entry[],
    index: readonly number[],
    repeats: readonly { entries: Entry[]; index: number[] }[],
    untimed: readonly Entry[],
    counts: Pick<Shape, 'scraped' | 'kept' | 'added' | 'duplicates'>,
  ): Shape {
    this.#good = this.#page;
    for (const entry of first) entry.good = this.#page;
    this.#live = first.length;
    if (this.#entries.size > first.length) this.#sweep();
    const { resource } = this.#options;
    const set = setOf(first, this.#shape?.set, resource);
    return {
      set,
      index: index.length === total ? undefined : Uint32Array.from(index),
      repeats: repeats.map((again, i) => ({
        set: setOf(again.entries, this.#shape?.repeats[i]?.set, resource),
        index: Uint32Array.from(again.index),
      })),
      tracked: untimed.length === first.length ? set : setOf(untimed, this.#shape?.tracked, resource),
      ...counts,
    };
  }

  /** The series of a sample; null when relabelling drops it. */
  #entryOf(raw: RawSample, counts: RefusedPage['counts']): Entry | null {
    const known = this.#memo.get(raw);
    if (known !== undefined) return known;
    try {
      const entry = this.#makeEntry(raw);
      this.#memo.set(raw, entry);
      return entry;
    } catch (error) {
      this.#forget();
      throw error instanceof ScrapeError ? new RefusedPage(error, counts) : error;
    }
  }

  #makeEntry(raw: RawSample): Entry | null {
    const { config, target, relabel, externalLabels } = this.#options;
    const relabelled = relabel(joinLabels(raw.labels, target, config.honorLabels));
    if (!relabelled || relabelled.length === 0) return null;
    checkLabels(relabelled, config);
    const labels =
      externalLabels.size === 0 ? relabelled : sortedLabels(new Map([...labelMap(relabelled), ...externalLabels]));
    const key = labelsKey(labels);
    const entry = this.#entries.get(key);
    if (!entry) {
      const made = { series: makeSeries(raw.family, labels, raw.native), key, page: 0, times: 0, good: -1 };
      this.#entries.set(key, made);
      return made;
    }
    const same = entry.series.family === raw.family && entry.series.native === raw.native;
    // The first of a page's samples decides what a series is, its family too.
    if (!same && entry.page !== this.#page) {
      entry.series = makeSeries(raw.family, entry.series.labels, raw.native);
    }
    return entry;
  }

  #sweep(): void {
    for (const entry of this.#entries.values()) if (entry.good !== this.#good) this.#entries.delete(entry.key);
  }

  /** After a page that failed: the memo may know entries that the table is about to lose, so both go. */
  #forget(): void {
    if (this.#entries.size <= this.#live * 2 + SLACK) return;
    this.#memo = new WeakMap();
    this.#sweep();
  }
}

const overLimit = (count: number, { limits }: ShaperOptions['config']) => limits.samples > 0 && count > limits.samples;

/** The set of these series: the one before where it is the same. */
function setOf(entries: readonly Entry[], before: SeriesSet | undefined, resource?: Resource): SeriesSet {
  const same =
    before?.series.length === entries.length && entries.every((entry, i) => entry.series === before.series[i]);
  return same
    ? before
    : makeSet(
        entries.map((entry) => entry.series),
        resource,
      );
}
