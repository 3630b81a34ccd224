/** The Collector's confighttp client: its keys as fields of a schema, and what they mean to our client. */
import type { Authenticator, Host } from '#component';
import * as s from '#config';
import { COMPRESSIONS, canCompress } from './compress.ts';
import { isFramingHeader, isHeaderName, isHeaderValue } from './headers.ts';
import type { HttpClientOptions, TlsClientOptions } from './http.ts';
import { type TlsClientConfig, tlsClientSchema } from './tls-config.ts';

/** An absolute http:// or https:// URL, as text. */
export function httpUrl(): s.Schema<string> {
  return s.string({ typeName: 'URL', check: urlProblem, json: { pattern: '^https?://|\\$\\{' } });
}

function urlProblem(text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (!URL.canParse(text)) return 'must be a URL such as http://host:port/path';
  const { protocol } = new URL(text);
  return /^https?:$/.test(protocol) ? undefined : `must begin with http:// or https://, not ${protocol}//`;
}

/** Headers to send, by name; the values are never printed. */
export function headerMap(): s.Schema<Map<string, s.Secret>> {
  return s.check(s.mapOf(s.secret()), (headers, complain) => {
    for (const [name, value] of headers) {
      if (!isHeaderName(name)) complain(name, 'is not a valid header name');
      else if (isFramingHeader(name)) complain(name, 'frames the message and cannot be set');
      if (!isHeaderValue(value.reveal())) complain(name, 'has a value that no header may hold');
    }
  });
}

const proxyUrl = s.check(s.secret(), (proxy, complain) => {
  if (!/^https?:\/\/[^/]/i.test(proxy.reveal()) || !URL.canParse(proxy.reveal())) {
    complain('', 'must be an http:// or https:// URL');
  }
});

const cookies = s.check(
  s.object({ enabled: s.withDefault(s.bool(), false, 'Keep cookies between requests. Not supported.') }),
  ({ enabled }, complain) => {
    if (enabled) complain('enabled', 'is not supported: cookies are not kept');
  },
);

const middlewares = s.check(s.list(s.anything('middleware')), (list, complain) => {
  if (list.length) complain('', 'is not supported: there are no middleware extensions');
});

const compression = s.check(s.oneOf(...COMPRESSIONS, 'none', ''), (kind, complain) => {
  if (!canCompress(kind)) complain('', `${kind} needs Node 22.15 or newer`);
});

const OTHER_PROTOCOL = 'Accepted; HTTP/1.1 is spoken, which has no use for it.';
const OWN_BUFFERS = 'Accepted; buffers follow the size of what is sent.';

/**
 * The keys of confighttp's client. Spread them into a component's own fields, and put those on top whose default differs
 * (`endpoint`, `timeout`, `compression`).
 */
export const httpClientFields = {
  endpoint: s.optional(httpUrl(), 'Where to send: an http:// or https:// URL.'),
  proxy_url: s.optional(
    proxyUrl,
    'Proxy for all requests; user:password@ may be in it. Left out: what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say.',
  ),
  tls: s.optional(tlsClientSchema, 'Certificates, for https:// URLs.'),
  headers: s.optional(headerMap(), 'Headers to add to each request.'),
  timeout: s.withDefault(s.duration(), '5s', 'How long one request may take; 0 for no limit.'),
  compression: s.optional(compression, 'How to compress what is sent.'),
  compression_params: s.optional(
    s.object({ level: s.optional(s.int({ min: -1, max: 22 }), "The compressor's level, 1 (fast) to 9 (small).") }),
    '',
  ),
  auth: s.optional(
    s.object({ authenticator: s.required(s.extensionId(), 'Id of the extension that signs requests.') }),
    '',
  ),
  max_idle_conns: s.withDefault(s.int({ min: 0 }), 100, 'Idle connections to keep; 0: no limit.'),
  max_idle_conns_per_host: s.optional(s.int({ min: 0 }), 'Idle connections to keep to one host.'),
  max_conns_per_host: s.withDefault(s.int({ min: 0 }), 0, 'Connections to one host; 0: no limit.'),
  idle_conn_timeout: s.withDefault(s.duration(), '90s', 'How long an idle connection is kept; 0: for ever.'),
  disable_keep_alives: s.withDefault(s.bool(), false, 'A new connection for each request.'),
  cookies: s.optional(cookies, ''),
  force_attempt_http2: s.withDefault(s.bool(), true, OTHER_PROTOCOL),
  http2_read_idle_timeout: s.optional(s.duration(), OTHER_PROTOCOL),
  http2_ping_timeout: s.optional(s.duration(), OTHER_PROTOCOL),
  read_buffer_size: s.optional(s.int({ min: 0 }), OWN_BUFFERS),
  write_buffer_size: s.optional(s.int({ min: 0 }), OWN_BUFFERS),
  middlewares: s.optional(middlewares, 'Not supported.'),
};

/** What was read of `httpClientFields`, whatever a component put in place of endpoint and compression. */
export type HttpClientConfig = Omit<s.FieldValues<typeof httpClientFields>, 'endpoint' | 'compression'>;

/** For `createHttpClient`. Throws when `auth` names an extension that does not run or cannot sign requests. */
export function httpClientOptions(config: HttpClientConfig, host: Host): HttpClientOptions {
  const headers = new Map([['User-Agent', new s.Secret(`dnscol/${host.version}`)]]);
  for (const [name, value] of config.headers ?? []) {
    if (name.toLowerCase() === 'user-agent') headers.delete('User-Agent');
    headers.set(name, value);
  }
  return {
    headers,
    ...(config.tls ? { tls: tlsClientOptions(config.tls) } : {}),
    ...(config.proxy_url ? { proxyUrl: config.proxy_url } : { proxyFromEnvironment: true }),
    ...(config.auth ? { authenticator: authenticatorOf(config.auth.authenticator, host) } : {}),
    keepAlive: !config.disable_keep_alives,
    maxConnections: config.max_conns_per_host,
    maxIdleConnections: config.max_idle_conns_per_host || config.max_idle_conns,
    idleTimeout: config.idle_conn_timeout,
    warn: (message, error) => host.log.warn(message, { error }),
  };
}

function authenticatorOf(id: string, host: Host): Authenticator {
  const { authenticator } = host.extension(id);
  if (!authenticator) throw new Error(`the extension ${id} cannot authenticate requests`);
  return authenticator;
}

export function tlsClientOptions(tls: TlsClientConfig): TlsClientOptions {
  return {
    insecureSkipVerify: tls.insecure_skip_verify,
    includeSystemCas: tls.include_system_ca_certs_pool,
    minVersion: tls.min_version,
    ...(tls.max_version ? { maxVersion: tls.max_version } : {}),
    ...(tls.ca_file ? { caFile: tls.ca_file } : {}),
    ...(tls.ca_pem ? { caPem: tls.ca_pem } : {}),
    ...(tls.cert_file ? { certFile: tls.cert_file } : {}),
    ...(tls.cert_pem ? { certPem: tls.cert_pem } : {}),
    ...(tls.key_file ? { keyFile: tls.key_file } : {}),
    ...(tls.key_pem ? { keyPem: tls.key_pem } : {}),
    ...(tls.server_name_override ? { serverName: tls.server_name_override } : {}),
    ...(tls.cipher_suites ? { cipherSuites: tls.cipher_suites } : {}),
    ...(tls.curve_preferences ? { curvePreferences: tls.curve_preferences } : {}),
    ...(tls.reload_interval === undefined ? {} : { reloadInterval: tls.reload_interval }),
  };
}
