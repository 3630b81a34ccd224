/** Keys that a container is given over HTTP: EKS Pod Identity, ECS, Greengrass. */
import { readFile } from 'node:fs/promises';
import { shownUrl } from '#http';
import type { Environment } from '#kit';
import { ask } from './ask.ts';
import { type Credentials, fromJson, objectIn, type Surroundings, withLife } from './credentials.ts';

const ECS = 'http://169.254.170.2';
const TIMEOUT = 5000;
/** Who answers this on plain http must be on this machine: loopback, the agents of ECS and EKS. */
const ALLOWED = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|169\.254\.170\.2|169\.254\.170\.23|\[fd00:ec2::23\])$/;

/** Where a container's keys are, or undefined when it has none. Throws where they must not be asked for. */
export function containerUrl(environment: Environment): URL | undefined {
  const relative = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  if (relative) return new URL(`${ECS}${relative.startsWith('/') ? '' : '/'}${relative}`);
  const full = environment.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  if (!full) return undefined;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && ALLOWED.test(url.hostname))) return url;
  throw new Error(
    'AWS_CONTAINER_CREDENTIALS_FULL_URI must be https://, or http:// to loopback or the address of the EKS or ECS agent',
  );
}

export async function fromContainer(url: URL, surroundings: Surroundings, signal: AbortSignal): Promise<Credentials> {
  const { environment, local, clock } = surroundings;
  const token = await tokenOf(environment, signal);
  const headers: Record<string, string> = { Accept: 'application/json', ...(token ? { Authorization: token } : {}) };
  const answer = await ask(local, clock, TIMEOUT, { method: 'GET', url, headers, signal });
  const where = shownUrl(url);
  if (answer.status !== 200) {
    const { code, message } = objectIn(answer.body) ?? {};
    const words = [code, message].filter((word) => typeof word === 'string' && word !== '').join(': ');
    throw new Error(`the container's credentials: ${where} answered ${answer.status}${words && `: ${words}`}`);
  }
  try {
    return withLife(fromJson(answer.body, 'Token', `the container's role, from ${where}`), clock, answer);
  } catch (cause) {
    throw new Error(`the container's credentials: ${where}`, { cause });
  }
}

/** Read each time: EKS replaces it. */
async function tokenOf(environment: Environment, signal: AbortSignal): Promise<string> {
  const file = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
  if (!file) return environment.AWS_CONTAINER_AUTHORIZATION_TOKEN ?? '';
  try {
    return (await readFile(file, { encoding: 'utf8', signal })).trim();
  } catch (cause) {
    throw new Error(`cannot read the container's authorization token from ${file}`, { cause });
  }
}
