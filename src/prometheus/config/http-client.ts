/** The HTTP client section of prometheus/common (config.HTTPClientConfig), which scrape and discovery configurations share. */
import * as s from '#config';
import {
  type HttpClientOptions,
  isFramingHeader,
  isHeaderName,
  isHeaderValue,
  isReservedHeader,
  type TlsClientOptions,
} from '#http';
import { httpAuthenticator } from './http-auth.ts';
import { apart, laxBool, laxSecret, laxString } from './lax.ts';

const noSecretManager = (key: string) =>
  key.endsWith('_ref') ? { refuse: 'needs a secret manager, which dnscol does not have' } : undefined;

type Complain = (inner: string, message: string) => void;

function atMostOne(value: object, names: readonly string[], complain: Complain): void {
  const given = names.filter((name) => isGiven((value as Record<string, unknown>)[name]));
  if (given.length > 1) complain(given[1]!, `at most one of ${names.join(', ')} may be given`);
}

function isGiven(value: unknown): boolean {
  if (value instanceof s.Secret) return value.reveal() !== '';
  return value !== undefined && value !== '';
}

const basicAuth = apart(
  s.check(
    s.object({
      username: s.optional(laxString(), 'The user.'),
      username_file: s.optional(laxString(), 'A file that holds the user, read for each request.'),
      password: s.optional(laxSecret(), 'The password.'),
      password_file: s.optional(laxString(), 'A file that holds the password, read for each request.'),
    }),
    (value, complain) => {
      atMostOne(value, ['username', 'username_file'], complain);
      atMostOne(value, ['password', 'password_file'], complain);
    },
  ),
  noSecretManager,
);

const authorization = apart(
  s.check(
    s.object({
      type: s.withDefault(laxString(), 'Bearer', 'The scheme.'),
      credentials: s.optional(laxSecret(), 'What follows the scheme.'),
      credentials_file: s.optional(laxString(), 'A file that holds the credentials, read for each request.'),
    }),
    (value, complain) => {
      atMostOne(value, ['credentials', 'credentials_file'], complain);
      if (value.type.trim().toLowerCase() === 'basic') complain('type', 'cannot be basic; use basic_auth');
    },
  ),
  noSecretManager,
);

const tlsVersion = s.oneOf('TLS10', 'TLS11', 'TLS12', 'TLS13');
const VERSION_NUMBERS = { TLS10: '1.0', TLS11: '1.1', TLS12: '1.2', TLS13: '1.3' } as const;

const tlsConfig = apart(
  s.check(
    s.object({
      ca: s.optional(laxString(), 'CA certificates, PEM.'),
      ca_file: s.optional(laxString(), 'A file of CA certificates.'),
      cert: s.optional(laxString(), 'Client certificate, PEM.'),
      cert_file: s.optional(laxString(), 'A file that holds the client certificate.'),
      key: s.optional(laxSecret(), 'Client key, PEM.'),
      key_file: s.optional(laxString(), 'A file that holds the client key.'),
      server_name: s.optional(laxString(), 'The name that the certificate must hold.'),
      insecure_skip_verify: s.withDefault(laxBool(), false, 'Do not verify the certificate.'),
      min_version: s.optional(tlsVersion, 'The oldest version to accept.'),
      max_version: s.optional(tlsVersion, 'The newest version to accept.'),
    }),
    (value, complain) => {
      for (const part of ['ca', 'cert', 'key']) atMostOne(value, [part, `${part}_file`], complain);
      const cert = isGiven(value.cert) || isGiven(value.cert_file);
      const key = isGiven(value.key) || isGiven(value.key_file);
      if (cert !== key) complain('', `has a client ${cert ? 'certificate but no key' : 'key but no certificate'}`);
    },
  ),
  noSecretManager,
);

const header = s.object({
  values: s.withDefault(s.list(laxString()), [], 'Values to send.'),
  secrets: s.withDefault(s.list(laxSecret()), [], 'Values that are not shown.'),
  files: s.withDefault(s.list(laxString()), [], 'Files that hold values, read for each request.'),
});
export type HeaderValues = s.Infer<typeof header>;

const headerName = s.string({
  typeName: 'header name',
  check(name) {
    if (isReservedHeader(name)) return 'is a header that may not be set here';
    return /^[!#$%&'*+.^_`|~\w-]+$/.test(name) ? undefined : 'is not a header name';
  },
});

const connectHeaderName = s.string({
  typeName: 'header name',
  check(name) {
    if (isFramingHeader(name) || name.toLowerCase() === 'host') return 'is a header that may not be set here';
    return isHeaderName(name) ? undefined : 'is not a header name';
  },
});
const connectHeaderValue = s.transform(laxSecret(), (value, complain) =>
  isHeaderValue(value.reveal()) ? value : complain('', 'holds what no header may hold'),
);

const proxyUrl = s.transform(laxSecret(), (url, complain) => {
  const parsed = url.reveal() === '' ? undefined : parseUrl(url.reveal());
  if (parsed === null) return complain('', 'must be a URL such as http://proxy:3128');
  if (parsed && !['http:', 'https:'].includes(parsed.protocol)) return complain('', 'must be an http or https URL');
  return parsed ? url : undefined;
});

function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** The options that stand beside the others of a scrape or discovery configuration. */
export const httpClientFields = {
  basic_auth: s.optional(basicAuth, 'Send `Authorization: Basic`.'),
  authorization: s.optional(authorization, 'Send `Authorization` with a scheme and credentials.'),
  bearer_token: s.optional(laxSecret(), 'The same as `authorization.credentials`.'),
  bearer_token_file: s.optional(laxString(), 'The same as `authorization.credentials_file`.'),
  tls_config: s.optional(tlsConfig, 'How to speak TLS.'),
  follow_redirects: s.withDefault(laxBool(), true, 'Follow redirects; credentials stay with the first host.'),
  enable_http2: s.withDefault(laxBool(), true, 'Accepted; requests are HTTP/1.1.'),
  http_headers: s.withDefault(s.mapOf(header, headerName), {}, 'More headers to send, by name.'),
  proxy_url: s.optional(proxyUrl, 'An HTTP proxy.'),
  no_proxy: s.optional(laxString(), 'Hosts and networks to reach without the proxy, comma-separated.'),
  proxy_from_environment: s.withDefault(laxBool(), false, 'Take the proxy from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.'),
  proxy_connect_header: s.withDefault(
    s.mapOf(s.list(connectHeaderValue), connectHeaderName),
    {},
    'Headers for the proxy itself, sent with CONNECT, by name: lists of values.',
  ),
} as const satisfies s.Fields;

export type HttpClientConfig = s.FieldValues<typeof httpClientFields>;

/** Sentences for keys of that section which cannot be honoured yet. */
export function httpClientApart(key: string): { refuse: string } | undefined {
  if (key === 'oauth2') return { refuse: 'is not yet supported' };
  return undefined;
}

/** The rules across options, with prometheus/common's own words for what goes together. */
export const httpClientRules: readonly ((config: HttpClientConfig, complain: Complain) => void)[] = [
  (config, complain) => atMostOne(config, ['bearer_token', 'bearer_token_file'], complain),
  ({ basic_auth, authorization, bearer_token, bearer_token_file }, complain) => {
    const bearer = Object.entries({ bearer_token, bearer_token_file }).find(([, value]) => isGiven(value))?.[0];
    if (basic_auth && bearer) complain(bearer, `at most one of basic_auth, oauth2, ${bearer} may be given`);
    if (authorization && bearer) complain(bearer, 'is not compatible with authorization');
    if (basic_auth && authorization) {
      complain('authorization', 'at most one of basic_auth, oauth2, authorization may be given');
    }
  },
  ({ proxy_url, no_proxy, proxy_from_environment }, complain) => {
    if (proxy_from_environment && proxy_url) complain('proxy_url', 'must not be given with proxy_from_environment');
    if (proxy_from_environment && no_proxy) complain('no_proxy', 'must not be given with proxy_from_environment');
    if (no_proxy && !proxy_url && !proxy_from_environment) complain('no_proxy', 'needs proxy_url');
  },
  ({ proxy_url, proxy_from_environment, proxy_connect_header }, complain) => {
    if (proxy_connect_header.size === 0 || proxy_url || proxy_from_environment) return;
    complain('proxy_connect_header', 'needs proxy_url or proxy_from_environment');
  },
];

/** What a client for this configuration is made from. */
export function httpClientOptions(config: HttpClientConfig): HttpClientOptions {
  const authenticator = httpAuthenticator(config);
  return {
    tls: tlsOptions(config),
    proxyFromEnvironment: config.proxy_from_environment,
    followRedirects: config.follow_redirects,
    keepAlive: true,
    // Longer than any sane interval, as in prometheus/common, so that every scrape finds its connection.
    idleTimeout: 300_000,
    maxIdleConnections: 20_000,
    ...(config.proxy_url ? { proxyUrl: config.proxy_url } : {}),
    ...(config.no_proxy ? { noProxy: config.no_proxy } : {}),
    proxyConnectHeaders: config.proxy_connect_header,
    ...(authenticator ? { authenticator } : {}),
  };
}

function tlsOptions({ tls_config: tls }: HttpClientConfig): TlsClientOptions {
  if (!tls) return {};
  return {
    caPem: tls.ca || undefined,
    caFile: tls.ca_file || undefined,
    certPem: tls.cert || undefined,
    certFile: tls.cert_file || undefined,
    keyPem: isGiven(tls.key) ? tls.key : undefined,
    keyFile: tls.key_file || undefined,
    serverName: tls.server_name || undefined,
    insecureSkipVerify: tls.insecure_skip_verify,
    minVersion: tls.min_version && VERSION_NUMBERS[tls.min_version],
    maxVersion: tls.max_version && VERSION_NUMBERS[tls.max_version],
    reloadInterval: 0,
  };
}
