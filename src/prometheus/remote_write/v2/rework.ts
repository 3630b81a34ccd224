import type { WriteBody } from '../body.ts';
import { Bytes } from '../bytes.ts';
import { type Counts, eachField } from '../fields.ts';
import { compress, decompress } from '../snappy.ts';
import { copyMetadata, copyRefs, MessageWriter, NO_LIMITS, Source, type Written } from './message.ts';

/** A Request, taken apart. */
export interface Taken {
  readonly message: Buffer;
  readonly symbols: readonly string[];
  readonly series: readonly TakenSeries[];
}
interface TakenSeries extends Counts {
  readonly from: number;
  readonly to: number;
}

export function takeApart(body: WriteBody): Taken {
  const message = decompress(body.bytes, body.length);
  const symbols: string[] = [];
  const series: TakenSeries[] = [];
  eachField(message, 0, message.length, (kind, from, to) => {
    if (kind === 4) symbols.push(message.toString('utf8', from, to));
    if (kind !== 5) return;
    const one = { from, to, samples: 0, histograms: 0, exemplars: 0 };
    eachField(message, from, to, (field) => {
      if (field === 2 || field === 3) one.samples++;
      if (field === 3) one.histograms++;
      if (field === 4) one.exemplars++;
    });
    series.push(one);
  });
  return { message, symbols, series };
}

/** Several Requests of a lane as one, with one table. */
export function joinRequests(bodies: readonly WriteBody[]): WriteBody {
  return together(
    bodies[0]!.lane,
    bodies.map((body) => takeApart(body)),
  );
}

/** A Request as two of about half its series' bytes, in order; undefined when it holds but one. */
export function halveRequest(body: WriteBody): [WriteBody, WriteBody] | undefined {
  const whole = takeApart(body);
  const { series } = whole;
  if (series.length < 2) return undefined;
  const middle = (series[0]!.from + series.at(-1)!.to) / 2;
  const beyond = series.findIndex(({ to }) => to > middle);
  const cut = Math.min(Math.max(1, beyond), series.length - 1);
  const half = (from: number, to: number) => together(body.lane, [{ ...whole, series: series.slice(from, to) }]);
  return [half(0, cut), half(cut, series.length)];
}

function together(lane: number, all: readonly Taken[]): WriteBody {
  let written: WriteBody | undefined;
  const done = ({ message, ...counts }: Written) => {
    written = { version: 2, bytes: compress(message), length: message.length, ...counts, lane };
  };
  const writer = new MessageWriter(NO_LIMITS, done, { records: new Bytes(), row: new Bytes() });
  for (const { message, symbols, series } of all) {
    const source = new Source(symbols);
    for (const one of series) {
      writer.series(source, one, (row) => copySeries(message, one.from, one.to, source, row));
    }
  }
  writer.finish();
  return written!;
}

function copySeries(from: Uint8Array, start: number, end: number, source: Source, to: Bytes): void {
  eachField(from, start, end, (field, at, stop, begins) => {
    if (field === 1) copyRefs(from, at, stop, source, to);
    else if (field === 4) copyExemplar(from, at, stop, source, to);
    else if (field === 5) copyMetadata(from, at, stop, source, to);
    else to.raw(from.subarray(begins, stop));
  });
}

const exemplar = new Bytes();

function copyExemplar(from: Uint8Array, start: number, end: number, source: Source, to: Bytes): void {
  exemplar.clear();
  eachField(from, start, end, (field, at, stop, begins) => {
    if (field === 1) copyRefs(from, at, stop, source, exemplar);
    else exemplar.raw(from.subarray(begins, stop));
  });
  to.nested(0x22, exemplar.view());
}
