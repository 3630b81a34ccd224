import {
  type Exemplar,
  type Family,
  type Labels,
  labelValue,
  METRIC_NAME,
  type MetricType,
  sortedLabels,
} from '#metrics';
import { type Columns, workingColumns } from './columns.ts';
import type { Families, Metadata } from './families.ts';
import { BOUNDS, boundLabel, sampleLabels } from './labels.ts';
import { Reader } from './reader.ts';
import { readType } from './type.ts';
import type { PageOptions, ParsedPage, RawSample } from './types.ts';

/** What is known of the page before, sample by sample. */
export interface Memory {
  readonly size: number;
  /**
   * Finds the series that stands at the reader's position and moves the reader to its value, or answers -1 and leaves it
   * there. `bound` is the label whose value is being rewritten: it must have been the same.
   */
  find(reader: Reader, bound: string): number;
  /**
   * What the comments say that stand at the reader's position, at the start of a line, having moved the reader behind them;
   * or nothing, when they are not those that stood before the sample expected next.
   */
  comments(reader: Reader): readonly Metadata[];
  sample(index: number): RawSample;
}

const NONE: Metadata[] = [];

/** Reads a page from start to end, taking from memory what it can. */
export class PageBuild {
  readonly families: Families;
  readonly columns: Columns;
  readonly samples: RawSample[] = [];
  /** What the comments said before a sample, by its index. */
  readonly metadata = new Map<number, readonly Metadata[]>();
  /** Where the bytes behind the last sample begin. */
  tail = 0;
  timestamps = 0;

  readonly #reader: Reader;
  readonly #options: PageOptions;
  readonly #memory: Memory | undefined;
  readonly #exemplars: Exemplar[] = [];
  #type: MetricType | undefined;
  /** What the comments since the last sample said. */
  #said = NONE;

  constructor(body: Buffer, options: PageOptions, families: Families, memory?: Memory) {
    this.#reader = new Reader(body, options.format, options.strict);
    this.#options = options;
    this.families = families;
    this.#memory = memory;
    this.columns = workingColumns();
  }

  run(): ParsedPage {
    this.#recallComments();
    for (let entry = this.#reader.next(); entry !== 'end'; entry = this.#reader.next()) {
      if (entry === 'series') this.#sample();
      else this.#apply([readMetadata(this.#reader)]);
    }
    const { columns, samples } = this;
    const page: ParsedPage = { layout: Object.freeze({ samples }), values: columns.values.slice(0, samples.length) };
    const times = this.timestamps > 0 && { times: columns.times.slice(0, samples.length) };
    const exemplars = this.#exemplars.length > 0 && { exemplars: this.#exemplars };
    return { ...page, ...times, ...exemplars };
  }

  #recallComments(): void {
    const known = this.#memory?.comments(this.#reader);
    if (known !== undefined && known.length > 0) this.#apply(known);
  }

  #apply(metadata: readonly Metadata[]): void {
    if (this.#said === NONE) this.#said = [];
    for (const one of metadata) {
      this.families.set(one);
      if (one.type !== undefined) this.#type = one.type;
      this.#said.push(one);
    }
  }

  #sample(): void {
    const reader = this.#reader;
    const { columns } = this;
    const i = this.samples.length;
    columns.reserve(i);
    columns.lines[i] = this.tail;
    columns.series[i] = reader.pos;
    const bound = this.#options.keepBounds ? '' : boundLabel(this.#type);
    columns.bounds[i] = BOUNDS.indexOf(bound);
    const found = this.#memory?.find(reader, bound) ?? -1;
    const known = found < 0 ? undefined : this.#memory!.sample(found);
    const labels = known?.labels ?? readLabels(reader, bound);
    const name = known ? labelValue(labels, METRIC_NAME) : reader.name;
    columns.starts[i] = reader.pos;
    reader.readValue(columns.values, i);
    reader.readRest();
    columns.times[i] = reader.timestamp;
    const hasTimestamp = !Number.isNaN(reader.timestamp);
    if (hasTimestamp) this.timestamps++;
    this.samples.push(sampleOf(this.families.of(name), labels, hasTimestamp, known));
    if (this.#said !== NONE) this.metadata.set(i, this.#said);
    this.#said = NONE;
    if (reader.hasExemplar && this.#options.exemplars) this.#exemplars.push(exemplarOf(reader, i));
    this.tail = reader.pos;
    this.#recallComments();
  }
}

function sampleOf(family: Family, labels: Labels, hasTimestamp: boolean, known: RawSample | undefined): RawSample {
  if (known !== undefined && known.family === family && known.hasTimestamp === hasTimestamp) return known;
  return Object.freeze({ family, labels, hasTimestamp });
}

function readMetadata(reader: Reader): Metadata {
  const { keyword, name, text } = reader;
  return keyword === 'TYPE' ? { keyword, name, text, type: readType(reader) } : { keyword, name, text };
}

function readLabels(reader: Reader, bound: string): Labels {
  const at = reader.pos;
  reader.readSeries();
  const labels = sampleLabels(reader.name, reader.pairs, bound);
  return typeof labels === 'string' ? reader.fail(`the label ${JSON.stringify(labels)} only once`, at) : labels;
}

/** The exemplar just read, which belongs to sample `index`. */
export function exemplarOf(reader: Reader, index: number): Exemplar {
  const map = new Map<string, string>();
  const pairs = reader.exemplarPairs;
  for (let i = 0; i < pairs.length; i += 2) map.set(pairs[i]!, pairs[i + 1]!);
  const exemplar = { index, labels: sortedLabels(map), value: reader.exemplarValue };
  return Number.isNaN(reader.exemplarTimestamp) ? exemplar : { ...exemplar, timestamp: reader.exemplarTimestamp };
}
