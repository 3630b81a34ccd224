/** What AWS means when it refuses. */
import { objectIn } from './credentials.ts';
import { element } from './xml.ts';

/** `none`: it is no matter of credentials. */
export type Reason = 'time' | 'expired' | 'key' | 'signature' | 'scope' | 'denied' | 'unknown' | 'none';

interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

export interface AwsRefusal {
  reason: Reason;
  /** AWS' own, such as `ExpiredTokenException`; '' where there is none. */
  code: string;
  message: string;
}

const TOLD = 512;

/** By the code where there is one, else by the words, in the order of the more certain. */
const REASONS: readonly (readonly [Reason, RegExp])[] = [
  ['time', /Signature expired|Signature not yet current|RequestTimeTooSkewed|RequestExpired|RequestInTheFuture/i],
  ['expired', /ExpiredToken|security token [^.]*expired|token (has|is) expired/i],
  ['scope', /Credential should be scoped/i],
  ['signature', /SignatureDoesNotMatch|InvalidSignature|signature we calculated does not match|IncompleteSignature/i],
  [
    'key',
    /InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|security token [^.]*invalid|MissingAuthenticationToken/i,
  ],
  ['denied', /AccessDenied|not authorized|explicit deny/i],
];

export function refusalOf({ status, headers, body }: Answer): AwsRefusal {
  const text = Buffer.from(body).toString();
  const json = objectIn(body);
  const field = (...names: string[]) =>
    names
      .map((name) => json?.[name] ?? element(text, name))
      .find((v): v is string => typeof v === 'string' && v !== '');
  const type = headers['x-amzn-errortype'] ?? field('__type', 'Code', 'code') ?? '';
  const code = oneLine(type.replace(/^.*#/, '').replace(/:.*$/, ''));
  const message = oneLine(field('message', 'Message') ?? '');
  const words = `${code} ${message || text}`;
  const known = REASONS.find(([, pattern]) => pattern.test(words))?.[0];
  return { reason: known ?? (status === 400 ? 'none' : 'unknown'), code, message };
}

const oneLine = (text: string): string =>
  text
    .slice(0, TOLD)
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .trim();
