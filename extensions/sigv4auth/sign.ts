/** AWS Signature Version 4, in headers (docs.aws.amazon.com: "Create a signed AWS API request"). Pure. */
import { createHash, createHmac } from 'node:crypto';
import type { Secret } from '#config';

/** A request as it goes onto the wire. */
export interface Signable {
  method: string;
  /** Without the query. */
  path: string;
  /** Without the `?`. */
  query: string;
  /** Those to be signed; `host` and `x-amz-date` must be among them. A name that comes twice keeps its order. */
  headers: readonly (readonly [string, string])[];
  /** `sha256` of the body, in hexadecimal. */
  payloadHash: string;
}

export interface Scope {
  region: string;
  service: string;
  /** `20150830T123600Z`, as in `x-amz-date`. */
  time: string;
}

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Milliseconds since the epoch as SigV4 writes a time. */
export const amzDate = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;

/** The time that `amzDate` wrote, in milliseconds; NaN when it is none. */
export function fromAmzDate(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

/** The value of the `authorization` header. */
export function authorization(
  request: Signable,
  scope: Scope,
  accessKeyId: string,
  secret: Secret,
  normalize = true,
): string {
  const signature = createHmac('sha256', signingKey(scope, secret))
    .update(stringToSign(canonicalRequest(request, normalize), scope))
    .digest('hex');
  const credential = `${accessKeyId}/${scopeText(scope)}`;
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders(request)}, Signature=${signature}`;
}

/** `normalize`: take `.` and `..` out of the path, and repeated slashes; every service but S3 does. */
export function canonicalRequest(request: Signable, normalize = true): string {
  const path = normalize ? normalized(request.path) : request.path;
  const headers = [...canonicalHeaders(request)].map(([name, values]) => `${name}:${values.join(',')}\n`);
  return [
    request.method,
    path.split('/').map(encoded).join('/') || '/',
    canonicalQuery(request.query),
    headers.join(''),
    signedHeaders(request),
    request.payloadHash,
  ].join('\n');
}

export function stringToSign(canonical: string, scope: Scope): string {
  return ['AWS4-HMAC-SHA256', scope.time, scopeText(scope), sha256(canonical)].join('\n');
}

const scopeText = ({ time, region, service }: Scope) => `${time.slice(0, 8)}/${region}/${service}/aws4_request`;

function signingKey({ time, region, service }: Scope, secret: Secret): Buffer {
  let key: Buffer | string = `AWS4${secret.reveal()}`;
  for (const part of [time.slice(0, 8), region, service, 'aws4_request']) {
    key = createHmac('sha256', key).update(part).digest();
  }
  return key as Buffer;
}

function canonicalHeaders({ headers }: Signable): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    all.set(lower, [...(all.get(lower) ?? []), value.trim().replace(/\s+/g, ' ')]);
  }
  return new Map([...all].sort(([a], [b]) => compare(a, b)));
}

const signedHeaders = (request: Signable) => [...canonicalHeaders(request).keys()].join(';');

/** Names and values decoded and encoded anew, since not every encoder escapes what AWS does; sorted as they are then. */
function canonicalQuery(query: string): string {
  const pairs = query
    .split('&')
    .filter(Boolean)
    .map((pair) => {
      const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
      return [encoded(decoded(name)), encoded(decoded(value))] as const;
    });
  pairs.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function normalized(path: string): string {
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') out.pop();
    else if (part !== '.' && part !== '') out.push(part);
  }
  const isFolder = /(^|\/)(\.{1,2})?$/.test(path) && out.length > 0;
  return `/${out.join('/')}${isFolder ? '/' : ''}`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** All but A–Z a–z 0–9 - . _ ~ escaped. A path on the wire is escaped already, and is so once more. */
function encoded(text: string): string {
  const hex = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(Buffer.from(text).toString()).replace(/[!'()*]/g, hex);
}

function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
