import { type Family, type Labels, type MetricType, sortedLabels } from '#metrics';
import { Columns } from './columns.ts';
import type { Families } from './families.ts';
import { boundLabel, sampleLabels } from './labels.ts';
import { Reader } from './reader.ts';
import { readType } from './type.ts';
import type { Exemplar, PageOptions, ParsedPage, RawSample } from './types.ts';

/** The series of the page before, by their index on it. */
export interface Memory {
  readonly size: number;
  /**
   * Finds the series that stands at the reader's position and moves the reader to its value, or answers -1 and leaves it
   * there. `bound` is the label whose value is being rewritten: it must have been the same.
   */
  find(reader: Reader, bound: string): number;
  name(index: number): string;
  sample(index: number): RawSample;
}

/** Reads a page from start to end, taking from memory what it can. */
export class PageBuild {
  readonly families: Families;
  readonly columns: Columns;
  readonly samples: RawSample[] = [];
  /** Per sample, its series' name. */
  readonly names: string[] = [];
  /** Per sample, the label that was rewritten had it been there. */
  readonly bounds: string[] = [];
  /** Where the bytes behind the last sample begin. */
  tail = 0;
  timestamps = 0;

  readonly #reader: Reader;
  readonly #options: PageOptions;
  readonly #memory: Memory | undefined;
  readonly #exemplars: Exemplar[] = [];
  #type: MetricType | undefined;

  constructor(body: Buffer, options: PageOptions, families: Families, memory?: Memory) {
    this.#reader = new Reader(body, options.format, options.strict);
    this.#options = options;
    this.families = families;
    this.#memory = memory;
    this.columns = new Columns((memory?.size ?? 56) + 8);
  }

  run(): ParsedPage {
    for (let entry = this.#reader.next(); entry !== 'end'; entry = this.#reader.next()) {
      if (entry === 'series') this.#sample();
      else this.#metadata();
    }
    const { columns, samples } = this;
    const page: ParsedPage = { layout: Object.freeze({ samples }), values: columns.values.slice(0, samples.length) };
    const times = this.timestamps > 0 && { times: columns.times.slice(0, samples.length) };
    const exemplars = this.#exemplars.length > 0 && { exemplars: this.#exemplars };
    return { ...page, ...times, ...exemplars };
  }

  #metadata(): void {
    const { keyword, name, text } = this.#reader;
    if (keyword === 'HELP') this.families.set(name, { help: text });
    else if (keyword === 'UNIT') this.families.set(name, { unit: text });
    else {
      this.#type = readType(this.#reader);
      this.families.set(name, { type: this.#type });
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
    const found = this.#memory?.find(reader, bound) ?? -1;
    const known = found < 0 ? undefined : this.#memory!.sample(found);
    const labels = known?.labels ?? readLabels(reader, bound);
    const name = known ? this.#memory!.name(found) : reader.name;
    columns.starts[i] = reader.pos;
    reader.readValue(columns.values, i);
    reader.readRest();
    columns.times[i] = reader.timestamp;
    const hasTimestamp = !Number.isNaN(reader.timestamp);
    if (hasTimestamp) this.timestamps++;
    this.samples.push(sampleOf(this.families.of(name), labels, hasTimestamp, known));
    this.names.push(name);
    this.bounds.push(bound);
    if (reader.hasExemplar && this.#options.exemplars) this.#exemplars.push(exemplarOf(reader, i));
    this.tail = reader.pos;
  }
}

function sampleOf(family: Family, labels: Labels, hasTimestamp: boolean, known: RawSample | undefined): RawSample {
  if (known !== undefined && known.family === family && known.hasTimestamp === hasTimestamp) return known;
  return Object.freeze({ family, labels, hasTimestamp });
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
