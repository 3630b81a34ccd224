import { atOnce, type Steps } from '#kit';
import { type Exemplar, type Labels, labelValue, METRIC_NAME, sortedLabels } from '#metrics';
import { LF } from './chars.ts';
import { type Columns, workingColumns } from './columns.ts';
import { ExpositionError } from './error.ts';
import type { Families, Metadata } from './families.ts';
import { BOUNDS, boundLabel, emptyLabels, sampleLabels } from './labels.ts';
import { readNumber } from './number.ts';
import type { Plan } from './plan.ts';
import { Reader } from './reader.ts';
import { readType } from './type.ts';
import type { PageOptions, ParsedPage, RawSample } from './types.ts';

/** What is known of the page before, sample by sample. */
export interface Memory {
  readonly plan: Plan;
  /**
   * The sample that stands at the reader's position, at the start of a line, with the same comments before it as on the page
   * before, those further up included; or -1. It is one of the next in order. Nothing is moved.
   */
  after(reader: Reader): number;
  /** Goes on behind the sample that `after` gave; answers what the comments before it say. */
  took(index: number): readonly Metadata[] | undefined;
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
  /** The page has a comment that the one before did not have there. */
  strange(): void;
  sample(index: number): RawSample;
}

const NONE: Metadata[] = [];
/** Samples between two pauses. */
const STEP = 256;

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
  /** The label whose value is rewritten for what the last TYPE line said, as an index of BOUNDS. */
  #bound = 0;
  /** What the comments since the last sample said. */
  #said = NONE;

  constructor(
    body: Buffer,
    options: PageOptions,
    families: Families,
    memory?: Memory,
    columns: Columns = workingColumns(),
  ) {
    this.#reader = new Reader(body, options.format, options.strict);
    this.#options = options;
    this.families = families;
    this.#memory = memory;
    this.columns = columns;
  }

  run(): ParsedPage {
    return atOnce(this.steps());
  }

  /** Pauses now and then. The body must stay as it is until the end, and the columns be nobody else's. */
  *steps(): Steps<ParsedPage> {
    try {
      return yield* this.#page();
    } catch (error) {
      if (error instanceof ExpositionError) error.samples = this.samples;
      throw error;
    }
  }

  *#page(): Steps<ParsedPage> {
    let pause = STEP;
    this.#recall();
    for (let entry = this.#reader.next(); entry !== 'end'; entry = this.#reader.next()) {
      if (this.samples.length >= pause) {
        yield;
        pause = this.samples.length + STEP;
      }
      if (entry === 'series') {
        this.#sample();
        this.#recall();
      } else {
        this.#memory?.strange();
        this.#apply([readMetadata(this.#reader)]);
      }
    }
    const { columns, samples } = this;
    const page: ParsedPage = { layout: Object.freeze({ samples }), values: columns.values.slice(0, samples.length) };
    const times = this.timestamps > 0 && { times: columns.times.slice(0, samples.length) };
    const exemplars = this.#exemplars.length > 0 && { exemplars: this.#exemplars };
    return { ...page, ...times, ...exemplars };
  }

  /** Takes what follows as the page before had it, up to what is different. */
  #recall(): void {
    const memory = this.#memory;
    if (!memory) return;
    for (let at = memory.after(this.#reader); at >= 0; at = memory.after(this.#reader)) {
      if (!this.#keep(at, memory)) break;
    }
    const known = memory.comments(this.#reader);
    if (known.length > 0) this.#apply(known);
  }

  /** The sample at the reader's position is the one before's `at`; false where there is more to it than a value. */
  #keep(at: number, memory: Memory): boolean {
    const { plan } = memory;
    const reader = this.#reader;
    const { columns, samples } = this;
    const i = samples.length;
    const line = reader.pos;
    const start = line + plan.starts[at]! - plan.lines[at]!;
    columns.reserve(i);
    const stop = readNumber(reader.body, start, reader.end, columns.values, i);
    if (stop < 0 || reader.body[stop] !== LF || (plan.timestamps > 0 && memory.sample(at).hasTimestamp)) return false;
    columns.lines[i] = line;
    columns.series[i] = line + plan.series[at]! - plan.lines[at]!;
    columns.starts[i] = start;
    columns.bounds[i] = plan.bounds[at]!;
    columns.places[i] = at;
    columns.times[i] = Number.NaN;
    const said = memory.took(at);
    if (said) {
      this.#apply(said);
      this.metadata.set(i, said);
      this.#said = NONE;
    }
    samples.push(memory.sample(at));
    this.tail = reader.pos = stop + 1;
    return true;
  }

  #apply(metadata: readonly Metadata[]): void {
    if (this.#said === NONE) this.#said = [];
    for (const one of metadata) {
      this.families.set(one);
      if (one.type !== undefined) this.#bound = BOUNDS.indexOf(boundLabel(one.type));
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
    columns.bounds[i] = this.#options.keepBounds ? 0 : this.#bound;
    const bound = BOUNDS[columns.bounds[i]!]!;
    const found = this.#memory?.find(reader, bound) ?? -1;
    const known = found < 0 ? undefined : this.#memory!.sample(found);
    const labels = known?.labels ?? readLabels(reader, bound);
    const empty = known ? known.empty && { empty: known.empty } : emptyLabels(labels, reader.pairs);
    const name = known ? labelValue(labels, METRIC_NAME) : reader.name;
    columns.starts[i] = reader.pos;
    reader.readValue(columns.values, i);
    reader.readRest();
    columns.times[i] = reader.timestamp;
    const hasTimestamp = !Number.isNaN(reader.timestamp);
    if (hasTimestamp) this.timestamps++;
    const sample = sampleOf({ family: this.families.of(name), labels, hasTimestamp, ...empty }, known);
    columns.places[i] = sample === known ? found : -1;
    this.samples.push(sample);
    if (this.#said !== NONE) this.metadata.set(i, this.#said);
    this.#said = NONE;
    if (reader.hasExemplar && this.#options.exemplars) this.#exemplars.push(exemplarOf(reader, i));
    this.tail = reader.pos;
  }
}

function sampleOf(read: RawSample, known: RawSample | undefined): RawSample {
  if (known !== undefined && known.family === read.family && known.hasTimestamp === read.hasTimestamp) return known;
  return Object.freeze(read);
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
