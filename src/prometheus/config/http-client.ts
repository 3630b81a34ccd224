/** The HTTP client section of prometheus/common (config.HTTPClientConfig), which scrape and discovery configurations share. */

import { type Clock, systemClock } from '#clock';
import * as s from '#config';
import { type HttpClientOptions, isReservedHeader } from '#http';
import { httpAuthenticator } from './http-auth.ts';
import { oauth2Schema, oauth2Source } from './http-oauth2.ts';
import {
  atMostOne,
  type Complain,
  isGiven,
  noSecretManager,
  transportFields,
  transportOptions,
  transportRules,
} from './http-transport.ts';
import { apart, laxBool, laxSecret, laxString } from './lax.ts';

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

/** The options that stand beside the others of a scrape or discovery configuration. */
export const httpClientFields = {
  basic_auth: s.optional(basicAuth, 'Send `Authorization: Basic`.'),
  authorization: s.optional(authorization, 'Send `Authorization` with a scheme and credentials.'),
  bearer_token: s.optional(laxSecret(), 'The same as `authorization.credentials`.'),
  bearer_token_file: s.optional(laxString(), 'The same as `authorization.credentials_file`.'),
  oauth2: s.optional(oauth2Schema, 'Send a bearer token got by the client credentials grant of OAuth 2.0.'),
  follow_redirects: s.withDefault(laxBool(), true, 'Follow redirects; credentials stay with the first host.'),
  enable_http2: s.withDefault(laxBool(), true, 'Accepted; requests are HTTP/1.1.'),
  http_headers: s.withDefault(s.mapOf(header, headerName), {}, 'More headers to send, by name.'),
  ...transportFields,
} as const satisfies s.Fields;

export type HttpClientConfig = s.FieldValues<typeof httpClientFields>;

/** The rules across options, with prometheus/common's own words for what goes together. */
export const httpClientRules: readonly ((config: HttpClientConfig, complain: Complain) => void)[] = [
  (config, complain) => atMostOne(config, ['bearer_token', 'bearer_token_file'], complain),
  ({ basic_auth, oauth2, authorization, bearer_token, bearer_token_file }, complain) => {
    const bearer = Object.entries({ bearer_token, bearer_token_file }).find(([, value]) => isGiven(value))?.[0];
    if ((basic_auth || oauth2) && bearer) complain(bearer, `at most one of basic_auth, oauth2, ${bearer} may be given`);
    if (authorization && bearer) complain(bearer, 'is not compatible with authorization');
    const given = Object.entries({ basic_auth, oauth2, authorization }).filter(([, value]) => value !== undefined);
    if (given.length > 1) complain(given.at(-1)![0], 'at most one of basic_auth, oauth2, authorization may be given');
  },
  ...transportRules,
];

/** What a client for this configuration is made from; one for each client, as it ends with it. */
export function httpClientOptions(config: HttpClientConfig, clock: Clock = systemClock): HttpClientOptions {
  const oauth2 = config.oauth2 && oauth2Source(config.oauth2, clock);
  const authenticator = httpAuthenticator(config, oauth2);
  return {
    ...transportOptions(config),
    followRedirects: config.follow_redirects,
    keepAlive: true,
    // Longer than any sane interval, as in prometheus/common, so that every scrape finds its connection.
    idleTimeout: 300_000,
    maxIdleConnections: 20_000,
    ...(authenticator ? { authenticator } : {}),
    ...(oauth2 ? { onClose: () => oauth2.stop() } : {}),
  };
}
