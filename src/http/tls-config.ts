/** The `tls` section of clients and servers: the Collector's configtls. */
import * as s from '#config';
import { CIPHER_SUITES, CURVE_NAMES, TLS_VERSIONS } from './tls-names.ts';

const version = () => s.oneOf('1.0', '1.1', '1.2', '1.3');

const material = {
  cert_file: s.optional(s.string({ nonEmpty: true }), 'PEM file of the certificate we show.'),
  cert_pem: s.optional(s.string({ nonEmpty: true }), 'The certificate itself, in place of a file.'),
  key_file: s.optional(s.string({ nonEmpty: true }), "PEM file of the certificate's key."),
  key_pem: s.optional(s.secret(), 'The key itself, in place of a file.'),
  min_version: s.withDefault(version(), '1.2', 'Oldest TLS version to speak.'),
  max_version: s.optional(version(), 'Newest TLS version to speak; the newest there is when left out.'),
  cipher_suites: s.optional(
    s.list(s.string({ check: (name) => unlessKnown(name, CIPHER_SUITES) })),
    "Go's names of the cipher suites to offer, for TLS 1.2 and older.",
  ),
  curve_preferences: s.optional(
    s.list(s.string({ check: (name) => unlessKnown(name, CURVE_NAMES) })),
    'Curves for the key exchange: X25519, P256, P384, P521, X25519MLKEM768.',
  ),
  include_system_ca_certs_pool: s.withDefault(
    s.bool(),
    false,
    "Trust the machine's certificate authorities besides ours.",
  ),
  reload_interval: s.optional(
    s.duration(),
    'How often to look for new files; at each new connection when left out. Half-written files never replace good ones.',
  ),
};

const authority = {
  ca_file: s.optional(
    s.string({ nonEmpty: true }),
    'PEM file of the authorities that may sign what the other side shows.',
  ),
  ca_pem: s.optional(s.string({ nonEmpty: true }), 'Those certificates themselves, in place of a file.'),
};

export const tlsClientFields = {
  insecure: s.withDefault(s.bool(), false, 'Accepted; whether TLS is used follows from http:// or https://.'),
  insecure_skip_verify: s.withDefault(s.bool(), false, "Do not verify the server's certificate."),
  ...authority,
  ...material,
  server_name_override: s.optional(s.string(), "The name to ask for and to expect, in place of the URL's host."),
};

export const tlsServerFields = {
  ...authority,
  ...material,
  client_ca_file: s.optional(
    s.string({ nonEmpty: true }),
    'PEM file of the authorities that may sign client certificates. Set, every client must show one.',
  ),
  client_ca_file_reload: s.withDefault(s.bool(), false, 'Accepted; the file is always read again when it changes.'),
};

export type TlsClientConfig = s.FieldValues<typeof tlsClientFields>;
export type TlsServerConfig = s.FieldValues<typeof tlsServerFields>;

export const tlsClientSchema: s.Schema<TlsClientConfig> = s.check(s.object(tlsClientFields), checkMaterial);

export const tlsServerSchema: s.Schema<TlsServerConfig> = s.check(s.object(tlsServerFields), (tls, complain) => {
  checkMaterial(tls, complain);
  if (!tls.cert_file && !tls.cert_pem)
    complain('', 'needs a certificate: cert_file and key_file, or cert_pem and key_pem');
});

interface MaterialConfig {
  ca_file?: string | undefined;
  ca_pem?: string | undefined;
  cert_file?: string | undefined;
  cert_pem?: string | undefined;
  key_file?: string | undefined;
  key_pem?: s.Secret | undefined;
  min_version: string;
  max_version?: string | undefined;
}

function checkMaterial(tls: MaterialConfig, complain: (inner: string, message: string) => void): void {
  for (const what of ['ca', 'cert', 'key'] as const) {
    if (tls[`${what}_file`] && tls[`${what}_pem`]) complain(`${what}_pem`, `cannot be set together with ${what}_file`);
  }
  const cert = tls.cert_file ?? tls.cert_pem;
  const key = tls.key_file ?? tls.key_pem;
  if (cert && !key) complain('', 'has a certificate without its key: set key_file or key_pem');
  if (key && !cert) complain('', 'has a key without its certificate: set cert_file or cert_pem');
  if (tls.max_version && tls.max_version < tls.min_version) {
    complain('max_version', `must not be older than min_version ${tls.min_version}`);
  }
}

function unlessKnown(name: string, known: readonly string[]): string | undefined {
  return known.includes(name) ? undefined : `is not a name that Go's crypto/tls knows${s.didYouMean(name, known)}`;
}

/** Whether Prometheus or the Collector spell a TLS version this way. */
export const isTlsVersion = (name: string): boolean => Object.hasOwn(TLS_VERSIONS, name);
