import { type Clock, systemClock } from '#clock';
import type { Verdict } from '#component';
import { requestError } from './errors.ts';
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

  async function read<T>(request: HttpRequest, take: (response: HttpResponse) => T): Promise<T> {
    let outcome: Outcome<T>;
    try {
      outcome = await follow(transport, options, request, take);
    } catch (error) {
      throw request.signal.aborted ? request.signal.reason : requestError(request.method, request.url, error);
    }
    if ('refused' in outcome) throw outcome.refused;
    return outcome.value;
  }

  return {
    read,
    // What is lent has to be copied to be kept.
    request: (request) => read(request, (response) => ({ ...response, body: Buffer.from(response.body) })),
    close() {
      transport.close();
      options.onClose?.();
    },
  };
}

/** What became of an answer: what its reader made of it, or the reader's own error. */
type Outcome<T> = { value: T } | { refused: unknown };
/** Or another request to be made, perhaps: a redirect's, or the same once more where the credentials were refused. */
type Reaction<T> = Outcome<T> | { status: number; location: string } | { refusal: HttpResponse };

function outcomeOf<T>(take: (response: HttpResponse) => T, response: HttpResponse): Outcome<T> {
  try {
    return { value: take(response) };
  } catch (refused) {
    return { refused };
  }
}

async function follow<T>(
  transport: Transport,
  options: HttpClientOptions,
  request: HttpRequest,
  take: (response: HttpResponse) => T,
): Promise<Outcome<T>> {
  const first = request.url;
  if (first.protocol !== 'http:' && first.protocol !== 'https:')
    throw new Error(`${first.protocol} is not http or https`);
  let hop: Hop = { method: request.method, url: first, body: request.body, trusted: true };
  let again = false;
  for (let hops = 0; ; ) {
    const headers = headersFor(options, request, hop);
    const credentials = await credentialsFor(options, request, hop, headers);
    Object.assign(headers, credentials);
    const reaction = await send(transport, options, request, hop, headers, credentials !== undefined, take);
    if ('location' in reaction) {
      if (hops++ === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`);
      hop = nextHop(hop, reaction.status, redirectTarget(reaction.location, hop.url, first), first);
    } else if ('refusal' in reaction) {
      const { refusal } = reaction;
      const verdict = await verdictOn(options, request, hop, refusal, credentials!);
      const advice = verdict?.advice ? { advice: verdict.advice } : {};
      if (!verdict?.again || again) return outcomeOf(take, { ...refusal, ...advice });
      again = true;
    } else return reaction;
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
  sent: Record<string, string>,
): Promise<Verdict | undefined> {
  return authenticator?.refused?.({ url, status, headers, body, sent }, signal);
}

function send<T>(
  transport: Transport,
  options: HttpClientOptions,
  request: HttpRequest,
  hop: Hop,
  headers: Record<string, string>,
  /** There are credentials in the headers that an authenticator may have something to say about. */
  signed: boolean,
  take: (response: HttpResponse) => T,
): Promise<Reaction<T>> {
  const { maxBody = DEFAULT_MAX_BODY, truncateBody: truncate = false, successBody, signal } = request;
  const accepted = request.packing ?? headers['accept-encoding'];
  const moves = (status: number, location: string | undefined): location is string =>
    options.followRedirects === true && isRedirect(status, location);
  return transport.exchange<Reaction<T>>(
    {
      ...hop,
      headers,
      signal,
      limitsFor: ({ status, headers: { location } }) => {
        if (moves(status, location)) return { maxBody: REDIRECT_BODY, truncate: true };
        return { maxBody, truncate, worth: status >= 200 && status < 300 ? successBody : 'needed' };
      },
    },
    ({ status, headers, body }) => {
      const { location } = headers;
      if (moves(status, location)) return { status, location };
      const taken = (unpacked: Buffer): Reaction<T> => {
        if (signed && REFUSALS.includes(status)) return { refusal: { status, headers, body: Buffer.from(unpacked) } };
        return outcomeOf(take, { status, headers, body: unpacked });
      };
      return unpack(body, headers['content-encoding'], accepted, { limit: maxBody, lenient: truncate }, taken);
    },
  );
}
