import type { ClientRequest, IncomingMessage } from 'node:http';
import { BodyTooLargeError } from './errors.ts';

/** Interim answers (1xx) are free to send without end; no honest server sends many. */
const MAX_INTERIM = 8;

export interface Limits {
  /** Bytes on the wire. */
  maxBody: number;
  /** Stop quietly at the limit. */
  truncate: boolean;
}

/** An answer as it came: the body is still packed. */
export interface RawResponse {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  /** The limit cut the body short. */
  truncated: boolean;
}

/**
 * Sends one request on a ClientRequest that has not been ended, and reads the answer. Whatever ends it early destroys the
 * socket. `limitsFor` chooses how much of the body to read when the head is known.
 */
export function exchange(
  request: ClientRequest,
  body: Uint8Array | undefined,
  signal: AbortSignal,
  limitsFor: (response: IncomingMessage) => Limits,
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = () => {
      settled = true;
      signal.removeEventListener('abort', onAbort);
    };
    // A request that still waits for its socket reports no error when destroyed, so reject without waiting for one.
    const fail = (error: unknown) => {
      if (settled) return;
      settle();
      request.destroy();
      reject(error);
    };
    const onAbort = () => fail(signal.reason);
    // Stays for good: a destroyed request may still report what happened to its socket.
    request.on('error', fail);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });

    let interim = 0;
    request.on('information', () => {
      if (++interim > MAX_INTERIM) fail(new Error(`more than ${MAX_INTERIM} interim (1xx) answers`));
    });
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      fail(new Error('the server switched protocols unasked'));
    });
    request.on('close', () => fail(new Error('the connection closed without an answer')));
    request.on('response', (response) => {
      const done = (raw: RawResponse) => {
        settle();
        resolve(raw);
      };
      readBody(request, response, limitsFor(response), done, fail);
    });
    request.end(body);
  });
}

function readBody(
  request: ClientRequest,
  response: IncomingMessage,
  { maxBody, truncate }: Limits,
  done: (raw: RawResponse) => void,
  fail: (error: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  const finish = (truncated: boolean) =>
    done({
      status: response.statusCode ?? 0,
      headers: flatHeaders(response),
      body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length),
      truncated,
    });
  response.on('error', fail);
  response.on('data', (chunk: Buffer) => {
    if (length + chunk.length <= maxBody) {
      length += chunk.length;
      chunks.push(chunk);
      return;
    }
    response.removeAllListeners('data');
    if (!truncate) return fail(new BodyTooLargeError(`the body is larger than ${maxBody} bytes`, maxBody));
    chunks.push(chunk.subarray(0, maxBody - length));
    length = maxBody;
    request.destroy();
    finish(true);
  });
  response.on('end', () => {
    if (response.complete) finish(false);
    else fail(new Error('the connection closed in the middle of the answer'));
  });
}

export function flatHeaders(response: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}
