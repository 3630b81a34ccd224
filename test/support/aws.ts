/**
 * Doubles of AWS on loopback: a cloud that cannot be had in a test. What they answer is what AWS documents; that signatures
 * are right is shown by others' vectors (test/suites/sigv4.test.ts, test/golden/sigv4).
 */
import type http from 'node:http';
import { Secret } from '#config';
import { authorization, fromAmzDate, sha256 } from '../../extensions/sigv4auth/sign.ts';
import { httpServer, readAll } from './servers.ts';

export interface Keys {
  id: string;
  secret: string;
  token?: string;
  /** Milliseconds since the epoch. */
  end?: number;
}

let made = 0;
/** New keys, each of whose secrets contains CANARY. */
export function newKeys(end?: number): Keys {
  made++;
  return {
    id: `ASIA${made}`,
    secret: `CANARY-secret-${made}`,
    token: `CANARY-token-${made}==`,
    ...(end === undefined ? {} : { end }),
  };
}

export interface Call {
  method: string;
  path: string;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}
interface Answered {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
}

/** A server with a clock of its own that remembers its calls. */
export interface Double {
  url: string;
  calls: Call[];
}

export async function double(now: () => number, answer: (call: Call) => Answered | Promise<Answered>): Promise<Double> {
  const calls: Call[] = [];
  const server = await httpServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const call = { method, path: url, headers, body: await readAll(request) };
    calls.push(call);
    const { status = 200, body = '', headers: more = {} } = await answer(call);
    response.writeHead(status, { date: new Date(now()).toUTCString(), ...more });
    response.end(body);
  });
  return { url: `http://127.0.0.1:${server.port}`, calls };
}

/** Whose keys signed a call, and for what; or AWS' own words for what is wrong with it. */
export function signer(call: Call, known: readonly Keys[], now: number): { keys: Keys; scope: string } | Answered {
  const refused = (type: string, message: string): Answered => ({
    status: 403,
    headers: { 'x-amzn-errortype': `${type}:http://internal.amazon.com/`, 'content-type': 'application/json' },
    body: JSON.stringify({ message }),
  });
  const given = call.headers.authorization ?? '';
  const [, id, scope = '', names = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), SignedHeaders=(\S+), Signature=\w{64}$/.exec(given) ?? [];
  if (!id) return refused('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const keys = known.find((one) => one.id === id && one.token === call.headers['x-amz-security-token']);
  if (!keys) return refused('UnrecognizedClientException', 'The security token included in the request is invalid.');
  if (keys.end !== undefined && keys.end <= now) {
    return refused('ExpiredTokenException', 'The security token included in the request is expired');
  }
  const time = String(call.headers['x-amz-date']);
  const off = fromAmzDate(time) - now;
  if (off < -300_000) {
    return refused('InvalidSignatureException', `Signature expired: ${time} is now earlier than (… - 5 min.)`);
  }
  if (off > 300_000)
    return refused('InvalidSignatureException', `Signature not yet current: ${time} is still later than …`);
  const [, region = '', service = ''] = scope.split('/');
  const [path = '', query = ''] = call.path.split('?');
  const headers = names.split(';').map((name) => [name, String(call.headers[name] ?? '')] as const);
  const request = { method: call.method, path, query, headers, payloadHash: sha256(call.body) };
  if (authorization(request, { region, service, time }, id, new Secret(keys.secret)) !== given) {
    return refused(
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided.',
    );
  }
  return { keys, scope: `${region}/${service}` };
}

export interface Amp extends Double {
  /** Whose keys are taken. */
  known: Keys[];
  /** What to answer to a call that is signed well; 200 when there is nothing. */
  next?: (keys: Keys, scope: string) => Answered | undefined;
}

/** Takes what is signed well. */
export async function amp(now: () => number): Promise<Amp> {
  const service: Amp = {
    known: [],
    ...(await double(now, (call) => {
      const by = signer(call, service.known, now());
      return 'keys' in by ? (service.next?.(by.keys, by.scope) ?? {}) : by;
    })),
  };
  return service;
}

export interface Sts extends Double {
  /** Keys that may ask for a role. */
  known: Keys[];
  /** Milliseconds that the keys of a role live. */
  life: number;
  /** All that were given out. */
  given: Keys[];
  /** To answer something else. */
  next?: (form: URLSearchParams) => Answered | Promise<Answered> | undefined;
}

/** Web identity tokens are taken when they begin with `good`. */
export async function sts(now: () => number): Promise<Sts> {
  const service: Sts = {
    known: [],
    life: 3_600_000,
    given: [],
    ...(await double(now, async (call) => {
      const form = new URLSearchParams(call.body.toString());
      const other = await service.next?.(form);
      if (other) return other;
      const action = form.get('Action')!;
      if (action === 'AssumeRole') {
        const by = signer(call, service.known, now());
        if (!('keys' in by)) return xmlRefusal('SignatureDoesNotMatch', JSON.parse(by.body!).message);
      } else if (!form.get('WebIdentityToken')?.startsWith('good')) {
        return xmlRefusal('InvalidIdentityToken', 'Token is not of the &quot;issuer&quot;');
      }
      const keys = newKeys(now() + service.life);
      service.given.push(keys);
      return { headers: { 'content-type': 'text/xml' }, body: xmlKeys(action, keys) };
    })),
  };
  return service;
}

function xmlRefusal(code: string, message: string): Answered {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return {
    status: 403,
    body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${error}</ErrorResponse>`,
  };
}

function xmlKeys(action: string, { id, secret, token, end }: Keys): string {
  return `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <${action}Result>
    <AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/r/x</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${id}</AccessKeyId>
      <SecretAccessKey>${secret}</SecretAccessKey>
      <SessionToken>${token}</SessionToken>
      <Expiration>${new Date(end!).toISOString()}</Expiration>
    </Credentials>
  </${action}Result>
</${action}Response>`;
}

const jsonKeys = ({ id, secret, token, end }: Keys, more: Record<string, unknown> = {}) =>
  JSON.stringify({
    AccessKeyId: id,
    SecretAccessKey: secret,
    Token: token,
    ...(end === undefined ? {} : { Expiration: new Date(end).toISOString() }),
    ...more,
  });

/** The agent of EKS Pod Identity or ECS: keys for whoever shows the token. */
export async function containerAgent(now: () => number, token: () => string, keys: () => Keys): Promise<Double> {
  return double(now, ({ headers }) =>
    headers.authorization === token()
      ? { headers: { 'content-type': 'application/json' }, body: jsonKeys(keys()) }
      : { status: 401, body: JSON.stringify({ code: 'AccessDenied', message: 'no such token' }) },
  );
}

export interface Imds extends Double {
  /** To answer something else. */
  next?: (call: Call) => Answered | Promise<Answered> | undefined;
}

/** An instance's metadata service, version 2 alone. */
export async function imds(now: () => number, keys: () => Keys): Promise<Imds> {
  const session = 'CANARY-imds-session';
  const roles = '/latest/meta-data/iam/security-credentials/';
  const service: Imds = {
    ...(await double(now, async (call) => {
      const other = await service.next?.(call);
      if (other) return other;
      const { method, path, headers } = call;
      if (method === 'PUT' && path === '/latest/api/token') return { body: session };
      if (headers['x-aws-ec2-metadata-token'] !== session) return { status: 401 };
      if (path === roles) return { body: 'node-role\n' };
      if (path === `${roles}node-role`) return { body: jsonKeys(keys(), { Code: 'Success', Type: 'AWS-HMAC' }) };
      return { status: 404 };
    })),
  };
  return service;
}
