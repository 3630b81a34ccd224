import { once } from 'node:events';
import {
  type Buckets,
  type Exemplar,
  forEachNativeBucket,
  labelValue,
  METRIC_NAME,
  type NativeHistogram,
} from '#metrics';
import { chooseFormat, createProtobufParser, formatFloat, type ParsedPage, parsePage } from '#prometheus';

export interface ParseIo {
  stdin: AsyncIterable<Uint8Array | string>;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
}

const USAGE = `Usage: dnscol parse [--content-type TYPE] [--strict] [--exemplars]

Reads a metrics page on standard input and prints a line of JSON for each sample, in the page's order:
{"name": "...", "labels": {...}, "value": "...", "timestamp": milliseconds or null}. A page with a fault prints nothing but
the fault, with its line and column, on standard error. A native histogram has its sum as value, and "histogram": {...}
with its counts and, for each bucket, [index, count].

  --content-type TYPE  the page's Content-Type, which chooses the format (default: text/plain; version=0.0.4)
  --strict             holds the page to the whole of its format, not only to what a Prometheus scrape takes
  --exemplars          adds "exemplar": {"labels", "value", "timestamp"} to the samples that have one
`;

interface Options {
  contentType: string;
  strict: boolean;
  exemplars: boolean;
}

/** `dnscol parse`: tries a page offline. The exit code: 0, 1 when the page has a fault, 2 wrong usage. */
export async function run(args: readonly string[], io: ParseIo): Promise<number> {
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    io.stdout.write(USAGE);
    return 0;
  }
  const options = readArgs(args);
  if (typeof options === 'string') {
    io.stderr.write(`${options}\n${USAGE}`);
    return 2;
  }
  let page: ParsedPage;
  try {
    page = parse(await readAll(io.stdin), options);
  } catch (error) {
    io.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  await write(page, io.stdout);
  return 0;
}

function readArgs(args: readonly string[]): Options | string {
  const options: Options = { contentType: 'text/plain; version=0.0.4', strict: false, exemplars: false };
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = splitOnce(args[i]!);
    if (flag === '--content-type') {
      const value = inline ?? args[++i];
      if (value === undefined) return '--content-type needs a value';
      options.contentType = value;
    } else if (args[i] === '--strict') options.strict = true;
    else if (args[i] === '--exemplars') options.exemplars = true;
    else return `parse has no argument ${args[i]}`;
  }
  return options;
}

function splitOnce(arg: string): [flag: string, value: string | undefined] {
  const at = arg.indexOf('=');
  return at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function parse(body: Buffer, { contentType, strict, exemplars }: Options): ParsedPage {
  const { format } = chooseFormat(contentType);
  if (format !== 'protobuf') return parsePage(body, { format, strict, exemplars });
  const { exemplars: found, ...page } = createProtobufParser({ native: true, classic: true }).parse(body);
  return exemplars && found ? { ...page, exemplars: found } : page;
}

async function readAll(stdin: ParseIo['stdin']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const BLOCK = 1 << 16;

async function write(page: ParsedPage, stdout: NodeJS.WritableStream): Promise<void> {
  const exemplars = new Map<number, Exemplar[]>();
  for (const one of page.exemplars ?? []) exemplars.set(one.index, [...(exemplars.get(one.index) ?? []), one]);
  let block = '';
  for (let i = 0; i < page.values.length; i++) {
    block += `${sampleLine(page, i, exemplars.get(i) ?? [])}\n`;
    if (block.length < BLOCK) continue;
    if (!stdout.write(block)) await once(stdout, 'drain');
    block = '';
  }
  if (block !== '') stdout.write(block);
}

function sampleLine(page: ParsedPage, i: number, exemplars: readonly Exemplar[]): string {
  const { layout, values, times, histograms } = page;
  const { labels } = layout.samples[i]!;
  const histogram = histograms?.get(i);
  const name = labelValue(labels, METRIC_NAME);
  const native = histogram ? `,"histogram":${histogramText(histogram)}` : '';
  const shown = native + exemplarsText(exemplars, histogram !== undefined);
  const value = formatFloat(values[i]!);
  return `{"name":${JSON.stringify(name)},"labels":${labelsText(labels)},"value":"${value}","timestamp":${timeText(times?.[i])}${shown}}`;
}

function histogramText(histogram: NativeHistogram): string {
  const { schema, isFloat, isGauge, count, sum, zeroThreshold, zeroCount, positive, negative } = histogram;
  const number = (value: number) => `"${formatFloat(value)}"`;
  return `{"schema":${schema},"float":${isFloat},"gauge":${isGauge},"count":${number(count)},"sum":${number(sum)},"zero_threshold":${number(zeroThreshold)},"zero_count":${number(zeroCount)},"positive":${bucketsText(positive)},"negative":${bucketsText(negative)}}`;
}

function bucketsText(buckets: Buckets): string {
  const all: string[] = [];
  forEachNativeBucket(buckets, (index, count) => all.push(`[${index},"${formatFloat(count)}"]`));
  return `[${all}]`;
}

/** A series has one, a native histogram may have more. */
function exemplarsText(exemplars: readonly Exemplar[], native: boolean): string {
  if (exemplars.length === 0) return '';
  return native ? `,"exemplars":[${exemplars.map(exemplarText)}]` : `,"exemplar":${exemplarText(exemplars[0]!)}`;
}

function exemplarText({ labels, value, timestamp }: Exemplar): string {
  return `{"labels":${labelsText(labels)},"value":"${formatFloat(value)}","timestamp":${timeText(timestamp)}}`;
}

/** By hand: an object would put names that are numbers first, and could not hold `__proto__`. */
function labelsText(labels: readonly string[]): string {
  const parts: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    if (labels[i] !== METRIC_NAME) parts.push(`${JSON.stringify(labels[i])}:${JSON.stringify(labels[i + 1])}`);
  }
  return `{${parts.join(',')}}`;
}

function timeText(time: number | undefined): string {
  return time === undefined || Number.isNaN(time) ? 'null' : String(time);
}
