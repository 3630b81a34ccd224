import { type Labels, labelsKey } from '#metrics';
import { makeWriteRequest, type WriteBody } from '../body.ts';
import { Bytes } from '../bytes.ts';
import { writeLabels } from '../extras.ts';
import { eachField } from '../fields.ts';
import { legalLabels } from '../translate.ts';
import { readVarint } from '../wire.ts';
import { takeApart } from './rework.ts';

export interface Downgraded {
  readonly body: WriteBody;
  /** Samples that 1.0 cannot express. */
  readonly dropped: number;
}

/**
 * A Request as a WriteRequest, for a receiver that knows nothing newer. Names come into the classic character set; metadata and
 * start times are left out, and so are series that come out the same as an earlier one.
 */
export function toVersion1(body: WriteBody): Downgraded {
  const { message, symbols, series } = takeApart(body);
  const out = new Bytes();
  const row = new Bytes();
  const escaped = new Set<string>();
  for (const { from, to } of series) {
    const labels = labelsIn(message, from, to, symbols);
    const legal = legalLabels(labels);
    if (legal !== labels || escaped.size > 0) {
      const key = labelsKey(legal);
      if (escaped.has(key)) continue;
      escaped.add(key);
    }
    row.clear();
    writeLabels(row, 0x0a, legal);
    if (copyData(message, from, to, symbols, row)) out.nested(0x0a, row.view());
  }
  const made = makeWriteRequest(out.view(), body.lane);
  return { body: made, dropped: body.samples - made.samples };
}

function labelsIn(message: Uint8Array, from: number, to: number, symbols: readonly string[]): Labels {
  const labels: string[] = [];
  eachField(message, from, to, (field, start, end) => {
    if (field !== 1) return;
    for (let at = start; at < end; ) {
      const [ref, next] = readVarint(message, at);
      labels.push(symbols[ref]!);
      at = next;
    }
  });
  return labels;
}

const part = new Bytes();

/** Says whether there was any that 1.0 can express. */
function copyData(message: Buffer, from: number, to: number, symbols: readonly string[], row: Bytes): boolean {
  let any = false;
  eachField(message, from, to, (kind, start, end) => {
    if (kind !== 2 && kind !== 3 && kind !== 4) return;
    part.clear();
    eachField(message, start, end, (field, _at, stop, begins) => {
      const isStart = (kind === 2 && field === 3) || (kind === 3 && field === 17);
      if (kind === 4 && field === 1) writeLabels(part, 0x0a, labelsIn(message, start, end, symbols));
      else if (!isStart) part.raw(message.subarray(begins, stop));
    });
    any ||= kind !== 4;
    // Samples are field 2 in both; histograms and exemplars have changed places.
    row.nested(kind === 2 ? 0x12 : kind === 3 ? 0x22 : 0x1a, part.view());
  });
  return any;
}
