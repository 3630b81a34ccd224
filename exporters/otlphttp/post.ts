import { PermanentError, ThrottleError } from '#component';
import { type Compression, type HttpClient, type HttpResponse, shownUrl } from '#http';
import { type PartialSuccess, readErrorMessage, readPartialSuccess } from '#otlp';
import { retryAfter } from '#queue';

/** A request body as it goes onto the wire. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly type: 'application/x-protobuf' | 'application/json';
  readonly encoding?: Compression | undefined;
}

/** The server takes no request of this size. */
export class TooLargeError extends PermanentError {}

/** So much of an answer is read, and so much of a refusal's text is told. */
const READ = 64 * 1024;
const TOLD = 1024;

/** What OTLP/HTTP calls retryable; every other refusal is for good. */
const RETRYABLE: readonly number[] = [429, 502, 503, 504];

/** Resolves when the server took the request, with what it had to say about parts of it; never send those again. */
export async function post(
  client: HttpClient,
  url: URL,
  { bytes, type, encoding }: Body,
  headers: Readonly<Record<string, string>>,
  now: () => number,
  signal: AbortSignal,
): Promise<PartialSuccess | undefined> {
  const answer = await client.request({
    method: 'POST',
    url,
    headers: { ...headers, 'Content-Type': type, ...(encoding ? { 'Content-Encoding': encoding } : {}) },
    body: bytes,
    signal,
    maxBody: READ,
    truncateBody: true,
    // What the server took must not be sent again only because its words about it broke off.
    successBody: 'welcome',
  });
  // A server answers in the encoding of the request; some leave out the header that says so.
  const answerType = answer.headers['content-type'];
  if (answer.status >= 200 && answer.status < 300) return readPartialSuccess(answer.body, answerType ?? type);
  throw refusal(url, answer, readErrorMessage(answer.body, answerType), now());
}

function refusal(url: URL, { status, headers, advice }: HttpResponse, words: string, now: number): Error {
  const told = words.slice(0, TOLD).replace(/[\x00-\x1f\x7f]+/g, ' ');
  const message = `${shownUrl(url)} answered ${status}${told && `: ${told}`}${advice ? ` (${advice})` : ''}`;
  if (status === 413) return new TooLargeError(message);
  if (!RETRYABLE.includes(status)) return new PermanentError(message);
  const delay = retryAfter(headers['retry-after'], now);
  return delay === undefined ? new Error(message) : new ThrottleError(message, delay);
}
