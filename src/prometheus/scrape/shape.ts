import { atOnce, type Steps } from '#kit';
import { makeSet, type Resource, type Series, type SeriesSet } from '#metrics';
import type { ScrapeConfig } from '../config/config.ts';
import type { Layout, Origin, RawSample } from '../exposition/exposition.ts';
import { Naming, type NamingOptions } from './naming.ts';
import { type Counts, type Known, LARGE, NOTHING, RefusedPage, type Sorted, Sorting } from './sorting.ts';

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
  /** Which series of the tracked set before are not tracked any more; absent where that is not known for sure. */
  readonly vanished?: Vanished;
  /** Samples on the page, samples that relabelling left, and those of them that were a series' second without timestamp. */
  readonly scraped: number;
  readonly kept: number;
  readonly duplicates: number;
  /** Series that neither the last good page had nor the last one that failed since. */
  readonly added: number;
}

export interface Vanished {
  readonly since: SeriesSet;
  readonly series: readonly Series[];
}

export interface ShaperOptions extends NamingOptions {
  config: NamingOptions['config'] & Pick<ScrapeConfig, 'honorTimestamps' | 'trackTimestampsStaleness'>;
  /** What OpenTelemetry knows of the target besides. */
  resource?: Resource;
}

/**
 * Turns a target's layouts into series sets. The same layout gives the same shape, and a series stays the same object for
 * as long as the target goes on showing it: labels are joined and relabelled once for each new series, never again. Nothing
 * is kept but what the last good page had.
 */
export class Shaper {
  readonly #options: ShaperOptions;
  readonly #naming: Naming;
  #known: Known = NOTHING;
  #shape: Shape | undefined;
  /** Nobody has seen the shape yet. */
  #isNew = false;
  /** What the last page that failed had besides: it is not new once more. */
  #failed: ReadonlySet<number> | undefined;

  constructor(options: ShaperOptions) {
    this.#options = options;
    this.#naming = new Naming(options);
  }

  /** Series held, for the bound. */
  get size(): number {
    return this.#known.series.length;
  }

  /** `origin` is what the parser knows of where the layout comes from. Throws a RefusedPage. */
  shape(layout: Layout, origin?: Origin): Shape {
    if (layout === this.#known.layout && this.#shape) {
      if (this.#isNew) this.#isNew = false;
      else if (this.#shape.added > 0 || this.#shape.vanished) this.#shape = settled(this.#shape);
      return this.#shape;
    }
    const shape = atOnce(this.#make(layout, origin));
    this.#isNew = false;
    return shape;
  }

  /** What `shape` will have to do for a large layout that is new, to be done in steps before; throws as that does. */
  prepare(layout: Layout, origin?: Origin): Steps<Shape> | undefined {
    return layout === this.#known.layout || layout.samples.length <= LARGE ? undefined : this.#make(layout, origin);
  }

  /** What there is to count in front of a page's fault. The last good page stays what it is. */
  *count(samples: readonly RawSample[]): Steps<Counts> {
    const sorting = this.#sorting(samples);
    try {
      const { counts } = yield* sorting.run();
      this.#failed = sorting.fresh();
      return counts;
    } catch (error) {
      return this.#refused(error, sorting).counts;
    }
  }

  #sorting(samples: readonly RawSample[]): Sorting {
    return new Sorting(samples, this.#known, this.#naming, this.#options.config, this.#failed);
  }

  #refused(error: unknown, sorting: Sorting): RefusedPage {
    if (!(error instanceof RefusedPage)) throw error;
    this.#failed = sorting.fresh();
    return error;
  }

  *#sort(sorting: Sorting, origin: Origin | undefined): Steps<Sorted> {
    try {
      return yield* sorting.run(origin);
    } catch (error) {
      throw this.#refused(error, sorting);
    }
  }

  *#make(layout: Layout, origin: Origin | undefined): Steps<Shape> {
    const sorting = this.#sorting(layout.samples);
    const last = this.#known.layout;
    const sorted = yield* this.#sort(sorting, origin?.before === last && origin.after === layout ? origin : undefined);
    this.#failed = undefined;
    const known = sorting.known(layout);
    const before = this.#shape;
    const shape = this.#shapeOf(sorted, known.series);
    const all = before?.tracked === before?.set && shape.tracked === shape.set;
    this.#shape = before && all ? { ...shape, vanished: { since: before.tracked, series: sorting.vanished() } } : shape;
    this.#known = { ...known, series: this.#shape.set.series };
    this.#isNew = true;
    return this.#shape;
  }

  #shapeOf({ first, repeats, untimed, counts }: Sorted, series: readonly Series[]): Shape {
    const { resource } = this.#options;
    const set = setOf(series, this.#shape?.set, resource);
    return {
      set,
      index: first,
      repeats: repeats.map(({ series, index }, i) => ({
        set: setOf(series, this.#shape?.repeats[i]?.set, resource),
        index: Uint32Array.from(index),
      })),
      tracked: untimed ? setOf(untimed, this.#shape?.tracked, resource) : set,
      ...counts,
    };
  }
}

/** Nothing is new about a layout that stays; and what is gone must not be held. */
function settled({ vanished: _, ...shape }: Shape): Shape {
  return { ...shape, added: 0 };
}

/** The set of these series: the one before where it is the same. */
function setOf(series: readonly Series[], before: SeriesSet | undefined, resource?: Resource): SeriesSet {
  return before && sameItems(before.series, series) ? before : makeSet(series, resource);
}

function sameItems(a: readonly Series[], b: readonly Series[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
