import type { Steps } from '#kit';
import { type Batch, gather, type SeriesSet, type Snapshot, selectSnapshot } from '#metrics';
import { ExpositionError, type ParsedPage, ProtobufError } from '../exposition/exposition.ts';
import { withoutLongExemplars } from './exemplars.ts';
import { type HistogramLimits, histogramLimits, holdHistograms } from './histograms.ts';
import { ScrapeError } from './labels.ts';
import { type Part, type Shape, Shaper, type ShaperOptions } from './shape.ts';
import { type Counts, RefusedPage } from './sorting.ts';
import { Staleness } from './staleness.ts';
import { OwnTimestamps, type Refused } from './timestamps.ts';

/** What one scrape, good or failed, has to hand on. */
export interface Collected extends Counts {
  readonly batch: Batch;
  readonly refused: Refused;
  /** To be called once the batch has been taken. */
  arrived(): void;
}

const NOTHING: Refused = Object.freeze({ outOfBounds: 0, outOfOrder: 0, duplicate: 0, longExemplars: 0 });

const NO_COUNTS: Counts = Object.freeze({ scraped: 0, kept: 0, added: 0 });

/** What a body of no bytes is. It is no page with nothing on it: what was known stays known, as in Prometheus. */
export const EMPTY_PAGE: ParsedPage = Object.freeze({
  layout: Object.freeze({ samples: [] }),
  values: new Float64Array(0),
});

/** Makes batches of one target's pages. Pure but for its memory of the pages before: no clock, no network. */
export class Collector {
  readonly #options: ShaperOptions;
  #shaper: Shaper;
  readonly #honorTimestamps: boolean;
  readonly #limits: HistogramLimits;
  readonly #staleness = new Staleness();
  #timestamps = new OwnTimestamps();

  constructor(options: ShaperOptions) {
    this.#options = options;
    this.#shaper = new Shaper(options);
    this.#honorTimestamps = options.config.honorTimestamps;
    this.#limits = histogramLimits(options.config.limits);
  }

  /** The series that are to be marked stale when they vanish. */
  get alive(): SeriesSet | undefined {
    return this.#staleness.alive;
  }

  /** Goes on where another left off that had these series alive. */
  inherit(alive: SeriesSet | undefined): void {
    this.#staleness.arrived(alive);
  }

  /** What `collect` will have to do for a large page that is new, to be done in steps before; throws as that does. */
  prepare(page: ParsedPage): Steps<unknown> | undefined {
    return this.#shaper.prepare(page.layout, page.origin);
  }

  /**
   * The batch of a page: its samples at `time`, or at their own, and marks for what vanished since the last one. Throws a
   * RefusedPage, after which `fail` has the batch. `now` is the wall time.
   */
  collect(given: ParsedPage, time: number, now: number): Collected {
    const page = withoutLongExemplars(given);
    if (page === EMPTY_PAGE) return this.fail(time);
    const shape = this.#shaper.shape(page.layout, page.origin);
    const own = this.#honorTimestamps ? page.times : undefined;
    const refused: Refused = { ...NOTHING, duplicate: shape.duplicates };
    if (page !== given) refused.longExemplars = given.exemplars!.length - page.exemplars!.length;
    const batch: Snapshot[] = [];
    const marks = this.#staleness.marks(shape.tracked, time, shape.vanished);
    // First, as downstream the last page is still at hand; but a series may be among both where samples have other times.
    if (marks && !own) batch.push(marks);
    for (const part of [shape, ...shape.repeats]) {
      const snapshot = this.#admit(this.#snapshot(part, page, time, shape), part, own, now, refused);
      if (snapshot.values.length > 0) batch.push(snapshot);
    }
    if (own) this.#timestamps.prune(shape.set.series);
    if (marks && own) batch.push(marks);
    const { scraped, kept, added, tracked } = shape;
    return { batch, scraped, kept, added, refused, arrived: () => this.#staleness.arrived(tracked) };
  }

  /** How far the page of a scrape that failed was read. */
  *count(error: unknown): Steps<Counts> {
    if (error instanceof RefusedPage) return error.counts;
    const isBroken = error instanceof ExpositionError || error instanceof ProtobufError;
    return isBroken ? yield* this.#shaper.count(error.samples) : NO_COUNTS;
  }

  /** The batch of a scrape that failed: marks for everything. `counts` is what `count` gave. */
  fail(time: number, counts = NO_COUNTS): Collected {
    const marks = this.#staleness.marks(undefined, time);
    return {
      ...counts,
      batch: marks ? [marks] : [],
      refused: NOTHING,
      arrived: () => this.#staleness.arrived(undefined),
    };
  }

  /** Lets go of all but what has to be marked stale one day. The same series are other objects afterwards. */
  forget(): void {
    this.#shaper = new Shaper(this.#options);
    this.#timestamps = new OwnTimestamps();
  }

  #snapshot(part: Part, page: ParsedPage, time: number, { scraped, kept, added }: Shape): Snapshot {
    try {
      return holdHistograms(snapshotOf(part, page, time), this.#limits);
    } catch (error) {
      throw error instanceof ScrapeError ? new RefusedPage(error, { scraped, kept, added }) : error;
    }
  }

  #admit(snapshot: Snapshot, { index }: Part, own: Float64Array | undefined, now: number, refused: Refused): Snapshot {
    if (!own) return snapshot;
    const { time } = snapshot;
    const given = index ? gather(own, index) : own;
    const times = given.map((t) => (Number.isNaN(t) ? time : t));
    return this.#timestamps.admit({ ...snapshot, times }, given, now, refused);
  }
}

function snapshotOf({ set, index }: Part, page: ParsedPage, time: number): Snapshot {
  const { values, histograms, exemplars, starts } = page;
  if (!(histograms || exemplars || starts)) return { set, values: index ? gather(values, index) : values, time };
  const whole = {
    set,
    values,
    time,
    ...(histograms && { histograms }),
    ...(exemplars && { exemplars }),
    ...(starts && { starts }),
  };
  return index ? selectSnapshot(whole, set, index) : whole;
}
