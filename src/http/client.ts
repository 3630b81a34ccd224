import { type Clock, systemClock } from '#clock';
import { requestError } from './errors.ts';
import { exchange, type RawResponse } from './exchange.ts';
import { basicAuthorization, isCredential } from './headers.ts';
import type { HttpClient, HttpClientOptions, HttpRequest, HttpResponse } from './http.ts';
import { isRedirect, MAX_REDIRECTS, mayCarryCredentials, redirectMethod, redirectTarget } from './redirect.ts';
import { createTransport, type Transport } from './transport.ts';
import { unpack } from './unpack.ts';

const DEFAULT_MAX_BODY = 64 * 1024;
/** So much of a redirect's own body is read, so that its connection can be used again. */
const REDIRECT_BODY = 4096;

/** One hop of a request: the same but for what a redirect changes. */
interface Hop {
  method: string;
  url: URL;
  body: Uint8Array | undefined;
  /** Sticky: once a redirect led away from the first host, credentials stay behind even if another leads back. */
  trusted: boolean;
}

/** A client with its own connections. Throws at once on settings that cannot work, such as a proxy that is no URL. */
export function createHttpClient(options: HttpClientOptions = {}, clock: Clock = systemClock): HttpClient {
  const transport = createTransport(options, clock);
  return {
    async request(request) {
      try {
        return await follow(transport, options, request);
      } catch (error) {
        throw request.signal.aborted ? request.signal.reason : requestError(request.method, request.url, error);
      }
    },
    close: () => transport.close(),
  };
}

async function follow(transport: Transport, options: HttpClientOptions, request: HttpRequest): Promise<HttpResponse> {
  const first = request.url;
  if (first.protocol !== 'http:' && first.protocol !== 'https:')
    throw new Error(`${first.protocol} is not http or https`);
  let hop: Hop = { method: request.method, url: first, body: request.body, trusted: true };
  for (let hops = 0; ; hops++) {
    const headers = await headersFor(options, request, hop);
    const raw = await send(transport, options, request, hop, headers);
    const location = raw.headers.location;
    if (options.followRedirects && isRedirect(raw.status, location)) {
      if (hops === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`);
      hop = nextHop(hop, raw.status, redirectTarget(location, hop.url, first), first);
      continue;
    }
    return { status: raw.status, headers: raw.headers, body: await bodyOf(raw, request, headers) };
  }
}

function nextHop(hop: Hop, status: number, url: URL, first: URL): Hop {
  const { method, keepBody } = redirectMethod(status, hop.method);
  return {
    method,
    url,
    body: keepBody ? hop.body : undefined,
    trusted: hop.trusted && mayCarryCredentials(url, first),
  };
}

/** All headers of a hop, lower case. The caller's own win over the settings', an authenticator's over both. */
async function headersFor(options: HttpClientOptions, request: HttpRequest, hop: Hop): Promise<Record<string, string>> {
  const headers: Record<string, string> = { host: hop.url.host };
  const basic = hop.trusted ? basicAuthorization(request.url) : undefined;
  if (basic) headers.authorization = basic;
  for (const [name, value] of options.headers ?? []) {
    // Any of the settings' headers may be a key under a name of its own: only ours is known to be none.
    if (hop.trusted || name.toLowerCase() === 'user-agent') headers[name.toLowerCase()] = value.reveal();
  }
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    const lower = name.toLowerCase();
    if (!hop.trusted && isCredential(lower)) continue;
    if (request.body && !hop.body && lower.startsWith('content-')) continue;
    headers[lower] = value;
  }
  if (!hop.trusted || !options.authenticator) return headers;
  const { method, url, body = new Uint8Array() } = hop;
  const more = await options.authenticator.authenticate({ method, url, headers, body }, request.signal);
  for (const [name, value] of Object.entries(more)) headers[name.toLowerCase()] = value;
  return headers;
}

async function send(
  transport: Transport,
  options: HttpClientOptions,
  request: HttpRequest,
  hop: Hop,
  headers: Record<string, string>,
): Promise<RawResponse> {
  const maxBody = request.maxBody ?? DEFAULT_MAX_BODY;
  const limits = { maxBody, truncate: request.truncateBody ?? false };
  for (let retried = false; ; retried = true) {
    const outgoing = transport.open(hop.method, hop.url, headers, request.signal);
    let answered = false;
    try {
      return await exchange(outgoing, hop.body, request.signal, (response) => {
        answered = true;
        const moves = options.followRedirects && isRedirect(response.statusCode ?? 0, response.headers.location);
        return moves ? { maxBody: REDIRECT_BODY, truncate: true } : limits;
      });
    } catch (error) {
      // The server may close an idle connection in the moment we choose it. Once, and never after a word of the answer.
      const stale = outgoing.reusedSocket && !answered && closedByPeer(error);
      if (retried || !stale || request.signal.aborted) throw error;
    }
  }
}

function closedByPeer(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ECONNRESET' || code === 'EPIPE';
}

async function bodyOf(raw: RawResponse, request: HttpRequest, headers: Record<string, string>): Promise<Buffer> {
  const encoding = raw.headers['content-encoding'];
  const limit = request.maxBody ?? DEFAULT_MAX_BODY;
  if (!request.truncateBody) return unpack(raw.body, encoding, headers['accept-encoding'], limit);
  // An error's text that cannot be unpacked must not hide the error.
  return unpack(raw.body, encoding, headers['accept-encoding'], limit).catch(() => Buffer.alloc(0));
}
