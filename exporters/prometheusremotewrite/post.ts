import { PermanentError, ThrottleError } from '#component';
import { type HttpClient, type HttpResponse, shownUrl } from '#http';
import type { WriteBody } from '#prometheus';
import { retryAfter } from '#queue';
import { adviceOn } from './advice.ts';
import { PartialWriteError, type Written, writtenOf } from './written.ts';

/** The receiver takes no request of this size. */
export class TooLargeError extends PermanentError {}

/** The receiver does not know Remote Write 2.0. */
export class UnsupportedError extends PermanentError {}

const COMMON = { 'Content-Encoding': 'snappy' };
const HEADERS = {
  1: { ...COMMON, 'Content-Type': 'application/x-protobuf', 'X-Prometheus-Remote-Write-Version': '0.1.0' },
  2: {
    ...COMMON,
    'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
    'X-Prometheus-Remote-Write-Version': '2.0.0',
  },
};

/** So much of a refusal's text is read, and so much of that is told. */
const READ = 64 * 1024;
const TOLD = 1024;

/**
 * One request. Resolves when the receiver took it, with what it says that it wrote (2.0 only); else rejects as the
 * specification has it: 4xx will not get better, 429 and 5xx may, and Retry-After says when.
 */
export async function post(
  client: HttpClient,
  url: URL,
  body: WriteBody,
  now: () => number,
  signal: AbortSignal,
): Promise<Written | undefined> {
  const answer = await client.request({
    method: 'POST',
    url,
    headers: HEADERS[body.version],
    body: body.bytes,
    signal,
    maxBody: READ,
    truncateBody: true,
    // The specifications: status and headers alone tell of a success.
    successBody: 'ignored',
  });
  const { status, headers } = answer;
  if (status >= 200 && status < 300 && body.version !== 2) return undefined;
  const said = `${shownUrl(url)} answered ${status}`;
  const written = body.version === 2 ? writtenOf(headers) : undefined;
  if (status >= 200 && status < 300) {
    checkWritten(said, body, written);
    return written;
  }
  const message = `${said}${words(answer)}${adviceOn(answer, body)}`;
  if (status === 413) throw new TooLargeError(message);
  if (status === 415 && body.version === 2) throw new UnsupportedError(message);
  if (status !== 429 && status < 500) {
    // Only those of a 4xx are final: what is sent again as a whole is counted then.
    throw written ? new PartialWriteError(message, written) : new PermanentError(message);
  }
  const delay = retryAfter(headers['retry-after'], now());
  throw delay === undefined ? new Error(message) : new ThrottleError(message, delay);
}

/**
 * A 1.0 receiver that does not look at Content-Type finds nothing in a 2.0 request, and is content; it says nothing of what
 * it wrote (specification, "Required Written Response Headers").
 */
function checkWritten(said: string, { samples, histograms, exemplars }: WriteBody, written: Written | undefined): void {
  if (!written) throw new UnsupportedError(`${said} without saying what it wrote, as receivers of 1.0 do`);
  const missing = [
    [samples - histograms - written.samples, 'samples'],
    [histograms - written.histograms, 'histograms'],
    [exemplars - written.exemplars, 'exemplars'],
  ] as const;
  const short = missing.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  if (short.length) throw new PartialWriteError(`${said} but wrote not all: ${short.join(', ')} are missing`, written);
}

/** The receiver's own words as they are, but for characters that would break the line. */
function words({ body }: HttpResponse): string {
  const text = body
    .toString('utf8', 0, TOLD)
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .trim();
  return text && `: ${text}`;
}
