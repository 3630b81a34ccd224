/** The Collector's confighttp server: its keys as fields of a schema, and what they mean to our server. */
import type { Host, ServerAuthenticator } from '#component';
import * as s from '#config';
import { headerMap } from './client-config.ts';
import { listenAddress } from './listen-address.ts';
import type { HttpServerOptions } from './server.ts';
import { type TlsServerConfig, tlsServerSchema } from './tls-config.ts';
import type { TlsServerOptions } from './tls-server.ts';

const auth = s.object({
  authenticator: s.required(s.extensionId(), 'Id of the extension that lets requests in.'),
  request_params: s.withDefault(s.strings(), [], 'Accepted; no authenticator here looks at the query.'),
});

const middlewares = s.check(s.list(s.anything('middleware')), (list, complain) => {
  if (list.length) complain('', 'is not supported: there are no middleware extensions');
});

const cors = s.object({
  allowed_origins: s.withDefault(
    s.strings(),
    [],
    'Origins whose scripts may read the answers; `*` stands for anything.',
  ),
  allowed_headers: s.withDefault(s.strings(), [], 'Headers those scripts may send.'),
  exposed_headers: s.withDefault(s.strings(), [], 'Headers those scripts may read.'),
  max_age: s.withDefault(s.int({ min: 0 }), 0, 'Seconds a browser may remember what is allowed.'),
});

const NO_BODIES = 'Accepted; this server reads no bodies.';

/** The keys of confighttp's server, and our limits. Spread them, and put your own `endpoint` on top. */
export const httpServerFields = {
  endpoint: s.required(listenAddress(), 'Where to listen: host:port.'),
  socket_activation: s.withDefault(
    s.bool(),
    false,
    'Take the listening socket that systemd passes (`LISTEN_FDS`), when it passes one, in place of the endpoint.',
  ),
  transport: s.withDefault(s.oneOf('tcp', 'tcp4', 'tcp6'), 'tcp', 'Accepted; the endpoint says which.'),
  tls: s.optional(tlsServerSchema, 'Serve https with this certificate.'),
  cors: s.optional(cors, ''),
  auth: s.optional(auth, ''),
  response_headers: s.optional(headerMap(), 'Headers to add to each answer.'),
  read_header_timeout: s.withDefault(
    s.duration(),
    '10s',
    "How long a request's head may take; the Collector allows 1m.",
  ),
  read_timeout: s.withDefault(s.duration(), '0s', 'How long a whole request may take; 0: 30s.'),
  write_timeout: s.withDefault(s.duration(), '30s', 'How long the other side may take for the answer; 0: 30s.'),
  idle_timeout: s.withDefault(s.duration(), '1m', 'How long an idle connection is kept.'),
  keep_alives_enabled: s.withDefault(s.bool(), true, 'Take several requests on one connection.'),
  max_connections: s.withDefault(s.int({ min: 1 }), 512, 'More connections are closed as they come.'),
  max_request_body_size: s.withDefault(s.size(), '20MiB', NO_BODIES),
  compression_algorithms: s.optional(s.strings(), NO_BODIES),
  include_metadata: s.withDefault(s.bool(), false, NO_BODIES),
  middlewares: s.optional(middlewares, 'Not supported.'),
};

export type HttpServerConfig = s.FieldValues<typeof httpServerFields>;

/** For `createHttpServer`, but for what answers. */
export function httpServerOptions(config: HttpServerConfig, host: Host): Omit<HttpServerOptions, 'handle'> {
  const responseHeaders = [...(config.response_headers ?? [])].map(([name, value]) => [
    name.toLowerCase(),
    value.reveal(),
  ]);
  return {
    endpoint: config.endpoint,
    socketActivation: config.socket_activation,
    maxConnections: config.max_connections,
    responseHeaders: Object.fromEntries(responseHeaders),
    keepAlive: config.keep_alives_enabled,
    headTimeout: config.read_header_timeout,
    requestTimeout: config.read_timeout || 30_000,
    writeTimeout: config.write_timeout || 30_000,
    idleTimeout: config.idle_timeout,
    onError: (message, error) => host.log.warn(message, { error }),
    ...(config.auth ? authenticating(config.auth.authenticator, host) : {}),
    ...(config.tls ? { tls: tlsServerOptions(config.tls) } : {}),
    ...(config.cors?.allowed_origins.length ? { cors: corsOptions(config.cors) } : {}),
  };
}

function authenticating(id: string, host: Host): Required<Pick<HttpServerOptions, 'authenticator'>> {
  return {
    authenticator(): ServerAuthenticator {
      const { serverAuthenticator } = host.extension(id);
      if (!serverAuthenticator) throw new Error(`the extension ${id} cannot authenticate requests that come in`);
      return serverAuthenticator;
    },
  };
}

function corsOptions(cors: NonNullable<HttpServerConfig['cors']>): NonNullable<HttpServerOptions['cors']> {
  return {
    allowedOrigins: cors.allowed_origins,
    allowedHeaders: cors.allowed_headers,
    exposedHeaders: cors.exposed_headers,
    maxAge: cors.max_age,
  };
}

function tlsServerOptions(tls: TlsServerConfig): TlsServerOptions {
  return {
    certFile: tls.cert_file,
    certPem: tls.cert_pem,
    keyFile: tls.key_file,
    keyPem: tls.key_pem,
    clientCaFile: tls.client_ca_file,
    minVersion: tls.min_version,
    maxVersion: tls.max_version,
    cipherSuites: tls.cipher_suites,
    curvePreferences: tls.curve_preferences,
    reloadInterval: tls.reload_interval,
  };
}
