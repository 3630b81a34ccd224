import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { type Item, itemOf, type Part } from './item.ts';
import type { Body } from './post.ts';

/** Two items with half of the sources each, in order; undefined when there is but one, or no telling where the next begins. */
export function halves({ stamped, ready, parts }: Item): Item[] | undefined {
  if (ready) return parts && readyHalves(ready, parts);
  const middle = stamped.length >> 1;
  return middle ? [itemOf(stamped.slice(0, middle)), itemOf(stamped.slice(middle))] : undefined;
}

/** That a repeated field is a concatenation makes a request that is cut between two sources two requests. */
function readyHalves(ready: Body, parts: readonly Part[]): Item[] | undefined {
  const packing = PACKING[ready.encoding ?? ''];
  if (parts.length < 2 || !packing) return undefined;
  const plain = packing.unpack(ready.bytes);
  if (plain.length !== sum(parts, 0)) return undefined;
  const middle = parts.length >> 1;
  const cut = sum(parts.slice(0, middle), 0);
  const item = (own: readonly Part[], bytes: Uint8Array): Item => ({
    stamped: [],
    points: sum(own, 1),
    ready: { ...ready, bytes: packing.pack(bytes) },
    parts: own,
  });
  return [item(parts.slice(0, middle), plain.subarray(0, cut)), item(parts.slice(middle), plain.subarray(cut))];
}

const sum = (parts: readonly Part[], which: 0 | 1) => parts.reduce((total, part) => total + part[which], 0);

interface Packing {
  pack(bytes: Uint8Array): Uint8Array;
  unpack(bytes: Uint8Array): Uint8Array;
}

const asIs = (bytes: Uint8Array) => bytes;
const PACKING: Partial<Record<string, Packing>> = {
  '': { pack: asIs, unpack: asIs },
  gzip: { pack: (bytes) => gzipSync(bytes), unpack: (bytes) => gunzipSync(bytes) },
  zstd: { pack: (bytes) => zstdCompressSync(bytes), unpack: (bytes) => zstdDecompressSync(bytes) },
};
