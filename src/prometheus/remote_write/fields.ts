import { readVarint } from './wire.ts';

/** Tells each field of the message in `bytes[from, to)`: its number, and where its content lies (of a varint: its bytes). */
export function eachField(
  bytes: Uint8Array,
  from: number,
  to: number,
  tell: (field: number, from: number, to: number, begins: number) => void,
): void {
  for (let at = from; at < to; ) {
    const begins = at;
    const [tag, start] = readVarint(bytes, at);
    let content = start;
    let end = start;
    const wire = tag & 7;
    if (wire === 0) [, end] = readVarint(bytes, start);
    else if (wire === 1) end = start + 8;
    else if (wire === 2) {
      const [length, next] = readVarint(bytes, start);
      content = next;
      end = next + length;
    } else throw new Error(`a field of wire type ${wire}`);
    if (end > to) throw new Error('a field is cut off');
    tell(Math.floor(tag / 8), content, end, begins);
    at = end;
  }
}

/** How many points there are in so many TimeSeries; the numbers of their fields differ between the versions. */
export interface Counts {
  samples: number;
  histograms: number;
  exemplars: number;
}
