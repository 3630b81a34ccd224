import {
  COARSEST_SCHEMA,
  CUSTOM_BUCKETS,
  FINEST_SCHEMA,
  histogramFault,
  type NativeHistogram,
  type Snapshot,
  withSchema,
} from '#metrics';
import type { ScrapeLimits } from '../config/config.ts';
import { ScrapeError } from './labels.ts';

/** What `native_histogram_bucket_limit` and `native_histogram_min_bucket_factor` come to. */
export interface HistogramLimits {
  /** Buckets; 0: no limit. */
  readonly buckets: number;
  readonly schema: number;
}

/** One object for all targets of a job. */
const made = new WeakMap<ScrapeLimits, HistogramLimits>();

export function histogramLimits(limits: ScrapeLimits): HistogramLimits {
  const known = made.get(limits) ?? { buckets: limits.buckets, schema: schemaOf(limits.bucketFactor) };
  made.set(limits, known);
  return known;
}

/** The finest schema whose buckets grow by at least `factor` (Prometheus' pickSchema). */
export function schemaOf(factor: number): number {
  if (factor <= 1) return FINEST_SCHEMA;
  const schema = Math.floor(-Math.log2(Math.log2(factor)));
  return Math.min(FINEST_SCHEMA, Math.max(COARSEST_SCHEMA, schema));
}

/** What became of a histogram that is shown again as it was. */
const known = new WeakMap<NativeHistogram, { limits: HistogramLimits; held: NativeHistogram }>();

/**
 * The snapshot with its histograms made coarser where the limits ask for it; itself when there is nothing to do. Throws a
 * ScrapeError for one that cannot be made coarse enough, or that contradicts itself: Prometheus then fails the scrape.
 */
export function holdHistograms(snapshot: Snapshot, limits: HistogramLimits): Snapshot {
  const { histograms, set } = snapshot;
  if (!histograms) return snapshot;
  let changed: Map<number, NativeHistogram> | undefined;
  for (const [i, histogram] of histograms) {
    const name = () => set.series[i]!.family.name;
    const before = known.get(histogram);
    const held = before?.limits === limits ? before.held : hold(histogram, limits, name);
    if (held !== before?.held) known.set(histogram, { limits, held });
    if (held === histogram) continue;
    changed ??= new Map(histograms);
    changed.set(i, held);
  }
  return changed ? { ...snapshot, histograms: changed } : snapshot;
}

function hold(histogram: NativeHistogram, limits: HistogramLimits, name: () => string): NativeHistogram {
  const exponential = histogram.schema !== CUSTOM_BUCKETS;
  const coarse = exponential && histogram.schema > limits.schema && histogram.schema <= MOST_SCHEMA;
  let held = coarse ? withSchema(histogram, limits.schema) : histogram;
  const fault = histogramFault(held);
  if (fault) throw new ScrapeError('invalid', `the native histogram ${name()} ${fault}`);
  while (limits.buckets > 0 && bucketCount(held) > limits.buckets) {
    if (!exponential || held.schema <= COARSEST_SCHEMA) {
      const told = `metric: ${name()}, buckets: ${bucketCount(held)}, limit: ${limits.buckets}`;
      throw new ScrapeError('bucket_limit', `native_histogram_bucket_limit exceeded (${told})`);
    }
    held = withSchema(held, held.schema - 1);
  }
  return held;
}

/** Finer ones are not known (Prometheus' ExponentialSchemaMaxReserved). */
const MOST_SCHEMA = 52;

const bucketCount = ({ positive, negative }: NativeHistogram): number =>
  positive.counts.length + negative.counts.length;
