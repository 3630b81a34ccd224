import { decompress } from '#prometheus';

export interface DecodedSample {
  value: number;
  /** The value's sixteen hexadecimal digits: NaN payloads show. */
  bits: string;
  time: number;
  /** Of 2.0, where it is not 0. */
  start?: number;
}
export interface DecodedExemplar {
  labels: string[];
  value: number;
  time: number;
}
export interface DecodedSpan {
  offset: number;
  length: number;
}
/** As the message has it, with what is 0 left out. */
export interface DecodedHistogram {
  countInt?: number;
  countFloat?: number;
  sum: number;
  sumBits: string;
  schema: number;
  zeroThreshold: number;
  zeroCountInt?: number;
  zeroCountFloat?: number;
  negativeSpans: DecodedSpan[];
  negativeDeltas: number[];
  negativeCounts: number[];
  positiveSpans: DecodedSpan[];
  positiveDeltas: number[];
  positiveCounts: number[];
  resetHint: number;
  time: number;
  customValues: number[];
  start?: number;
}
export interface DecodedSeries {
  /** Flat, in the order of the message. */
  labels: string[];
  samples: DecodedSample[];
  /** Only where there are some. */
  histograms?: DecodedHistogram[];
  exemplars?: DecodedExemplar[];
  /** Of 2.0. */
  metadata?: Omit<DecodedMetadata, 'name'>;
}
export interface DecodedMetadata {
  type: number;
  name: string;
  help: string;
  unit: string;
}
export interface WriteRequest {
  series: DecodedSeries[];
  metadata: DecodedMetadata[];
}

/** Unpacks and reads a body as a strict receiver does: unknown fields and wire types are errors. */
export function decodeBody(body: Uint8Array): WriteRequest {
  return decodeWriteRequest(decompress(body, 64 << 20));
}

export function decodeWriteRequest(message: Buffer): WriteRequest {
  const request: WriteRequest = { series: [], metadata: [] };
  for (const { field, bytes } of fields(message)) {
    if (field === 1) request.series.push(timeSeries(bytes!));
    else if (field === 3) request.metadata.push(metadata(bytes!));
    else throw new Error(`WriteRequest has no field ${field}`);
  }
  return request;
}

function timeSeries(message: Buffer): DecodedSeries {
  const series: DecodedSeries = { labels: [], samples: [] };
  for (const { field, bytes } of fields(message)) {
    if (field === 1) series.labels.push(...label(bytes!));
    else if (field === 2) series.samples.push(sample(bytes!));
    else if (field === 3) series.exemplars = [...(series.exemplars ?? []), exemplar(bytes!)];
    else if (field === 4) series.histograms = [...(series.histograms ?? []), histogram(bytes!, 16)];
    else throw new Error(`TimeSeries has no field ${field}`);
  }
  return series;
}

function exemplar(message: Buffer): DecodedExemplar {
  const out: DecodedExemplar = { labels: [], value: 0, time: 0 };
  for (const { field, bytes, number } of fields(message)) {
    if (field === 1) out.labels.push(...label(bytes!));
    else if (field === 2) out.value = bytes!.readDoubleLE();
    else if (field === 3) out.time = Number(BigInt.asIntN(64, number!));
    else throw new Error(`Exemplar has no field ${field}`);
  }
  return out;
}

/** Both versions' fields, up to number `last`. */
export function histogram(message: Buffer, last: 16 | 17): DecodedHistogram {
  const out: DecodedHistogram = {
    sum: 0,
    sumBits: '0'.repeat(16),
    schema: 0,
    zeroThreshold: 0,
    negativeSpans: [],
    negativeDeltas: [],
    negativeCounts: [],
    positiveSpans: [],
    positiveDeltas: [],
    positiveCounts: [],
    resetHint: 0,
    time: 0,
    customValues: [],
  };
  const zigzag = (n: bigint) => Number((n >> 1n) ^ -(n & 1n));
  for (const { field, bytes, number } of fields(message)) {
    if (field > last) throw new Error(`Histogram has no field ${field}`);
    if (field === 1) out.countInt = Number(number);
    if (field === 2) out.countFloat = bytes!.readDoubleLE();
    if (field === 3) {
      out.sum = bytes!.readDoubleLE();
      out.sumBits = bytes!.readBigUInt64LE().toString(16).padStart(16, '0');
    }
    if (field === 4) out.schema = zigzag(number!);
    if (field === 5) out.zeroThreshold = bytes!.readDoubleLE();
    if (field === 6) out.zeroCountInt = Number(number);
    if (field === 7) out.zeroCountFloat = bytes!.readDoubleLE();
    if (field === 8) out.negativeSpans.push(span(bytes!));
    if (field === 9) out.negativeDeltas.push(...varints(bytes!).map(zigzag));
    if (field === 10) out.negativeCounts.push(...doubles(bytes!));
    if (field === 11) out.positiveSpans.push(span(bytes!));
    if (field === 12) out.positiveDeltas.push(...varints(bytes!).map(zigzag));
    if (field === 13) out.positiveCounts.push(...doubles(bytes!));
    if (field === 14) out.resetHint = Number(number);
    if (field === 15) out.time = Number(BigInt.asIntN(64, number!));
    if (field === 16) out.customValues.push(...doubles(bytes!));
    if (field === 17) out.start = Number(BigInt.asIntN(64, number!));
  }
  return out;

  function span(message: Buffer): DecodedSpan {
    const made = { offset: 0, length: 0 };
    for (const { field, number } of fields(message)) {
      if (field === 1) made.offset = zigzag(number!);
      else if (field === 2) made.length = Number(number);
      else throw new Error(`BucketSpan has no field ${field}`);
    }
    return made;
  }
}

const doubles = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(8 * i));

export function varints(bytes: Buffer): bigint[] {
  const out: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte > 127) continue;
    out.push(value);
    value = 0n;
    shift = 0n;
  }
  if (shift) throw new Error('a varint is cut off');
  return out;
}

function label(message: Buffer): [string, string] {
  const pair: [string, string] = ['', ''];
  for (const { field, bytes } of fields(message)) pair[field - 1] = utf8(bytes!);
  if (pair.length !== 2) throw new Error('a Label has two fields');
  return pair;
}

function sample(message: Buffer): DecodedSample {
  const out: DecodedSample = { value: 0, bits: '0'.repeat(16), time: 0 };
  for (const { field, bytes, number } of fields(message)) {
    if (field === 1 && bytes?.length === 8) {
      out.value = bytes.readDoubleLE();
      out.bits = bytes.readBigUInt64LE().toString(16).padStart(16, '0');
    } else if (field === 2 && number !== undefined) out.time = Number(BigInt.asIntN(64, number));
    else throw new Error(`Sample has no such field ${field}`);
  }
  return out;
}

function metadata(message: Buffer): DecodedMetadata {
  const out: DecodedMetadata = { type: 0, name: '', help: '', unit: '' };
  for (const { field, bytes, number } of fields(message)) {
    if (field === 1) out.type = Number(number);
    else if (field === 2) out.name = utf8(bytes!);
    else if (field === 4) out.help = utf8(bytes!);
    else if (field === 5) out.unit = utf8(bytes!);
    else throw new Error(`MetricMetadata has no field ${field}`);
  }
  return out;
}

interface Field {
  field: number;
  bytes?: Buffer;
  number?: bigint;
}

export function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      if (at >= message.length || shift > 63n) throw new Error('bad varint');
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new Error('a field is cut off');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const field = tag >>> 3;
    if ((tag & 7) === 0) yield { field, number: varint() };
    else if ((tag & 7) === 1) yield { field, bytes: take(8) };
    else if ((tag & 7) === 2) yield { field, bytes: take(Number(varint())) };
    else throw new Error(`wire type ${tag & 7}`);
  }
}

export const utf8 = (bytes: Buffer): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
