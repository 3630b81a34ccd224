import { readFile } from 'node:fs/promises';
import type { Authenticator } from '#component';
import type { Secret } from '#config';
import type { HeaderValues, HttpClientConfig } from './http-client.ts';

type Headers = Record<string, string>;
type Part = (signal: AbortSignal) => Promise<Headers> | Headers;

/**
 * What adds credentials and configured headers to each request, or undefined when there are none. Files are read for each
 * request, as prometheus/common does, so a rotated token needs no reload.
 */
export function httpAuthenticator(config: HttpClientConfig, oauth2?: Authenticator): Authenticator | undefined {
  const parts = [...authorizationParts(config), ...headerParts(config.http_headers)];
  if (parts.length === 0) return oauth2;
  return {
    ...(oauth2?.refused && { refused: oauth2.refused }),
    async authenticate(request, signal) {
      const headers: Headers = {};
      for (const part of parts) Object.assign(headers, await part(signal));
      return oauth2 ? { ...headers, ...(await oauth2.authenticate(request, signal)) } : headers;
    },
  };
}

function authorizationParts({ basic_auth, authorization, bearer_token, bearer_token_file }: HttpClientConfig): Part[] {
  if (basic_auth) {
    const { username, username_file, password, password_file } = basic_auth;
    return [
      async (signal) => {
        const user = await inlineOrFile(username, username_file, 'basic_auth user', signal);
        const pass = await inlineOrFile(password, password_file, 'basic_auth password', signal);
        return { authorization: `Basic ${Buffer.from(`${user}:${pass}`).toString('base64')}` };
      },
    ];
  }
  const scheme = authorization?.type.trim() || 'Bearer';
  const credentials = authorization ? authorization.credentials : bearer_token;
  const file = authorization ? authorization.credentials_file : bearer_token_file;
  if (!authorization && !credentials && !file) return [];
  return [
    async (signal) => {
      const value = await inlineOrFile(credentials, file, 'authorization credentials', signal);
      return { authorization: value ? `${scheme} ${value}` : scheme };
    },
  ];
}

function headerParts(headers: ReadonlyMap<string, HeaderValues>): Part[] {
  return [...headers].map(([name, { values, secrets, files }]) => async (signal: AbortSignal) => {
    const all = [...values, ...secrets.map((secret) => secret.reveal())];
    for (const file of files) all.push(await inlineOrFile(undefined, file, `header ${name}`, signal));
    return { [name.toLowerCase()]: all.join(', ') };
  });
}

async function inlineOrFile(
  inline: Secret | string | undefined,
  file: string | undefined,
  what: string,
  signal: AbortSignal,
): Promise<string> {
  if (!file) return typeof inline === 'string' ? inline : (inline?.reveal() ?? '');
  try {
    return (await readFile(file, { encoding: 'utf8', signal })).trim();
  } catch (error) {
    throw new Error(`cannot read the ${what} from ${file}`, { cause: error });
  }
}
