import {
  type Batch,
  gather,
  Interner,
  isStale,
  type Labels,
  labelMap,
  labelsKey,
  labelValue,
  METRIC_NAME,
  makeSeries,
  makeSet,
  type Series,
  type SeriesSet,
  type Snapshot,
  seriesName,
  sortedLabels,
  staleValues,
} from '#metrics';
import { type MetricNames, SOURCES, TARGETS, type Translation } from './names.ts';

/** What a set of series becomes. Indexes are into the values of the set itself. */
interface Plan {
  /** Undefined: all of it, as it is. */
  readonly kept: { readonly set: SeriesSet; readonly index: Uint32Array } | undefined;
  readonly derived: SeriesSet | undefined;
  /** `derived.series[i]` is the value at `first[i]` … */
  readonly first: Uint32Array;
  /** … and to `derived.series[more[k]]` is added the value at `more[k + 1]`. */
  readonly more: Uint32Array;
  /** The derived series by their labels. */
  readonly known: ReadonlyMap<string, Series>;
}

/** One translation of one series. */
interface Derived {
  readonly key: string;
  readonly labels: Labels;
  readonly translation: Translation;
}

export interface Bridged {
  readonly batch: Batch;
  /** To be called once the batch has been taken. */
  arrived(): void;
}

/** Gives one target's series the names that other versions of CoreDNS have for them. The work is done once for each set. */
export class Bridge {
  readonly #names: MetricNames;
  readonly #plans = new WeakMap<SeriesSet, Plan>();
  readonly #translated = new WeakMap<Series, readonly Derived[]>();
  readonly #families = new Interner();
  /** The derived series of the last page, so that they stay the same objects. */
  #known: ReadonlyMap<string, Series> = new Map();
  /** What downstream takes for alive; see the scrape's own staleness, which knows nothing of derived series. */
  #alive: SeriesSet | undefined;

  constructor(names: MetricNames) {
    this.#names = names;
  }

  /** `batch` is what one scrape gave: its page, its report, and marks for what vanished. */
  bridge(batch: Batch): Bridged {
    const out: Snapshot[] = [];
    let derived: SeriesSet | undefined;
    for (const snapshot of batch) {
      const plan = this.#planOf(snapshot.set);
      const kept = keptOf(snapshot, plan);
      if (kept.values.length > 0) out.push(kept);
      if (!plan.derived || isStale(snapshot.values, 0)) continue;
      derived = plan.derived;
      this.#known = plan.known;
      out.push(derivedOf(snapshot, plan, derived));
    }
    const marks = this.#marks(derived, batch[0]?.time ?? 0);
    if (marks) out.push(marks);
    const arrived = () => {
      this.#alive = derived;
    };
    return { batch: out, arrived };
  }

  #marks(now: SeriesSet | undefined, time: number): Snapshot | undefined {
    if (!this.#alive || this.#alive === now) return undefined;
    const present = new Set(now?.series);
    const gone = this.#alive.series.filter((series) => !present.has(series));
    if (gone.length === 0) return undefined;
    return { set: makeSet(gone, this.#alive.resource), values: staleValues(gone.length), time };
  }

  #planOf(set: SeriesSet): Plan {
    const plan = this.#plans.get(set) ?? this.#plan(set);
    this.#plans.set(set, plan);
    return plan;
  }

  #plan(set: SeriesSet): Plan {
    const own = new Set<string>();
    for (const series of set.series) if (TARGETS.has(seriesName(series))) own.add(labelsKey(series.labels));
    const kept: number[] = [];
    const first: number[] = [];
    const more: number[] = [];
    const made = new Map<string, { translation: Translation; at: number }>();
    const known = new Map<string, Series>();
    set.series.forEach((series, i) => {
      const derived = this.#derive(series);
      if (derived.length === 0 || !this.#leaves(series)) kept.push(i);
      for (const { key, labels, translation } of derived) {
        if (own.has(key)) continue;
        const before = made.get(key);
        if (!before) {
          made.set(key, { translation, at: first.length });
          known.set(key, this.#known.get(key) ?? this.#make(series, labels, translation));
          first.push(i);
        } else if (before.translation === translation) more.push(before.at, i);
      }
    });
    const derived = known.size ? makeSet([...known.values()], set.resource) : undefined;
    const all = kept.length === set.series.length;
    return {
      kept: all ? undefined : { set: part(set, kept), index: Uint32Array.from(kept) },
      derived,
      first: Uint32Array.from(first),
      more: Uint32Array.from(more),
      known,
    };
  }

  /** Whether the series' own name is not among the wanted ones. */
  #leaves(series: Series): boolean {
    return SOURCES.get(seriesName(series))?.left.includes(this.#names) ?? false;
  }

  #derive(series: Series): readonly Derived[] {
    const done = this.#translated.get(series);
    if (done) return done;
    const translations = SOURCES.get(seriesName(series))?.translations ?? [];
    const derived = translations
      .filter(({ given, where }) => given.includes(this.#names) && fits(series.labels, where))
      .map((translation) => {
        const labels = translatedLabels(series.labels, translation);
        return { key: labelsKey(labels), labels, translation };
      });
    if (translations.length) this.#translated.set(series, derived);
    return derived;
  }

  #make({ family }: Series, labels: Labels, { family: name, counts }: Translation): Series {
    const made =
      counts === undefined
        ? this.#families.family(name, family.type, family.help, family.unit)
        : this.#families.family(name, 'counter', counts);
    return makeSeries(made, labels);
  }
}

const fits = (labels: Labels, where: Readonly<Record<string, string>>) =>
  Object.entries(where).every(([name, value]) => labelValue(labels, name) === value);

function translatedLabels(labels: Labels, { to, without, with: more }: Translation): Labels {
  const all = labelMap(labels);
  for (const name of without) all.delete(name);
  for (const name in more) all.set(name, more[name]!);
  return sortedLabels(all.set(METRIC_NAME, to));
}

const part = (set: SeriesSet, index: readonly number[]): SeriesSet =>
  makeSet(
    index.map((i) => set.series[i]!),
    set.resource,
  );

function keptOf(snapshot: Snapshot, { kept }: Plan): Snapshot {
  return kept ? { set: kept.set, values: gather(snapshot.values, kept.index), time: snapshot.time } : snapshot;
}

function derivedOf({ values, time }: Snapshot, { first, more }: Plan, set: SeriesSet): Snapshot {
  const sums = gather(values, first);
  for (let k = 0; k < more.length; k += 2) sums[more[k]!]! += values[more[k + 1]!]!;
  return { set, values: sums, time };
}
