import { type Exemplar, type Family, type MetricType, makeFamily, type NativeHistogram } from '#metrics';
import type { Layout, ParsedPage, RawSample } from '../types.ts';
import { Column } from './column.ts';
import { Cursor } from './cursor.ts';
import { Finder, type KnownFamily, type KnownMetric, type KnownPage, PageCopy } from './known.ts';
import { GAUGE_HISTOGRAM, HISTOGRAM, MetricMessage, readText, SUMMARY } from './metric.ts';
import { isNative, nativeOf } from './native.ts';
import type { ProtobufOptions } from './parser.ts';
import { exemplarsOf, type Form, isSameShape, sampleCount, samplesOf, shownBuckets } from './samples.ts';

/**
 * Labels of all samples of a page together. A text page repeats them on each line; here a metric has them once, so that few
 * bytes could ask for thousands of millions.
 */
const MOST_LABELS = 4_000_000;

/** Bytes of one metric. A native histogram has a thousand; half a million buckets fit into this. */
const LARGEST_METRIC = 1024 * 1024;

const TYPES: readonly MetricType[] = ['counter', 'gauge', 'summary', 'unknown', 'histogram', 'gaugehistogram'];

/** Where the parts of a family stand. */
interface Scan {
  /** from, to, from, to, … of each metric. */
  readonly metrics: readonly number[];
  readonly start: number;
  /** As in KnownFamily. */
  readonly headAt: number;
  readonly headEnd: number;
  readonly tailAt: number;
  readonly tailEnd: number;
}

/** Reads one page from start to end, taking from the one before what it can. */
export class PageReader {
  readonly #cursor: Cursor;
  readonly #options: ProtobufOptions;
  readonly #before: KnownPage | undefined;
  readonly #found: Finder<KnownFamily> | undefined;
  readonly #message = new MetricMessage();
  readonly #values: Column;
  readonly #families: KnownFamily[] = [];
  readonly #exemplars: Exemplar[] = [];
  readonly #histograms = new Map<number, NativeHistogram>();
  #timed = false;
  #started = false;
  /** Every metric so far began to count when it did on the page before. */
  #sameStarts = true;
  /** Every metric so far has the samples of the page before, at their old places. */
  #same = true;
  #name = '';
  #messages = 0;
  #labels = 0;

  constructor(body: Buffer, options: ProtobufOptions, before: KnownPage | undefined) {
    this.#cursor = new Cursor(body);
    this.#options = options;
    this.#before = before;
    this.#found = before && new Finder(before.page, before.families, ({ headAt, headEnd }) => [headAt, headEnd]);
    this.#values = new Column(before?.values.length ?? 64);
  }

  /** For messages: which family is being read. */
  get where(): string {
    return this.#name === '' ? '' : `metric family ${JSON.stringify(this.#name)}: `;
  }

  run(): { page: ParsedPage; known: KnownPage } {
    const cursor = this.#cursor;
    while (cursor.pos < cursor.body.length) {
      // Each family stands behind its length.
      cursor.wire = 2;
      const outer = cursor.enter();
      this.#family();
      cursor.leave(outer);
    }
    const values = this.#values.finish();
    const layout = this.#layout();
    const before = this.#before;
    const old = before?.layout === layout && this.#sameStarts ? before.starts : undefined;
    const starts = this.#started ? (old ?? this.#column(({ start }) => start)) : undefined;
    const page: ParsedPage = {
      layout,
      values,
      ...(this.#timed && { times: this.#column(({ time }) => time || Number.NaN) }),
      ...(starts && { starts }),
      ...(this.#exemplars.length > 0 && { exemplars: this.#exemplars }),
      ...(this.#histograms.size > 0 && { histograms: this.#histograms }),
    };
    return { page, known: { layout, values, starts, families: this.#families, page: new PageCopy(cursor.body) } };
  }

  #layout(): Layout {
    const before = this.#before;
    const isSame = before && this.#same && before.values.length === this.#values.length;
    return isSame ? before.layout : Object.freeze({ samples: this.samples() });
  }

  /** Those read so far. */
  samples(): readonly RawSample[] {
    const all: RawSample[] = [];
    // One at a time: a metric may have more than fit on the stack.
    for (const { metrics } of this.#families)
      for (const { samples } of metrics) for (const one of samples) all.push(one);
    return all;
  }

  /** A number for each sample, the same for all of a metric. */
  #column(of: (metric: KnownMetric) => number): Float64Array {
    const column = new Float64Array(this.#values.length);
    for (const { metrics } of this.#families) {
      for (const one of metrics) column.fill(of(one), one.first, one.first + one.samples.length);
    }
    return column;
  }

  #family(): void {
    this.#name = '';
    const cursor = this.#cursor;
    this.#check(++this.#messages);
    const scan = this.#scan();
    if (scan.metrics.length === 0) return;
    const end = cursor.end;
    const known = this.#knownFamily(scan);
    this.#name = known?.family.name ?? '';
    const { family, type } = known ?? this.#readHead(scan);
    this.#name = family.name;
    const before = this.#before;
    const found =
      before && known
        ? new Finder(before.page, known.metrics, ({ labelsAt, labelsEnd }) => [labelsAt, labelsEnd])
        : undefined;
    const metrics: KnownMetric[] = [];
    const { headAt, headEnd, tailAt, tailEnd } = scan;
    this.#families.push({ family, type, headAt, headEnd, tailAt, tailEnd, metrics });
    for (let i = 0; i < scan.metrics.length; i += 2) {
      metrics.push(this.#metric(scan.metrics[i]!, scan.metrics[i + 1]!, family, type, found));
    }
    cursor.pos = cursor.end = end;
  }

  /** Finds the parts of the family that the cursor's message is, and leaves it at its end. */
  #scan(): Scan {
    const cursor = this.#cursor;
    const metrics: number[] = [];
    const start = cursor.pos;
    let headEnd = -1;
    let tailAt = cursor.end;
    let together = true;
    for (let field = cursor.pos; cursor.next(); field = cursor.pos) {
      if (cursor.field !== 4) {
        cursor.skip();
        continue;
      }
      if (headEnd < 0) headEnd = field;
      else if (field !== tailAt) together = false;
      const length = cursor.length();
      metrics.push(cursor.pos, cursor.pos + length);
      // Each gives a sample at least.
      this.#check(this.#values.length + metrics.length / 2);
      cursor.pos += length;
      tailAt = cursor.pos;
    }
    return { metrics, start, headAt: together ? start : -1, headEnd, tailAt, tailEnd: cursor.end };
  }

  /** The family of the same name, type, help and unit on the page before. */
  #knownFamily({ headAt, headEnd, tailAt, tailEnd }: Scan): KnownFamily | undefined {
    if (headAt < 0) return undefined;
    const known = this.#found?.find(this.#cursor, headAt, headEnd);
    if (!known || known.tailEnd - known.tailAt !== tailEnd - tailAt) return undefined;
    const same = this.#before!.page.has(this.#cursor, tailAt, tailEnd, known.tailAt, known.tailEnd);
    return same ? known : undefined;
  }

  #readHead({ start, tailEnd }: Scan): { family: Family; type: number } {
    const cursor = this.#cursor;
    const head = { name: '', help: '', unit: '', type: 0 };
    cursor.pos = start;
    cursor.end = tailEnd;
    while (cursor.next()) {
      if (cursor.field === 1) head.name = readText(cursor, 'the name');
      else if (cursor.field === 2) head.help = readText(cursor, 'the help');
      else if (cursor.field === 3) head.type = cursor.uint();
      else if (cursor.field === 5) head.unit = readText(cursor, 'the unit');
      else cursor.skip();
    }
    if (head.name === '') cursor.fail('a metric family has no name');
    this.#name = head.name;
    const type = TYPES[head.type] ?? cursor.fail(`the type ${head.type} is not known`);
    return { family: makeFamily(head.name, type, head.help, head.unit), type: head.type };
  }

  #metric(at: number, end: number, family: Family, type: number, found: Finder<KnownMetric> | undefined): KnownMetric {
    const cursor = this.#cursor;
    const next = found?.next;
    if (next && next.end - next.at === end - at && this.#before!.page.has(cursor, at, end, next.at, next.end)) {
      found!.take();
      return this.#again(next, at);
    }
    const message = this.#message;
    cursor.pos = at;
    cursor.end = end;
    if (end - at > LARGEST_METRIC) cursor.fail(`a metric of ${end - at} bytes, of which ${LARGEST_METRIC} are taken`);
    message.read(cursor, type);
    const { labelsAt, labelsEnd } = message;
    const known = labelsAt < 0 ? undefined : found?.find(cursor, labelsAt, labelsEnd);
    return this.#fresh(known, at, end, family, type);
  }

  /** All bytes are those of the page before. */
  #again(known: KnownMetric, at: number): KnownMetric {
    const by = at - known.at;
    const metric = {
      ...known,
      at,
      end: known.end + by,
      labelsAt: known.labelsAt < 0 ? -1 : known.labelsAt + by,
      labelsEnd: known.labelsEnd + by,
      first: this.#values.length,
    };
    this.#same &&= metric.first === known.first;
    this.#admit(known.samples.length, known.samples[0]!.labels.length / 2);
    this.#values.copy(this.#before!.values, known.first, known.samples.length);
    this.#note(metric);
    return metric;
  }

  #fresh(known: KnownMetric | undefined, at: number, end: number, family: Family, type: number): KnownMetric {
    const message = this.#message;
    const native = this.#options.native && type >= HISTOGRAM && isNative(message);
    const form: Form = { native, flat: !native || (this.#options.classic && message.bounds.length > 0) };
    const histogram = native ? nativeOf(message, type === GAUGE_HISTOGRAM) : undefined;
    if (typeof histogram === 'string') this.#cursor.fail(histogram);
    const kept = known !== undefined && isSameShape(known, message, form);
    // Before anything is made for a sample: sixteen megabytes of empty metrics are eight million.
    this.#admit(sampleCount(message, type, form), message.labels.length / 2 + 2);
    const metric: KnownMetric = {
      at,
      end,
      labelsAt: message.labelsAt,
      labelsEnd: message.labelsEnd,
      first: this.#values.length,
      samples: kept ? known.samples : samplesOf(message, family, type, form, this.#cursor),
      bounds: kept ? known.bounds : Float64Array.from(message.bounds.items.slice(0, message.bounds.length)),
      time: message.timestamp,
      start: message.start,
      histogram,
      exemplars: exemplarsOf(message, type, form),
    };
    this.#same &&= kept && metric.first === known.first;
    this.#sameStarts &&= kept && metric.start === known.start;
    this.#push(type, form);
    this.#note(metric);
    return metric;
  }

  /** The values in the order of `samplesOf`. */
  #push(type: number, { native, flat }: Form): void {
    const values = this.#values;
    const { value, count, countFloat, sum, bounds, points } = this.#message;
    if (native) values.push(sum);
    if (!flat) return;
    if (type !== SUMMARY && type < HISTOGRAM) {
      values.push(value);
      return;
    }
    const total = countFloat || count;
    values.push(total);
    values.push(sum);
    const shown = type === SUMMARY ? points.length : shownBuckets(bounds);
    for (let i = 0; i < shown; i++) values.push(points.items[i]!);
    if (type !== SUMMARY && bounds.items[shown - 1] !== Infinity) values.push(total);
  }

  #admit(samples: number, labels: number): void {
    this.#check(this.#values.length + samples);
    this.#labels += samples * labels;
    if (this.#labels > MOST_LABELS) this.#cursor.fail(`its samples have more than ${MOST_LABELS} labels together`);
  }

  #check(samples: number): void {
    const { crowd } = this.#options;
    if (crowd && samples > crowd.most) throw crowd.refusal(samples);
  }

  #note({ first, time, start, histogram, exemplars }: KnownMetric): void {
    if (time !== 0) this.#timed = true;
    if (start !== 0) this.#started = true;
    if (histogram) this.#histograms.set(first, histogram);
    for (const one of exemplars) this.#exemplars.push({ ...one, index: first + one.index });
  }
}
