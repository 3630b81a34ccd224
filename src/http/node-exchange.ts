import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '#clock';
import { BodyTooLargeError } from './errors.ts';
import type { NodeTransport } from './node-transport.ts';
import { LINGER, type Limits, type Outgoing, type RawAnswer } from './transport.ts';
import { isStale } from './wire.ts';
import { MAX_INTERIM } from './wire-answer.ts';

/** Sends a request and reads the answer, once more where the server had closed the connection before we chose it. */
export async function exchange(transport: NodeTransport, outgoing: Outgoing, clock: Clock): Promise<RawAnswer> {
  const { method, url, headers, body, signal } = outgoing;
  for (let retried = false; ; retried = true) {
    const request = transport.open(method, url, headers, signal);
    let answered = false;
    try {
      const limitsFor = (response: IncomingMessage) => {
        answered = true;
        return outgoing.limitsFor({ status: response.statusCode ?? 0, headers: flatHeaders(response) });
      };
      return await attempt(request, body, signal, limitsFor, clock);
    } catch (error) {
      // Once, and never after a word of the answer.
      const stale = request.reusedSocket && !answered && isStale(error);
      if (retried || !stale || signal.aborted) throw error;
    }
  }
}

/**
 * Sends one request on a ClientRequest that has not been ended, and reads the answer. Whatever ends it early destroys the
 * socket. `limitsFor` chooses how much of the body to read when the head is known.
 */
function attempt(
  request: ClientRequest,
  body: Uint8Array | undefined,
  signal: AbortSignal,
  limitsFor: (response: IncomingMessage) => Limits,
  clock: Clock,
): Promise<RawAnswer> {
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
      const done = (raw: RawAnswer) => {
        settle();
        resolve(raw);
      };
      const limits = limitsFor(response);
      if (limits.worth === undefined || limits.worth === 'needed') readBody(request, response, limits, done, fail);
      else readDispensable(request, response, limits, done, clock);
    });
    request.end(body);
  });
}

function readBody(
  request: ClientRequest,
  response: IncomingMessage,
  { maxBody, truncate }: Limits,
  done: (raw: RawAnswer) => void,
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

/** The body of an answer that does without it. */
function readDispensable(
  request: ClientRequest,
  response: IncomingMessage,
  limits: Limits,
  done: (raw: RawAnswer) => void,
  clock: Clock,
): void {
  let answered = false;
  const answer = (raw: RawAnswer) => {
    if (!answered) done(raw);
    answered = true;
  };
  const bare = () =>
    answer({
      status: response.statusCode ?? 0,
      headers: flatHeaders(response),
      body: Buffer.alloc(0),
      truncated: true,
    });
  const cancel = clock.after(LINGER, () => request.destroy());
  // Before those who would take an early end for a failure.
  request.prependListener('error', bare).prependListener('close', () => {
    cancel();
    bare();
  });
  readBody(request, response, limits, answer, bare);
  if (limits.worth !== 'ignored') return;
  bare();
  // The rest of the request is in memory that its sender may use again.
  if (!request.writableFinished) request.destroy();
}

export function flatHeaders(response: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}
