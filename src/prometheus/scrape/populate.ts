import type { Labels } from '#metrics';
import type { ScrapeConfig } from '../config/config.ts';
import type { TargetGroup } from '../discovery/discovery.ts';
import { makeTarget, populateLabels, type Target } from './target.ts';

/** What a group of targets comes to after relabelling. */
export interface Populated {
  readonly targets: readonly Target[];
  /** How many relabelling dropped. */
  readonly dropped: number;
  /** What is wrong with those that cannot be scraped. */
  readonly faults: readonly string[];
}

const NO_FAULTS: readonly string[] = Object.freeze([]);

/** Relabels each group once: as long as a discovery hands out the same object, the targets are the same too. */
export function createPopulate(
  config: ScrapeConfig,
  relabel: (labels: Labels) => Labels | undefined,
): (group: TargetGroup) => Populated {
  const known = new WeakMap<TargetGroup, Populated>();
  return (group) => {
    const before = known.get(group);
    if (before) return before;
    const made = populate(group, config, relabel);
    known.set(group, made);
    return made;
  };
}

function populate(
  { source, targets: candidates, labels: shared }: TargetGroup,
  config: ScrapeConfig,
  relabel: (labels: Labels) => Labels | undefined,
): Populated {
  const targets: Target[] = [];
  const faults: string[] = [];
  let dropped = 0;
  for (const [position, own] of candidates.entries()) {
    try {
      const labels = populateLabels(config, own, shared, relabel);
      const discovered = (name: string) => own.get(name) ?? shared.get(name);
      if (labels) targets.push(makeTarget(labels, config.params, discovered));
      else dropped++;
    } catch (error) {
      faults.push(`target ${position} of ${source}: ${(error as Error).message}`);
    }
  }
  // Copies have no room to grow; most groups have one target.
  return { targets: targets.slice(), dropped, faults: faults.length > 0 ? faults : NO_FAULTS };
}
