/** The `oauth2` section of prometheus/common (config.OAuth2). */
import type { Clock } from '#clock';
import * as s from '#config';
import { createOauth2, httpUrl, type Oauth2 } from '#http';
import { atMostOne, noSecretManager, transportFields, transportOptions, transportRules } from './http-transport.ts';
import { apart, laxSecret, laxString } from './lax.ts';

const CLIENT_CREDENTIALS = 'client_credentials';

const grantType = s.transform(laxString(), (type, complain) =>
  type === '' || type === CLIENT_CREDENTIALS
    ? CLIENT_CREDENTIALS
    : complain('', 'is not supported: client_credentials is'),
);

const fields = {
  client_id: s.required(laxString({ nonEmpty: true }), "The client's id."),
  client_secret: s.optional(laxSecret(), "The client's secret."),
  client_secret_file: s.optional(laxString(), 'A file that holds it, looked at for each token.'),
  grant_type: s.withDefault(grantType, CLIENT_CREDENTIALS, 'No other is supported.'),
  scopes: s.withDefault(s.list(laxString()), [], 'What the token is to be good for.'),
  token_url: s.required(httpUrl(), 'Where tokens are asked for.'),
  endpoint_params: s.withDefault(s.mapOf(laxSecret()), {}, 'More parameters of the token request.'),
  ...transportFields,
} as const satisfies s.Fields;

export type Oauth2Config = s.FieldValues<typeof fields>;

/** Keys that belong to a grant that is not there. */
const JWT_KEYS = /^(client_certificate_key(_id|_file)?|signature_algorithm|iss|audience|claims)$/;

export const oauth2Schema: s.Schema<Oauth2Config> = apart(
  s.check(
    s.object(fields),
    (value, complain) => atMostOne(value, ['client_secret', 'client_secret_file'], complain),
    ...transportRules,
  ),
  (key) =>
    JWT_KEYS.test(key) ? { refuse: 'is not supported: it belongs to the grant type jwt-bearer' } : noSecretManager(key),
);

/** To be stopped when its client ends. */
export function oauth2Source(config: Oauth2Config, clock: Clock): Oauth2 {
  return createOauth2(
    {
      tokenUrl: config.token_url,
      clientId: { value: config.client_id },
      clientSecret: { value: config.client_secret, file: config.client_secret_file },
      scopes: config.scopes,
      endpointParams: new Map([...config.endpoint_params].map(([name, value]) => [name, [value.reveal()]])),
      http: transportOptions(config),
    },
    clock,
  );
}
