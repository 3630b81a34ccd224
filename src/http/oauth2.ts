/** Tokens by OAuth 2.0's client credentials grant (RFC 6749 §4.4), as Go's golang.org/x/oauth2/clientcredentials gets them. */
import type { Clock } from '#clock';
import type { Authenticator } from '#component';
import { keepFresh } from '#kit';
import { createHttpClient } from './client.ts';
import { shownUrl } from './errors.ts';
import { isHeaderValue } from './headers.ts';
import type { HttpClient, HttpClientOptions, HttpResponse } from './http.ts';
import { type TextSource, textReader } from './secret-file.ts';

export interface Oauth2Options {
  tokenUrl: string;
  /** Files are looked at for each token that is asked for. */
  clientId: TextSource;
  clientSecret: TextSource;
  scopes?: readonly string[];
  /** More parameters of the token request; `grant_type` may be among them. */
  endpointParams?: ReadonlyMap<string, readonly string[]>;
  /** Milliseconds before its end that a token is replaced; one that lives less, at half of its life. Default 10 s, as in Go. */
  expiryBuffer?: number;
  /** Milliseconds for one token request. Default 30 s; 0 is the default. */
  timeout?: number;
  /** TLS and proxy on the way to the token endpoint. */
  http?: HttpClientOptions;
  warn?(message: string, error: unknown): void;
}

/** Adds `authorization`; wants to be stopped. */
export interface Oauth2 extends Authenticator {
  stop(): void;
}

interface Token {
  authorization: string;
  /** Milliseconds; undefined: it does not end. */
  life: number | undefined;
}

/** Where the client's id and secret go: into the header, as RFC 6749 has it, or into the form, as some servers want it. */
type Style = 'header' | 'form';

const DEFAULT_BUFFER = 10_000;
const DEFAULT_TIMEOUT = 30_000;
const MAX_ANSWER = 1024 * 1024;
const TOLD = 512;

/**
 * An authenticator for `createHttpClient` that asks `tokenUrl` for a token when the first request needs one and keeps it
 * until shortly before its end. Whoever makes one ends it with `stop`. The Collector's `oauth2client` extension and
 * Prometheus' `oauth2` section both turn into its options:
 *
 *     const oauth2 = createOauth2({ tokenUrl, clientId: { value: id }, clientSecret: { file } }, clock);
 *     const client = createHttpClient({ authenticator: oauth2 }, clock);
 */
export function createOauth2(options: Oauth2Options, clock: Clock): Oauth2 {
  const url = new URL(options.tokenUrl);
  const client = createHttpClient({ keepAlive: false, ...options.http }, clock);
  const warn = options.warn ?? (() => {});
  const read = (source: TextSource, what: string) =>
    textReader(source, { what, clock, onBad: (error) => warn(`${what} stays as it was`, error) });
  const id = read(options.clientId, 'the OAuth 2.0 client id');
  const secret = read(options.clientSecret, 'the OAuth 2.0 client secret');
  let style: Style | undefined;
  const tokens = keepFresh<Token>({
    clock,
    timeout: options.timeout || DEFAULT_TIMEOUT,
    buffer: options.expiryBuffer ?? DEFAULT_BUFFER,
    life: ({ life }) => life,
    load: fetchToken,
    onFailed: (error, left) =>
      warn(
        `cannot ${left ? 'replace the OAuth 2.0 token; the old one is still good' : 'get an OAuth 2.0 token'}`,
        error,
      ),
  });

  async function fetchToken(signal: AbortSignal): Promise<Token> {
    const [user, password] = [id?.current() ?? '', secret?.current() ?? ''];
    const tries: Style[] = style ? [style] : ['header', 'form'];
    let problem = '';
    for (const one of tries) {
      const answer = await ask(client, url, formOf(options), one, user, password, signal);
      const token = tokenOf(answer);
      if (typeof token !== 'string') {
        style = one;
        return token;
      }
      problem ||= password ? token.replaceAll(password, '[REDACTED]') : token;
      if (answer.status >= 500) break;
    }
    throw new Error(`${shownUrl(url)} gave no OAuth 2.0 token: ${problem}`);
  }

  return {
    async authenticate(_request, signal) {
      return { authorization: (await tokens.get(signal)).authorization };
    },
    async refused({ status, sent }, signal) {
      if (status !== 401) return { again: false };
      const advice = `the token is from ${shownUrl(url)}`;
      const token = await tokens.get(signal);
      if (token.authorization !== sent.authorization) return { again: true, advice };
      return { again: tokens.discard(token), advice };
    },
    stop() {
      tokens.stop();
      client.close();
    },
  };
}

function formOf({ scopes, endpointParams }: Oauth2Options): URLSearchParams {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scopes?.length) form.set('scope', scopes.join(' '));
  for (const [name, values] of endpointParams ?? []) {
    form.delete(name);
    for (const value of values) form.append(name, value);
  }
  return form;
}

function ask(
  client: HttpClient,
  url: URL,
  form: URLSearchParams,
  style: Style,
  id: string,
  secret: string,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const headers: Record<string, string> = {
    'Content-Type': 'application/x-www-form-urlencoded',
    Accept: 'application/json',
  };
  if (style === 'form') {
    form.set('client_id', id);
    if (secret) form.set('client_secret', secret);
  } else {
    headers.Authorization = `Basic ${Buffer.from(`${encoded(id)}:${encoded(secret)}`).toString('base64')}`;
  }
  const body = Buffer.from(form.toString());
  return client.request({ method: 'POST', url, headers, body, signal, maxBody: MAX_ANSWER });
}

/** As a form's values are (RFC 6749 §2.3.1). */
const encoded = (text: string): string => new URLSearchParams({ x: text }).toString().slice(2);

/** The token in an answer, or what is wrong with it, without a word that may be a secret. */
function tokenOf({ status, headers, body }: HttpResponse): Token | string {
  const fields = fieldsOf(headers['content-type'] ?? '', body.toString());
  const text = (name: string) => (typeof fields?.[name] === 'string' ? (fields[name] as string) : '');
  const error = [text('error'), text('error_description')].filter(Boolean).join(': ');
  if (status < 200 || status > 299 || error) return `answered ${status}${error && `: ${oneLine(error)}`}`;
  if (!fields) return 'the answer is neither JSON nor a form';
  if (!text('access_token')) return 'the answer holds no access_token';
  const authorization = `${schemeOf(text('token_type'))} ${text('access_token')}`;
  if (!isHeaderValue(authorization)) return 'the access_token holds what no header may hold';
  const seconds = Number(fields.expires_in ?? 0);
  return { authorization, life: seconds > 0 ? seconds * 1000 : undefined };
}

function fieldsOf(type: string, body: string): Record<string, unknown> | undefined {
  if (/^(application\/x-www-form-urlencoded|text\/plain)\b/i.test(type) && !body.trimStart().startsWith('{')) {
    return Object.fromEntries(new URLSearchParams(body));
  }
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Servers write the scheme as they like; some of those they are shown to are strict (as in Go's oauth2). */
function schemeOf(type: string): string {
  const known = { '': 'Bearer', bearer: 'Bearer', mac: 'MAC', basic: 'Basic' }[type.toLowerCase()];
  return known ?? type;
}

const oneLine = (text: string): string => text.slice(0, TOLD).replace(/[\x00-\x1f\x7f]+/g, ' ');
