import { extension } from '#component';
import * as s from '#config';
import { createOauth2, httpUrl, tlsClientOptions, tlsClientSchema } from '#http';
import { createComplaints } from '#queue';

const grant = s.check(
  s.oneOf('client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer'),
  (type, complain) => {
    if (type !== 'client_credentials') complain('', 'is not supported: client_credentials is');
  },
);

const parameter = s.either(s.list(s.secret()), s.secret(), (node) => node.kind === 'list');

const config = s.check(
  s.object({
    client_id: s.optional(s.string(), "The client's id."),
    client_id_file: s.optional(s.string(), 'A file that holds it, looked at for each token; goes before `client_id`.'),
    client_secret: s.optional(s.secret(), "The client's secret."),
    client_secret_file: s.optional(
      s.string(),
      'A file that holds it, looked at for each token; goes before `client_secret`.',
    ),
    token_url: s.required(httpUrl(), 'Where tokens are asked for.'),
    grant_type: s.withDefault(grant, 'client_credentials', 'No other is supported.'),
    scopes: s.withDefault(s.strings(), [], 'What the token is to be good for.'),
    endpoint_params: s.optional(
      s.mapOf(parameter),
      'More parameters of the token request, such as `audience`: a value or a list of them.',
    ),
    expiry_buffer: s.withDefault(
      s.duration(),
      '5m',
      'How long before its end a token is replaced; one that does not live as long is replaced at half of its life.',
    ),
    timeout: s.withDefault(s.duration(), '0s', 'How long one token request may take; 0: 30s.'),
    tls: s.optional(tlsClientSchema, 'Certificates, for an https:// token_url.'),
  }),
  ({ client_id, client_id_file }, complain) => {
    if (!client_id && !client_id_file) complain('', 'needs client_id or client_id_file');
  },
  ({ client_secret, client_secret_file }, complain) => {
    if (!client_secret?.reveal() && !client_secret_file) complain('', 'needs client_secret or client_secret_file');
  },
  ({ scopes, endpoint_params }, complain) => {
    if (scopes.length && endpoint_params?.has('scope')) complain('endpoint_params.scope', 'cannot be set with scopes');
  },
);

export default extension({
  type: 'oauth2client',
  summary: 'Adds a bearer token that it gets by the OAuth 2.0 client credentials grant.',
  stability: 'beta',
  config,
  create(config, host) {
    const complain = createComplaints(host.clock, host.log.warn);
    const warn = (message: string, error: unknown) => complain(message, message, { error });
    const oauth2 = createOauth2(
      {
        tokenUrl: config.token_url,
        clientId: { value: config.client_id, file: config.client_id_file },
        clientSecret: { value: config.client_secret, file: config.client_secret_file },
        scopes: config.scopes,
        endpointParams: parameters(config.endpoint_params),
        expiryBuffer: config.expiry_buffer,
        timeout: config.timeout,
        http: { proxyFromEnvironment: true, ...(config.tls ? { tls: tlsClientOptions(config.tls) } : {}), warn },
        warn,
      },
      host.clock,
    );
    return { authenticator: oauth2, stop: async () => oauth2.stop() };
  },
});

function parameters(given: ReadonlyMap<string, s.Secret | s.Secret[]> = new Map()): Map<string, string[]> {
  return new Map([...given].map(([name, values]) => [name, [values].flat().map((value) => value.reveal())]));
}
