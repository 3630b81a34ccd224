import {
  type Batch,
  formatLabels,
  labelsOf,
  type MetricType,
  makeFamily,
  makeSeries,
  makeSet,
  type Resource,
  type SeriesSet,
  type Snapshot,
} from '#metrics';

/** `[name, labels, type?]`, a set of series for tests. */
export function setOf(
  series: [name: string, labels?: Record<string, string>, type?: MetricType][],
  resource?: Resource,
): SeriesSet {
  return makeSet(
    series.map(([name, labels = {}, type = 'gauge']) =>
      makeSeries(makeFamily(name, type), labelsOf({ __name__: name, ...labels })),
    ),
    resource,
  );
}

export function snapshotOf(set: SeriesSet, values: number[], time = 1_700_000_000_000): Snapshot {
  return Object.freeze({ set, values: Float64Array.from(values), time });
}

/** A batch that throws when something writes to it (typed arrays cannot be frozen: compare them before and after). */
export function batchOf(...snapshots: Snapshot[]): Batch {
  return Object.freeze(snapshots);
}

/** `name{a="1"} 5 @1700000000000` a line, sorted, for comparisons. */
export function lines(batch: Batch): string[] {
  return batch
    .flatMap((s) =>
      s.set.series.map((one, i) => `${formatLabels(one.labels)} ${s.values[i]} @${s.times ? s.times[i] : s.time}`),
    )
    .sort();
}
