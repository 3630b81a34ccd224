/** The role of an EC2 instance, from its metadata service (version 2 alone). */
import type { HttpResponse } from '#http';
import type { Environment } from '#kit';
import { ask } from './ask.ts';
import { type Credentials, fromJson, objectIn, type Surroundings, withLife } from './credentials.ts';

const ROLES = 'latest/meta-data/iam/security-credentials/';
/** Seconds that a session with the service may last; ours are used at once. */
const SESSION = '300';
const ATTEMPTS = 3;
const TIMEOUT = 1000;
/** The service hands out keys that have ended when it is ill; AWS takes them then. */
const EXTENDED = 5 * 60_000;

/** Where the metadata service is, or undefined when it is not to be asked. */
export function instanceUrl(environment: Environment): URL | undefined {
  if (environment.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') return undefined;
  const isIpv6 = environment.AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?.toLowerCase() === 'ipv6';
  const text =
    environment.AWS_EC2_METADATA_SERVICE_ENDPOINT || (isIpv6 ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254');
  if (!URL.canParse(text)) throw new Error('AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL');
  return new URL(text.endsWith('/') ? text : `${text}/`);
}

export async function fromInstance(base: URL, surroundings: Surroundings, signal: AbortSignal): Promise<Credentials> {
  const get = async (method: string, path: string, headers: Record<string, string>) => {
    const request = { method, url: new URL(path, base), headers, signal };
    const answer = await patiently(signal, () => ask(surroundings.local, surroundings.clock, TIMEOUT, request));
    if (answer.status === 200) return answer;
    throw new Error(problem(answer.status, request.url));
  };
  const session = await get('PUT', 'latest/api/token', { 'X-aws-ec2-metadata-token-ttl-seconds': SESSION });
  const headers = { 'X-aws-ec2-metadata-token': session.body.toString().trim() };
  const role = (await get('GET', ROLES, headers)).body.toString().split('\n')[0]!.trim();
  if (role === '') throw new Error('the instance has no role');
  const answer = await get('GET', ROLES + encodeURIComponent(role), headers);
  const code = objectIn(answer.body)?.Code;
  if (typeof code === 'string' && code !== 'Success') throw new Error(`the instance's role ${role}: ${code}`);
  const got = withLife(fromJson(answer.body, 'Token', `the instance's role ${role}`), surroundings.clock, answer);
  return got.life !== undefined && got.life <= 0 ? { ...got, life: EXTENDED } : got;
}

/** The service is on this machine: it answers soon, or not at all; now and then it loses a request. */
async function patiently(signal: AbortSignal, request: () => Promise<HttpResponse>): Promise<HttpResponse> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await request();
      if (answer.status < 500 || attempt === ATTEMPTS) return answer;
    } catch (error) {
      if (attempt === ATTEMPTS || signal.aborted) throw error;
    }
  }
}

function problem(status: number, url: URL): string {
  const words = status === 404 ? 'the instance has no role' : status === 403 ? 'it is switched off' : '';
  return `the instance's metadata service: ${url.pathname} answered ${status}${words && `: ${words}`}`;
}
