import {
  equalLabels,
  type Labels,
  labelMap,
  labelsWithout,
  makeJoinedSeries,
  makeSeries,
  type Series,
  sortedLabels,
} from '#metrics';
import type { ScrapeConfig } from '../config/config.ts';
import type { RawSample } from '../exposition/exposition.ts';
import { checkLabels, joinLabels } from './labels.ts';

export interface NamingOptions {
  config: Pick<ScrapeConfig, 'honorLabels' | 'limits' | 'validation'>;
  target: Labels;
  /** metric_relabel_configs. */
  relabel: (labels: Labels) => Labels | undefined;
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

  constructor(options: NamingOptions) {
    this.#options = options;
    this.#common = withExternal(options.target, options.externalLabels);
  }

  /** A sample's labels, or nothing when relabelling drops it. Throws a ScrapeError where the page has to be refused. */
  labels(raw: RawSample): Labels | undefined {
    const { config, target, relabel, externalLabels } = this.#options;
    const relabelled = relabel(joinLabels(raw.labels, target, config.honorLabels));
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
