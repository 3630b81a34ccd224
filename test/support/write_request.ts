import { decompress } from '#prometheus';

export interface DecodedSample {
  value: number;
  /** The value's sixteen hexadecimal digits: NaN payloads show. */
  bits: string;
  time: number;
}
export interface DecodedSeries {
  /** Flat, in the order of the message. */
  labels: string[];
  samples: DecodedSample[];
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
    else throw new Error(`TimeSeries has no field ${field}`);
  }
  return series;
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

function* fields(message: Buffer): Generator<Field> {
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

const utf8 = (bytes: Buffer): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
