/** One Metric message (prometheus/client_model, io/prometheus/client/metrics.proto), as far as its family's type goes. */
import { isUtf8 } from 'node:buffer';
import { type Labels, sortedLabels } from '#metrics';
import { type Cursor, Numbers } from './cursor.ts';

/** Values of the enum MetricType. */
export const COUNTER = 0;
export const GAUGE = 1;
export const SUMMARY = 2;
export const UNTYPED = 3;
export const HISTOGRAM = 4;
export const GAUGE_HISTOGRAM = 5;

/** Which field of Metric holds the value of each type. */
const PAYLOADS = [3, 2, 4, 5, 7, 7];

export interface RawExemplar {
  readonly labels: Labels;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number | undefined;
}

/** Spans and counts of one side, as they stand. */
export class RawBuckets {
  /** offset, length, offset, length, … */
  readonly spans = new Numbers();
  readonly deltas = new Numbers();
  readonly counts = new Numbers();

  reset(): void {
    this.spans.clear();
    this.deltas.clear();
    this.counts.clear();
  }
}

/** What was read last. One is used for all metrics of a page: nothing of it may be kept but the exemplars. */
export class MetricMessage {
  /** Where the labels stand: [from, to) of each LabelPair's field value. */
  readonly labels = new Numbers();
  /** The labels and nothing else, tags included; -1 when something stands between them. */
  labelsAt = 0;
  labelsEnd = 0;
  /** Milliseconds since the epoch; 0: none. */
  timestamp = 0;
  /** Since when it counts, in milliseconds since the epoch; 0: unknown. */
  start = 0;
  /** Of a counter, gauge or untyped metric. */
  value = 0;
  count = 0;
  countFloat = 0;
  sum = 0;
  /** Upper bounds of buckets with cumulative counts, or quantiles with their values. */
  readonly bounds = new Numbers();
  readonly points = new Numbers();
  /** By bucket; of a counter the first. */
  exemplars: (RawExemplar | undefined)[] = [];
  /** The native histogram's own. */
  nativeExemplars: RawExemplar[] = [];
  schema = 0;
  zeroThreshold = 0;
  zeroCount = 0;
  zeroCountFloat = 0;
  readonly positive = new RawBuckets();
  readonly negative = new RawBuckets();

  /** The cursor's message is a Metric. */
  read(cursor: Cursor, type: number): void {
    this.#reset(cursor.pos);
    const payload = PAYLOADS[type];
    while (cursor.next()) {
      if (cursor.field === 1) this.#label(cursor);
      else if (cursor.field === 6) this.timestamp = cursor.int();
      else if (cursor.field === payload) {
        const outer = cursor.enter();
        if (type === SUMMARY) this.#summary(cursor);
        else if (type >= HISTOGRAM) this.#histogram(cursor);
        else this.#single(cursor, type === COUNTER);
        cursor.leave(outer);
      } else cursor.skip();
    }
  }

  #reset(at: number): void {
    this.labels.clear();
    this.labelsAt = this.labelsEnd = at;
    this.timestamp = this.start = this.value = this.count = this.countFloat = this.sum = 0;
    this.bounds.clear();
    this.points.clear();
    if (this.exemplars.length > 0) this.exemplars = [];
    if (this.nativeExemplars.length > 0) this.nativeExemplars = [];
    this.schema = this.zeroThreshold = this.zeroCount = this.zeroCountFloat = 0;
    this.positive.reset();
    this.negative.reset();
  }

  #label(cursor: Cursor): void {
    // The tag of field 1 has one byte.
    const together = this.labelsEnd === cursor.pos - 1;
    const length = cursor.length();
    this.labels.push(cursor.pos);
    this.labels.push(cursor.pos + length);
    cursor.pos += length;
    if (together) this.labelsEnd = cursor.pos;
    else this.labelsAt = -1;
  }

  #single(cursor: Cursor, counter: boolean): void {
    while (cursor.next()) {
      if (cursor.field === 1) this.value = cursor.double();
      else if (counter && cursor.field === 2) this.exemplars[0] = readExemplar(cursor);
      else if (counter && cursor.field === 3) this.start = readTime(cursor);
      else cursor.skip();
    }
  }

  #summary(cursor: Cursor): void {
    while (cursor.next()) {
      if (cursor.field === 1) this.count = cursor.uint();
      else if (cursor.field === 2) this.sum = cursor.double();
      else if (cursor.field === 3) this.#quantile(cursor);
      else if (cursor.field === 4) this.start = readTime(cursor);
      else cursor.skip();
    }
  }

  #quantile(cursor: Cursor): void {
    let quantile = 0;
    let value = 0;
    const outer = cursor.enter();
    while (cursor.next()) {
      if (cursor.field === 1) quantile = cursor.double();
      else if (cursor.field === 2) value = cursor.double();
      else cursor.skip();
    }
    cursor.leave(outer);
    this.bounds.push(quantile);
    this.points.push(value);
  }

  #histogram(cursor: Cursor): void {
    while (cursor.next()) {
      switch (cursor.field) {
        case 1:
          this.count = cursor.uint();
          break;
        case 2:
          this.sum = cursor.double();
          break;
        case 3:
          this.#bucket(cursor);
          break;
        case 4:
          this.countFloat = cursor.double();
          break;
        case 15:
          this.start = readTime(cursor);
          break;
        default:
          this.#native(cursor);
      }
    }
  }

  #native(cursor: Cursor): void {
    switch (cursor.field) {
      case 5:
        this.schema = cursor.sint();
        break;
      case 6:
        this.zeroThreshold = cursor.double();
        break;
      case 7:
        this.zeroCount = cursor.uint();
        break;
      case 8:
        this.zeroCountFloat = cursor.double();
        break;
      case 9:
        readSpan(cursor, this.negative.spans);
        break;
      case 10:
        cursor.sints(this.negative.deltas);
        break;
      case 11:
        cursor.doubles(this.negative.counts);
        break;
      case 12:
        readSpan(cursor, this.positive.spans);
        break;
      case 13:
        cursor.sints(this.positive.deltas);
        break;
      case 14:
        cursor.doubles(this.positive.counts);
        break;
      case 16:
        this.nativeExemplars.push(readExemplar(cursor));
        break;
      default:
        cursor.skip();
    }
  }

  #bucket(cursor: Cursor): void {
    let count = 0;
    let float = 0;
    let bound = 0;
    let exemplar: RawExemplar | undefined;
    const outer = cursor.enter();
    while (cursor.next()) {
      if (cursor.field === 1) count = cursor.uint();
      else if (cursor.field === 2) bound = cursor.double();
      else if (cursor.field === 3) exemplar = readExemplar(cursor);
      else if (cursor.field === 4) float = cursor.double();
      else cursor.skip();
    }
    cursor.leave(outer);
    if (exemplar) this.exemplars[this.bounds.length] = exemplar;
    this.bounds.push(bound);
    this.points.push(float || count);
  }
}

function readSpan(cursor: Cursor, into: Numbers): void {
  let offset = 0;
  let length = 0;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) offset = cursor.sint();
    else if (cursor.field === 2) length = cursor.uint();
    else cursor.skip();
  }
  cursor.leave(outer);
  into.push(offset);
  into.push(length);
}

function readExemplar(cursor: Cursor): RawExemplar {
  const labels = new Map<string, string>();
  let value = 0;
  let timestamp: number | undefined;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) {
      const inner = cursor.enter();
      const [name, text] = readLabel(cursor);
      cursor.leave(inner);
      labels.set(name, text);
    } else if (cursor.field === 2) value = cursor.double();
    else if (cursor.field === 3) timestamp = readTime(cursor);
    else cursor.skip();
  }
  cursor.leave(outer);
  return { labels: sortedLabels(labels), value, timestamp };
}

/** A google.protobuf.Timestamp, in whole milliseconds as Prometheus takes it. */
function readTime(cursor: Cursor): number {
  let seconds = 0;
  let nanos = 0;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) seconds = cursor.int();
    else if (cursor.field === 2) nanos = cursor.int();
    else cursor.skip();
  }
  cursor.leave(outer);
  return seconds * 1000 + Math.trunc(nanos / 1e6);
}

/** The cursor's message is a LabelPair. */
export function readLabel(cursor: Cursor): [name: string, value: string] {
  let name = '';
  let value = '';
  while (cursor.next()) {
    if (cursor.field === 1) name = readText(cursor, "a label's name");
    else if (cursor.field === 2) value = readText(cursor, `the value of the label ${JSON.stringify(name)}`);
    else cursor.skip();
  }
  if (name === '') cursor.fail('a label has no name');
  return [name, value];
}

export function readText(cursor: Cursor, what: string): string {
  const length = cursor.length();
  const { body, pos } = cursor;
  const bytes = body.subarray(pos, pos + length);
  if (!isUtf8(bytes)) cursor.fail(`${what} is not UTF-8`);
  cursor.pos += length;
  return bytes.toString('utf8');
}
