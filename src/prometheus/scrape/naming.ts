import {
  equalLabels,
  type Labels,
  labelMap,
  labelsHash,
  labelsWithout,
  METRIC_NAME,
  makeJoinedSeries,
  makeSeries,
  type Series,
  sortedLabels,
} from '#metrics';
import type { ScrapeConfig } from '../config/config.ts';
import type { RawSample } from '../exposition/exposition.ts';
import { checkLabels, joinLabels, shareName } from './labels.ts';

export interface NamingOptions {
  config: Pick<ScrapeConfig, 'honorLabels' | 'limits' | 'validation'>;
  target: Labels;
  /** metric_relabel_configs; absent where there are none. */
  relabel?: ((labels: Labels) => Labels | undefined) | undefined;
  /** On every sample, over what it has. */
  externalLabels: ReadonlyMap<string, string>;
  /** What the targets of a job have in common; absent for a target on its own. */
  shared?: SharedLabels;
}

/**
 * Labels that series of several targets have in common, by the sample that they were made from: the replicas of a program
 * show the same samples, and what rules make of them mostly differs in the target's own labels alone.
 */
export type SharedLabels = WeakMap<RawSample, Labels>;

/** From the samples of one target's pages to series: joined with the target's labels, relabelled, held to the limits. */
export class Naming {
  readonly #options: NamingOptions;
  /** What every series has, unless its page or a rule says otherwise. */
  readonly #common: Labels;
  /** No rule and no limit looks at labels. */
  readonly #isFree: boolean;

  constructor(options: NamingOptions) {
    const { config, relabel, target, externalLabels } = options;
    const { limits, validation } = config;
    this.#options = options;
    this.#common = withExternal(target, externalLabels);
    const limited = limits.labels > 0 || limits.labelName > 0 || limits.labelValue > 0;
    this.#isFree = !relabel && !limited && validation !== 'legacy';
  }

  /**
   * The series of a sample, and a number that those of this target with the same labels share; nothing when relabelling drops it.
   * Throws a ScrapeError where the page has to be refused.
   */
  of(raw: RawSample): { series: Series; hash: number } | undefined {
    const own = raw.labels;
    const isJoined = !raw.native && !raw.empty && own[0] === METRIC_NAME && !shareName(own, this.#common);
    if (this.#isFree && isJoined) {
      return { series: makeJoinedSeries(raw.family, own, this.#common), hash: labelsHash(own) };
    }
    const labels = this.#labels(raw);
    if (!labels) return undefined;
    const hash = labelsHash(labelsWithout(labels, this.#common) ?? labels);
    return { series: this.series(raw, labels), hash };
  }

  /** A sample's labels, or nothing when relabelling drops it or it has none. */
  #labels(raw: RawSample): Labels | undefined {
    const { config, target, relabel, externalLabels } = this.#options;
    const joined = joinLabels(raw.labels, target, config.honorLabels, raw.empty);
    const relabelled = relabel ? relabel(joined) : joined;
    if (!relabelled || relabelled.length === 0) return undefined;
    checkLabels(relabelled, config);
    return withExternal(relabelled, externalLabels);
  }

  /** The series of a sample; `labels` is what they were found to be. */
  series(raw: RawSample, labels: Labels): Series {
    const rest = raw.native ? undefined : labelsWithout(labels, this.#common);
    if (!rest) return makeSeries(raw.family, labels, raw.native);
    return makeJoinedSeries(raw.family, this.#kept(raw, rest), this.#common);
  }

  /** One object for equal labels where it is near at hand. */
  #kept(raw: RawSample, labels: Labels): Labels {
    if (equalLabels(labels, raw.labels)) return raw.labels;
    const { shared } = this.#options;
    const known = shared?.get(raw);
    if (known && equalLabels(known, labels)) return known;
    shared?.set(raw, labels);
    return labels;
  }
}

/** Labels with those of the whole agent over them; the same object where there are none. */
export function withExternal(labels: Labels, external: ReadonlyMap<string, string>): Labels {
  if (external.size === 0) return labels;
  return sortedLabels(new Map([...labelMap(labels), ...external]));
}
