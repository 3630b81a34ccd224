import { decompress } from '#prometheus';
import {
  type DecodedExemplar,
  type DecodedSample,
  type DecodedSeries,
  fields,
  histogram,
  utf8,
  varints,
} from './write_request.ts';

/** A Request of Remote Write 2.0. */
export interface Request2 {
  symbols: string[];
  series: (DecodedSeries & Required<Pick<DecodedSeries, 'metadata'>>)[];
}

/** Unpacks and reads a body as a strict receiver does: whatever the specification forbids is an error. */
export function decodeBody2(body: Uint8Array): Request2 {
  return decodeRequest2(decompress(body, 64 << 20));
}

export function decodeRequest2(message: Buffer): Request2 {
  const symbols: string[] = [];
  const bodies: Buffer[] = [];
  for (const { field, bytes } of fields(message)) {
    if (field === 4) {
      // Some receivers resolve references as they read.
      if (bodies.length) throw new Error('symbols come behind series');
      symbols.push(utf8(bytes!));
    } else if (field === 5) bodies.push(bytes!);
    else throw new Error(`Request has no field ${field}`);
  }
  if (symbols[0] !== '') throw new Error('the first symbol is not the empty string');
  if (new Set(symbols).size !== symbols.length) throw new Error('a symbol is there twice');
  const used = new Set(['']);
  const symbol = (ref: number | bigint): string => {
    const text = symbols[Number(ref)];
    if (text === undefined) throw new Error(`no symbol ${ref}`);
    used.add(text);
    return text;
  };
  const series = bodies.map((one) => timeSeries(one, symbol));
  if (used.size !== symbols.length) throw new Error('a symbol is there that nothing refers to');
  return { symbols, series };
}

type Lookup = (ref: number | bigint) => string;

function labels(bytes: Buffer, symbol: Lookup): string[] {
  const refs = varints(bytes);
  if (refs.length % 2) throw new Error('labels_refs is odd');
  return refs.map(symbol);
}

function timeSeries(message: Buffer, symbol: Lookup): Request2['series'][number] {
  const out: Request2['series'][number] = { labels: [], samples: [], metadata: { type: 0, help: '', unit: '' } };
  let described = 0;
  for (const { field, bytes } of fields(message)) {
    if (field === 1) out.labels.push(...labels(bytes!, symbol));
    else if (field === 2) out.samples.push(sample(bytes!));
    else if (field === 3) out.histograms = [...(out.histograms ?? []), histogram(bytes!, 17)];
    else if (field === 4) out.exemplars = [...(out.exemplars ?? []), exemplar(bytes!, symbol)];
    else if (field === 5) {
      described++;
      for (const { field: of, number } of fields(bytes!)) {
        if (of === 1) out.metadata.type = Number(number);
        else if (of === 3) out.metadata.help = symbol(number!);
        else if (of === 4) out.metadata.unit = symbol(number!);
        else throw new Error(`Metadata has no field ${of}`);
      }
    } else throw new Error(`TimeSeries has no field ${field}`);
  }
  checkSeries(out, described);
  return out;
}

function checkSeries({ labels: own, samples, histograms }: DecodedSeries, described: number): void {
  if (described !== 1) throw new Error(`metadata is there ${described} times`);
  if (samples.length > 0 === Boolean(histograms)) throw new Error('not either samples or histograms');
  if (own.includes('')) throw new Error('an empty label');
  const names = own.filter((_, i) => i % 2 === 0);
  const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  if (new Set(names).size !== names.length) throw new Error(`a label is there twice: ${names}`);
  if (names.join() !== sorted.join()) throw new Error(`labels are not sorted: ${names}`);
  const times = [...samples, ...(histograms ?? [])].map(({ time }) => time);
  if (times.some((time, i) => i > 0 && time < times[i - 1]!)) throw new Error('samples are not in order');
}

function sample(message: Buffer): DecodedSample {
  const out: DecodedSample = { value: 0, bits: '0'.repeat(16), time: 0 };
  for (const { field, bytes, number } of fields(message)) {
    if (field === 1) {
      out.value = bytes!.readDoubleLE();
      out.bits = bytes!.readBigUInt64LE().toString(16).padStart(16, '0');
    } else if (field === 2) out.time = Number(BigInt.asIntN(64, number!));
    else if (field === 3) out.start = Number(BigInt.asIntN(64, number!));
    else throw new Error(`Sample has no field ${field}`);
  }
  return out;
}

function exemplar(message: Buffer, symbol: Lookup): DecodedExemplar {
  const out: DecodedExemplar = { labels: [], value: Number.NaN, time: 0 };
  for (const { field, bytes, number } of fields(message)) {
    if (field === 1) out.labels.push(...labels(bytes!, symbol));
    else if (field === 2) out.value = bytes!.readDoubleLE();
    else if (field === 3) out.time = Number(BigInt.asIntN(64, number!));
    else throw new Error(`Exemplar has no field ${field}`);
  }
  return out;
}
