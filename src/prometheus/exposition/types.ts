import type { Exemplar, Family, Labels, NativeHistogram } from '#metrics';

/** The two text formats: 0.0.4 (`text`) and OpenMetrics 1.0. */
export type ExpositionFormat = 'text' | 'openmetrics';

/** One sample of a page but for its numbers. */
export interface RawSample {
  readonly family: Family;
  /** As Prometheus stores them: sorted, `__name__` among them, those with an empty value left out. Frozen. */
  readonly labels: Labels;
  /** Names of the labels that the page gives with an empty value; only where there are some. */
  readonly empty?: readonly string[];
  readonly hasTimestamp: boolean;
  /** Its samples are native histograms. */
  readonly native?: true;
}

/**
 * What a page reports, in its order. A series that stands on the page twice is here twice; Prometheus keeps the first of
 * two samples with the same timestamp.
 */
export interface Layout {
  readonly samples: readonly RawSample[];
}

/** How a layout came from another. */
export interface Origin {
  readonly before: Layout;
  readonly after: Layout;
  /** By sample of `after`: where `before` has the very same, or -1. */
  readonly places: Int32Array;
  /** Whether some sample has a timestamp of its own. */
  readonly isTimed: boolean;
}

export interface ParsedPage {
  readonly layout: Layout;
  /** What the layout has of the one before; absent where that is not known. */
  readonly origin?: Origin;
  /** `values[i]` belongs to `layout.samples[i]`. A NaN is 0x7ff8000000000001, never the staleness marker. */
  readonly values: Float64Array;
  /**
   * Milliseconds since the epoch, NaN for a sample without a timestamp of its own. Only when some sample has one.
   * OpenMetrics' seconds are cut to whole milliseconds, as in Prometheus.
   */
  readonly times?: Float64Array;
  /** In the order of the samples. Only when asked for, and when there are some. */
  readonly exemplars?: readonly Exemplar[];
  /** The samples of `native` series, by index; `values` has their sums. Only when there are some. */
  readonly histograms?: ReadonlyMap<number, NativeHistogram>;
  /** Since when each sample counts, where the page says so: milliseconds since the epoch, else 0. Only when some say it. */
  readonly starts?: Float64Array;
}

export interface PageOptions {
  readonly format: ExpositionFormat;
  /**
   * Holds pages to the whole of their format (the OpenMetrics specification; expfmt's rules for the text format) instead of
   * to what Prometheus' scrape takes. For tools: it reads every page twice.
   */
  readonly strict?: boolean;
  /** Keeps exemplars; without it they are only checked. */
  readonly exemplars?: boolean;
  /**
   * Leaves the values of `le` and `quantile` as they are exposed. Prometheus 3 writes them as OpenMetrics does (`1` becomes
   * `1.0`), so that a target's series are the same in both formats; so do we, unless told otherwise.
   */
  readonly keepBounds?: boolean;
  /** Called with a page that does not have the last one's layout, before any of it is read; refuses it by throwing. */
  readonly admit?: (body: Uint8Array) => void;
}
