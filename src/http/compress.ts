/** Bodies of requests, compressed as the Collector's confighttp does. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';

export const COMPRESSIONS = ['gzip', 'zlib', 'deflate', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

type Compress = (body: Uint8Array, level: number | undefined) => Promise<Buffer>;
type Zlib = (body: Uint8Array, options: zlib.ZlibOptions) => Promise<Buffer>;
type Zstd = (body: Uint8Array, options: zlib.ZstdOptions) => Promise<Buffer>;

const gzip = promisify(zlib.gzip) as Zlib;
const deflate = promisify(zlib.deflate) as Zlib;
// Node has it since 22.15.
const zstd = typeof zlib.zstdCompress === 'function' ? (promisify(zlib.zstdCompress) as Zstd) : undefined;

const compressors: Record<Compression, Compress | undefined> = {
  gzip: (body, level) => gzip(body, zlibLevel(level)),
  // The Collector writes the zlib format under both names; RFC 9110 §8.4.1.2 calls it deflate.
  zlib: (body, level) => deflate(body, zlibLevel(level)),
  deflate: (body, level) => deflate(body, zlibLevel(level)),
  zstd: zstd && ((body, level) => zstd(body, level === undefined ? {} : { params: zstdLevel(level) })),
};

const zlibLevel = (level: number | undefined): zlib.ZlibOptions =>
  level === undefined ? {} : { level: Math.min(level, 9) };
const zstdLevel = (level: number): Record<number, number> => ({ [zlib.constants.ZSTD_c_compressionLevel]: level });

/** Whether this Node can; true for `none` and ''. */
export function canCompress(kind: Compression | 'none' | ''): boolean {
  return kind === 'none' || kind === '' || compressors[kind] !== undefined;
}

/**
 * The compressed body and the Content-Encoding to send with it; the body itself and no encoding for `none`, '' and
 * undefined. `level` is the algorithm's own, undefined for its default; one above its highest means that.
 */
export async function compressBody(
  kind: Compression | 'none' | '' | undefined,
  level: number | undefined,
  body: Uint8Array,
): Promise<{ body: Uint8Array; encoding?: Compression }> {
  if (!kind || kind === 'none') return { body };
  const compress = compressors[kind];
  if (!compress) throw new Error(`this Node cannot compress with ${kind}`);
  return { body: await compress(body, level), encoding: kind };
}
