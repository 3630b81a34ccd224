/** Remote Write 1.0 read quickly, so that the receiver in this process does not keep its targets from answering. */
import { decompress } from '#prometheus';

export interface Point {
  /** Milliseconds since the epoch. */
  time: number;
  value: number;
  /** The value's bytes: `bitsOf` shows them. */
  low: number;
  high: number;
}

export interface Kept {
  labels: ReadonlyMap<string, string>;
  points: Point[];
}

const MOST = 64 * 2 ** 20;

/** The value's sixteen hexadecimal digits. */
export const bitsOf = ({ low, high }: Point): string =>
  high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');

/**
 * Adds a body's samples to the series that it names; `all` knows them by the bytes of their labels, and null for those that
 * `wanted` does not want. Throws at what Remote Write 1.0 does not have.
 */
export function takeIn(
  all: Map<string, Kept | null>,
  body: Buffer,
  wanted: (name: string) => boolean = () => true,
): void {
  const message = decompress(body, MOST);
  let at = 0;

  function varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined || scale > 2 ** 63) throw new Error('bad varint');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  function text(): string {
    const length = varint();
    at += length;
    return message.toString('utf8', at - length, at);
  }

  /** `at` stands behind the tag of the first label; ends behind the last one. */
  function labelsUntil(end: number): Map<string, string> {
    const labels = new Map<string, string>();
    while (at < end && message[at] === 0x0a) {
      at++;
      const stop = varint() + at;
      const pair = ['', ''];
      while (at < stop) {
        const tag = message[at++];
        if (tag !== 0x0a && tag !== 0x12) throw new Error(`a Label has no field ${tag}`);
        pair[tag === 0x0a ? 0 : 1] = text();
      }
      labels.set(pair[0]!, pair[1]!);
    }
    return labels;
  }

  function series(end: number): void {
    const begin = at;
    while (at < end && message[at] === 0x0a) {
      at++;
      // Not `at += varint()`: that would add to where it stood before.
      at = varint() + at;
    }
    const key = message.toString('latin1', begin, at);
    let kept = all.get(key);
    if (kept === undefined) {
      at = begin;
      const labels = labelsUntil(end);
      kept = wanted(labels.get('__name__') ?? '') ? { labels, points: [] } : null;
      all.set(key, kept);
    }
    while (at < end) {
      if (message[at++] !== 0x12) throw new Error(`a TimeSeries has no field with tag ${message[at - 1]}`);
      sample(varint() + at, kept);
    }
  }

  function sample(end: number, kept: Kept | null): void {
    const point = { time: 0, value: 0, low: 0, high: 0 };
    while (at < end) {
      const tag = message[at++];
      if (tag === 0x09) {
        point.value = message.readDoubleLE(at);
        point.low = message.readUInt32LE(at);
        point.high = message.readUInt32LE(at + 4);
        at += 8;
      } else if (tag === 0x10) point.time = varint();
      else throw new Error(`a Sample has no field with tag ${tag}`);
    }
    kept?.points.push(point);
  }

  while (at < message.length) {
    const tag = message[at++];
    const end = varint() + at;
    if (tag === 0x0a) series(end);
    else if (tag === 0x1a) at = end;
    else throw new Error(`WriteRequest has no field with tag ${tag}`);
    if (at !== end) throw new Error('a field is longer than it says');
  }
}
