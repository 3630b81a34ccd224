import { PermanentError, ThrottleError } from '#component';
import { type HttpClient, type HttpResponse, shownUrl } from '#http';
import { retryAfter } from '#queue';
import { adviceOn } from './advice.ts';

/** The receiver takes no request of this size. */
export class TooLargeError extends PermanentError {}

const HEADERS = {
  'Content-Encoding': 'snappy',
  'Content-Type': 'application/x-protobuf',
  'X-Prometheus-Remote-Write-Version': '0.1.0',
};

/** So much of a refusal's text is read, and so much of that is told. */
const READ = 64 * 1024;
const TOLD = 1024;

/**
 * One request. Resolves when the receiver took it; else rejects as the specification has it: 4xx will not get better, 429
 * and 5xx may, and Retry-After says when.
 */
export async function post(
  client: HttpClient,
  url: URL,
  body: Uint8Array,
  now: () => number,
  signal: AbortSignal,
): Promise<void> {
  const answer = await client.request({
    method: 'POST',
    url,
    headers: HEADERS,
    body,
    signal,
    maxBody: READ,
    truncateBody: true,
  });
  if (answer.status >= 200 && answer.status < 300) return;
  const message = `${shownUrl(url)} answered ${answer.status}${words(answer)}${adviceOn(answer, body.length)}`;
  if (answer.status === 413) throw new TooLargeError(message);
  if (answer.status !== 429 && answer.status < 500) throw new PermanentError(message);
  const delay = retryAfter(answer.headers['retry-after'], now());
  throw delay === undefined ? new Error(message) : new ThrottleError(message, delay);
}

/** The receiver's own words as they are, but for characters that would break the line. */
function words({ body }: HttpResponse): string {
  const text = body
    .toString('utf8', 0, TOLD)
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .trim();
  return text && `: ${text}`;
}
