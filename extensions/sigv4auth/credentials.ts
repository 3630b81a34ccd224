import type { Clock } from '#clock';
import { Secret } from '#config';
import type { HttpClient, HttpResponse } from '#http';
import type { Environment } from '#kit';
import type { Skew } from './skew.ts';

/** Keys, and whose they are. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
  /** Milliseconds that they were good for when they came; undefined: for ever. */
  readonly life?: number;
  /** For people: `the role arn:… by its web identity`. No secret. */
  readonly source: string;
}

export type Provider = (signal: AbortSignal) => Promise<Credentials>;

/** All that credentials are made from. */
export interface Surroundings {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly skew: Skew;
  /** To STS: through the environment's proxy. */
  readonly client: HttpClient;
  /** To what hands out credentials on this machine: never through a proxy. */
  readonly local: HttpClient;
}

/** The keys of a JSON answer. Throws a sentence that holds none of it. */
export function fromJson(body: Uint8Array, tokenKey: 'Token' | 'SessionToken', source: string): Credentials & Ends {
  const fields = objectIn(body);
  const text = (name: string) => (typeof fields?.[name] === 'string' ? (fields[name] as string) : '');
  if (!text('AccessKeyId') || !text('SecretAccessKey')) throw new Error('the answer holds no keys');
  return {
    accessKeyId: text('AccessKeyId'),
    secretAccessKey: new Secret(text('SecretAccessKey')),
    ...(text(tokenKey) ? { sessionToken: new Secret(text(tokenKey)) } : {}),
    ...(text('Expiration') ? { expiration: text('Expiration') } : {}),
    source,
  };
}

export interface Ends {
  /** ISO 8601. */
  readonly expiration?: string;
}

export function objectIn(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** With `life` in place of `expiration`, by the clock of who gave them where the answer tells it. */
export function withLife(got: Credentials & Ends, clock: Clock, answer?: HttpResponse): Credentials {
  const { expiration, ...credentials } = got;
  if (!expiration) return credentials;
  const end = Date.parse(expiration);
  if (Number.isNaN(end)) throw new Error('the answer has an Expiration that is no time');
  const date = Date.parse(answer?.headers.date ?? '');
  return { ...credentials, life: end - (Number.isNaN(date) ? clock.now() : date) };
}
