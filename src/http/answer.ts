/** Writing one answer: length or chunks, gzip when asked for, HEAD, and a deadline for the other side to take it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Clock } from '#clock';

export interface ServerAnswer {
  status: number;
  /** Lower-case names. `content-type` is plain text when left out. */
  headers?: Readonly<Record<string, string>>;
  /** Packed with gzip when the client takes it and it is worth it. A Buffer that is answered again is packed once. */
  body?: string | Buffer;
}

const gzip = promisify(zlib.gzip) as (body: Buffer, options: zlib.ZlibOptions) => Promise<Buffer>;

/** Below this the head outweighs what gzip saves. */
const WORTH_PACKING = 1024;
/** Pages are made of repeated names: higher levels cost twice the time for some percent. */
const LEVEL = 4;
const CHUNK = 256 * 1024;

export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers = {}, body = '' }: ServerAnswer,
  clock: Clock,
  deadline: number,
): Promise<void> {
  if (response.destroyed) return;
  const cancel = clock.after(deadline, () => response.destroy());
  response.once('close', cancel);
  let bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const head: Record<string, string | number> = {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    ...headers,
  };
  if (status === 200 && bytes.length >= WORTH_PACKING) {
    head.vary = head.vary ? `${head.vary}, Accept-Encoding` : 'Accept-Encoding';
    if (acceptsGzip(request.headers['accept-encoding'])) {
      bytes = await packed(bytes);
      head['content-encoding'] = 'gzip';
    }
  }
  if (status !== 204) head['content-length'] = bytes.length;
  response.writeHead(status, head);
  if (request.method === 'HEAD' || status === 204) response.end();
  else await send(response, bytes);
}

/** In pieces, so that a client that goes away early costs no more than one. */
async function send(response: ServerResponse, bytes: Buffer): Promise<void> {
  let at = 0;
  for (; bytes.length - at > CHUNK; at += CHUNK) {
    if (!response.write(bytes.subarray(at, at + CHUNK))) await drained(response);
    if (response.destroyed) return;
  }
  response.end(bytes.subarray(at));
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}

const packing = new WeakMap<Buffer, Promise<Buffer>>();

function packed(body: Buffer): Promise<Buffer> {
  const known = packing.get(body);
  if (known) return known;
  const made = gzip(body, { level: LEVEL });
  packing.set(body, made);
  return made;
}

/** RFC 9110 §12.5.3, as far as it concerns gzip. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  let star = false;
  for (const part of String(header ?? '')
    .slice(0, 1024)
    .split(',')) {
    const [coding, ...parameters] = part.split(';').map((p) => p.trim().toLowerCase());
    if (coding !== 'gzip' && coding !== 'x-gzip' && coding !== '*') continue;
    const refused = parameters.some((p) => /^q=0(\.0*)?$/.test(p));
    if (coding !== '*') return !refused;
    star = !refused;
  }
  return star;
}
