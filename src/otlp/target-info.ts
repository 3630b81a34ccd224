import {
  type Batch,
  equalLabels,
  type Labels,
  labelMap,
  makeSet,
  NO_LABELS,
  type SeriesSet,
  sortedLabels,
} from '#metrics';
import { planOf } from './plan.ts';

interface Dressed {
  readonly info: Labels;
  readonly set: SeriesSet;
}

const dressed = new WeakMap<SeriesSet, Dressed>();

/**
 * A target's `target_info` describes all of its series in a batch, those too that come as a set of their own beside the
 * page's: `up`, `scrape_…`, marks of staleness. As in the Collector, all of them then have one and the same resource.
 */
export function shareTargetInfo(batch: Batch): Batch {
  const infos = infosOf(batch);
  if (infos.size === 0) return batch;
  return batch.map((snapshot) => {
    const { targets } = planOf(snapshot.set);
    const [only] = targets;
    if (!only || targets.length > 1 || only.info.length > 0) return snapshot;
    const info = infos.get(only.key);
    return info ? { ...snapshot, set: dress(snapshot.set, info) } : snapshot;
  });
}

function infosOf(batch: Batch): Map<string, Labels> {
  const infos = new Map<string, Labels>();
  if (batch.length < 2) return infos;
  for (const { set } of batch) {
    for (const { key, info } of planOf(set).targets) if (info !== NO_LABELS) infos.set(key, info);
  }
  return infos;
}

/** The same series, with what is said of their target; one set for as long as that stays the same. */
function dress(set: SeriesSet, info: Labels): SeriesSet {
  const known = dressed.get(set);
  if (known && equalLabels(known.info, info)) return known.set;
  const attributes = sortedLabels(new Map([...labelMap(info), ...labelMap(set.resource.attributes)]));
  const made = makeSet(set.series, { ...set.resource, attributes });
  dressed.set(set, { info, set: made });
  return made;
}
