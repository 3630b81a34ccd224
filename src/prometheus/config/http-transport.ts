/** How prometheus/common's configurations say that a server is reached: TLSConfig and ProxyConfig. */
import * as s from '#config';
import { type HttpClientOptions, isFramingHeader, isHeaderName, isHeaderValue, type TlsClientOptions } from '#http';
import { apart, laxBool, laxSecret, laxString } from './lax.ts';

export const noSecretManager = (key: string) =>
  key.endsWith('_ref') ? { refuse: 'needs a secret manager, which dnscol does not have' } : undefined;

export type Complain = (inner: string, message: string) => void;

export function atMostOne(value: object, names: readonly string[], complain: Complain): void {
  const given = names.filter((name) => isGiven((value as Record<string, unknown>)[name]));
  if (given.length > 1) complain(given[1]!, `at most one of ${names.join(', ')} may be given`);
}

export function isGiven(value: unknown): boolean {
  if (value instanceof s.Secret) return value.reveal() !== '';
  return value !== undefined && value !== '';
}

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

/** Beside each other in every section that connects to something. */
export const transportFields = {
  tls_config: s.optional(tlsConfig, 'How to speak TLS.'),
  proxy_url: s.optional(proxyUrl, 'An HTTP proxy.'),
  no_proxy: s.optional(laxString(), 'Hosts and networks to reach without the proxy, comma-separated.'),
  proxy_from_environment: s.withDefault(laxBool(), false, 'Take the proxy from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.'),
  proxy_connect_header: s.withDefault(
    s.mapOf(s.list(connectHeaderValue), connectHeaderName),
    {},
    'Headers for the proxy itself, sent with CONNECT, by name: lists of values.',
  ),
} as const satisfies s.Fields;

export type TransportConfig = s.FieldValues<typeof transportFields>;

export const transportRules: readonly ((config: TransportConfig, complain: Complain) => void)[] = [
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

/** What a client that connects so is made from. */
export function transportOptions(config: TransportConfig): HttpClientOptions {
  return {
    tls: tlsOptions(config),
    proxyFromEnvironment: config.proxy_from_environment,
    proxyConnectHeaders: config.proxy_connect_header,
    ...(config.proxy_url ? { proxyUrl: config.proxy_url } : {}),
    ...(config.no_proxy ? { noProxy: config.no_proxy } : {}),
  };
}

function tlsOptions({ tls_config: tls }: TransportConfig): TlsClientOptions {
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
