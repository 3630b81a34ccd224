import { type Clock, systemClock } from '#clock';
import type { Verdict } from '#component';
import { requestError } from './errors.ts';
import { exchange, type RawResponse } from './exchange.ts';
import { basicAuthorization, isCredential } from './headers.ts';
import type { HttpClient, HttpClientOptions, HttpRequest, HttpResponse } from './http.ts';
import { isRedirect, MAX_REDIRECTS, mayCarryCredentials, redirectMethod, redirectTarget } from './redirect.ts';
import { createTransport, type Transport } from './transport.ts';
import { unpack } from './unpack.ts';

const DEFAULT_MAX_BODY = 64 * 1024;
/** AWS answers 400 where others answer 401: for an expired token. */
const REFUSALS: readonly number[] = [400, 401, 403];
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
  let again = false;
  for (let hops = 0; ; ) {
    const headers = headersFor(options, request, hop);
    const credentials = await credentialsFor(options, request, hop, headers);
    Object.assign(headers, credentials);
    const raw = await send(transport, options, request, hop, headers);
    const location = raw.headers.location;
    if (options.followRedirects && isRedirect(raw.status, location)) {
      if (hops++ === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`);
      hop = nextHop(hop, raw.status, redirectTarget(location, hop.url, first), first);
      continue;
    }
    const answer = { status: raw.status, headers: raw.headers, body: await bodyOf(raw, request, headers) };
    const verdict = await verdictOn(options, request, hop, answer, credentials);
    if (!verdict?.again || again) return { ...answer, ...(verdict?.advice ? { advice: verdict.advice } : {}) };
    again = true;
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

/** All headers of a hop but an authenticator's, lower case. The caller's own win over the settings'. */
function headersFor(options: HttpClientOptions, request: HttpRequest, hop: Hop): Record<string, string> {
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
  return headers;
}

/** What the authenticator adds, lower case, and wins with: undefined where there is none or the host is not to be trusted. */
async function credentialsFor(
  { authenticator }: HttpClientOptions,
  { signal }: HttpRequest,
  { trusted, method, url, body = new Uint8Array() }: Hop,
  headers: Record<string, string>,
): Promise<Record<string, string> | undefined> {
  if (!trusted || !authenticator) return undefined;
  const given = await authenticator.authenticate({ method, url, headers, body }, signal);
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
}

async function verdictOn(
  { authenticator }: HttpClientOptions,
  { signal }: HttpRequest,
  { url }: Hop,
  { status, headers, body }: HttpResponse,
  sent: Record<string, string> | undefined,
): Promise<Verdict | undefined> {
  if (!sent || !REFUSALS.includes(status)) return undefined;
  return authenticator?.refused?.({ url, status, headers, body, sent }, signal);
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
