import type { Credentials } from './credentials.ts';
import { amzDate, authorization, sha256 } from './sign.ts';

interface Request {
  method: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

/** What AWS demands, and no more: what proxies on the way may change is left out. */
const SIGNED = /^(host|content-type|x-amz-.*)$/;

/** The headers that make a request a signed one. `at`: milliseconds, by the server's clock. */
export function signedHeaders(
  { method, url, headers, body }: Request,
  { region, service }: { region: string; service: string },
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  at: number,
): Record<string, string> {
  const time = amzDate(at);
  const added: Record<string, string> = {
    'x-amz-date': time,
    ...(sessionToken ? { 'x-amz-security-token': sessionToken.reveal() } : {}),
  };
  const all = { ...headers, ...added };
  const request = {
    method,
    path: url.pathname,
    query: url.search.slice(1),
    headers: Object.entries(all).filter(([name]) => SIGNED.test(name.toLowerCase())),
    payloadHash: sha256(body),
  };
  return { ...added, authorization: authorization(request, { region, service, time }, accessKeyId, secretAccessKey) };
}
