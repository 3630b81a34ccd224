/** Roles from the Security Token Service, in its region's endpoint. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { Secret } from '#config';
import { type HttpResponse, shownUrl } from '#http';
import type { Environment } from '#kit';
import { ask } from './ask.ts';
import { type Credentials, type Surroundings, withLife } from './credentials.ts';
import { refusalOf } from './refusal.ts';
import { signedHeaders } from './signed.ts';
import { element } from './xml.ts';

export interface Role {
  arn: string;
  /** What CloudTrail shows; `dnscol-` and the host's name when left out. */
  sessionName?: string | undefined;
  externalId?: string | undefined;
  /** Seconds; the role's own default when left out. */
  duration?: string | undefined;
}

const TIMEOUT = 10_000;

/** The role's keys, asked for with other keys. */
export async function assumeRole(
  role: Role,
  base: Credentials,
  region: string,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<Credentials> {
  const form = formOf('AssumeRole', role);
  if (role.externalId) form.set('ExternalId', role.externalId);
  const source = `the role ${role.arn}, assumed by ${base.source}`;
  return keysFor(form, source, region, surroundings, signal, base);
}

/** The role's keys, asked for with the token in a file, which is read each time: it is replaced before it ends. */
export async function assumeRoleWithWebIdentity(
  role: Role,
  tokenFile: string,
  region: string,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<Credentials> {
  const form = formOf('AssumeRoleWithWebIdentity', role);
  form.set('WebIdentityToken', await tokenIn(tokenFile, signal));
  const source = `the role ${role.arn}, by the web identity token in ${tokenFile}`;
  return keysFor(form, source, region, surroundings, signal);
}

function formOf(action: string, { arn, sessionName, duration }: Role): URLSearchParams {
  return new URLSearchParams({
    Action: action,
    Version: '2011-06-15',
    RoleArn: arn,
    RoleSessionName: (sessionName || `dnscol-${hostname()}`).replace(/[^\w+=,.@-]/g, '-').slice(0, 64),
    ...(duration ? { DurationSeconds: duration } : {}),
  });
}

async function tokenIn(file: string, signal: AbortSignal): Promise<string> {
  let token: string;
  try {
    token = (await readFile(file, { encoding: 'utf8', signal })).trim();
  } catch (error) {
    throw new Error(`cannot read the web identity token from ${file}`, { cause: error });
  }
  if (token === '') throw new Error(`the web identity token in ${file} is empty`);
  return token;
}

async function keysFor(
  form: URLSearchParams,
  source: string,
  region: string,
  surroundings: Surroundings,
  signal: AbortSignal,
  base?: Credentials,
): Promise<Credentials> {
  const url = stsUrl(region, surroundings.environment);
  const body = Buffer.from(form.toString());
  for (let again = true; ; again = false) {
    const headers: Record<string, string> = {
      host: url.host,
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    };
    const signedAt = surroundings.skew.now(url.host);
    const request = { method: 'POST', url, headers, body };
    if (base) Object.assign(headers, signedHeaders(request, { region, service: 'sts' }, base, signedAt));
    const answer = await ask(surroundings.client, surroundings.clock, TIMEOUT, { ...request, signal });
    if (answer.status === 200) return withLife(keysIn(answer, source), surroundings.clock, answer);
    if (again && base && surroundings.skew.learn(url.host, answer.headers.date, signedAt)) continue;
    const { code, message } = refusalOf(answer);
    const words = [code, message].filter(Boolean).join(': ');
    throw new Error(
      `${shownUrl(url)} answered ${answer.status} to ${form.get('Action')} of ${source}${words && `: ${words}`}`,
    );
  }
}

function keysIn({ body }: HttpResponse, source: string): Credentials & { expiration?: string } {
  const text = (name: string) => element(body.toString(), name);
  if (!text('AccessKeyId') || !text('SecretAccessKey') || !text('SessionToken')) {
    throw new Error(`the answer of STS holds no keys of ${source}`);
  }
  return {
    accessKeyId: text('AccessKeyId'),
    secretAccessKey: new Secret(text('SecretAccessKey')),
    sessionToken: new Secret(text('SessionToken')),
    ...(text('Expiration') ? { expiration: text('Expiration') } : {}),
    source,
  };
}

/** The endpoint of the region, in its partition. */
export function stsUrl(region: string, environment: Environment): URL {
  const other = environment.AWS_ENDPOINT_URL_STS || environment.AWS_ENDPOINT_URL;
  if (other) {
    if (!URL.canParse(other)) throw new Error('AWS_ENDPOINT_URL_STS is not a URL');
    return new URL(other);
  }
  const service = environment.AWS_USE_FIPS_ENDPOINT === 'true' ? 'sts-fips' : 'sts';
  return new URL(`https://${service}.${region}.${domainOf(region)}/`);
}

/** By how a region's name begins: each partition of AWS has a domain of its own. */
const DOMAINS: readonly (readonly [string, string])[] = [
  ['cn-', 'amazonaws.com.cn'],
  ['us-iso-', 'c2s.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov'],
  ['us-isof-', 'csp.hci.ic.gov'],
  ['eu-isoe-', 'cloud.adc-e.uk'],
  ['eusc-', 'amazonaws.eu'],
];
const domainOf = (region: string) => DOMAINS.find(([begin]) => region.startsWith(begin))?.[1] ?? 'amazonaws.com';
