/** The body of an answer: one layer of Content-Encoding, of the kinds that were asked for, and never more than the limit. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { BodyTooLargeError } from './errors.ts';
import { type Gunzip, reusedGunzip } from './gunzip.ts';

type Unpack = (body: Buffer, options: zlib.ZlibOptions) => Buffer;
type UnpackLater = (body: Buffer, options: zlib.ZlibOptions) => Promise<Buffer>;

interface Coding {
  now: Unpack;
  later: UnpackLater;
}

const gunzip: Coding = { now: zlib.gunzipSync, later: promisify(zlib.gunzip) as UnpackLater };
const inflate: Coding = { now: zlib.inflateSync, later: promisify(zlib.inflate) as UnpackLater };
const inflateRaw: Coding = { now: zlib.inflateRawSync, later: promisify(zlib.inflateRaw) as UnpackLater };
const brotli: Coding = { now: zlib.brotliDecompressSync, later: promisify(zlib.brotliDecompress) as UnpackLater };

/** The most that an answer's own word for its length makes us set aside. */
const MOST_ROOM = 4 * 1024 * 1024;

/** Below this a trip through the thread pool costs more than the work itself. */
const SMALL = 64 * 1024;

export interface UnpackLimits {
  /** Bytes, unpacked. */
  limit: number;
  /** An error's text that cannot be unpacked must not hide the error: it is then empty. */
  lenient: boolean;
}

/**
 * Gives the unpacked body to `take`, for as long as that runs. `contentEncoding` is the answer's, `accepted` what it may be,
 * mostly the request's Accept-Encoding: anything else is refused, and so is a chain of encodings, which multiplies what a
 * small answer can unpack to. Small bodies are taken at once.
 */
export function unpack<T>(
  body: Buffer,
  contentEncoding: string | undefined,
  accepted: string | undefined,
  { limit, lenient }: UnpackLimits,
  take: (unpacked: Buffer) => T,
): T | Promise<T> {
  let unpacked: Buffer | Promise<Buffer>;
  try {
    unpacked = unpackedBody(body, contentEncoding, accepted, limit);
  } catch (error) {
    if (!lenient) throw error;
    unpacked = Buffer.alloc(0);
  }
  if (!(unpacked instanceof Promise)) return take(unpacked);
  return (lenient ? unpacked.catch(() => Buffer.alloc(0)) : unpacked).then(take);
}

function unpackedBody(
  body: Buffer,
  contentEncoding: string | undefined,
  accepted: string | undefined,
  limit: number,
): Buffer | Promise<Buffer> {
  const coding = codingOf(body, contentEncoding, accepted);
  if (!coding || body.length === 0) return body;
  const failed = (error: unknown): never => {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new BodyTooLargeError(`the body unpacks to more than ${limit} bytes`, limit);
    }
    throw new Error(`the body is not valid ${contentEncoding}`, { cause: error });
  };
  const options = { maxOutputLength: limit, chunkSize: roomFor(body, coding) };
  // It is lent to us, and another thread would still read it when it is no longer.
  if (body.length > SMALL) return coding.later(Buffer.from(body), options).catch(failed);
  try {
    return (coding === gunzip && reused()?.(body, limit)) || coding.now(body, options);
  } catch (error) {
    return failed(error);
  }
}

let tried: { gunzip: Gunzip | undefined } | undefined;
function reused(): Gunzip | undefined {
  tried ??= { gunzip: reusedGunzip() };
  return tried.gunzip;
}

/**
 * How much to unpack into at first. gzip says at its end how long the whole is (RFC 1952 §2.3.1), which saves growing,
 * copying and, with it, a third of what a scrape leaves to the garbage collector. One byte more, or zlib asks for another piece.
 */
function roomFor(body: Buffer, coding: Coding): number {
  const said = coding === gunzip && body.length > 18 ? body.readUInt32LE(body.length - 4) + 1 : body.length * 8;
  return Math.min(Math.max(said, 1024), coding === gunzip ? MOST_ROOM : SMALL);
}

function codingOf(body: Buffer, contentEncoding = '', accepted = ''): Coding | undefined {
  const name = contentEncoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  if (name.includes(',')) throw new Error(`the answer has more than one Content-Encoding: ${name.slice(0, 80)}`);
  if (!asksFor(accepted, name)) throw new Error(`the answer has Content-Encoding ${name.slice(0, 80)}, not asked for`);
  if (name === 'gzip' || name === 'x-gzip') return gunzip;
  if (name === 'br') return brotli;
  // RFC 9110 §8.4.1.2 says zlib; some servers send the bare stream. A zlib header names method 8 in its low bits.
  if (name === 'deflate') return (body[0]! & 0x0f) === 8 ? inflate : inflateRaw;
  throw new Error(`the answer has Content-Encoding ${name.slice(0, 80)}, which is not supported`);
}

function asksFor(accepted: string, name: string): boolean {
  const wanted = name === 'x-gzip' ? 'gzip' : name;
  if (accepted === wanted) return true;
  return accepted.split(',').some((part) => {
    const [coding, ...parameters] = part.split(';').map((p) => p.trim().toLowerCase());
    return coding === wanted && !parameters.some((p) => /^q=0(\.0*)?$/.test(p));
  });
}
