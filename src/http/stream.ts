import type { ClientRequest, IncomingMessage } from 'node:http';
import { type Clock, systemClock } from '#clock';
import { BodyTooLargeError, requestError } from './errors.ts';
import { basicAuthorization } from './headers.ts';
import type { HttpClientOptions, HttpRequest } from './http.ts';
import { flatHeaders } from './node-exchange.ts';
import { once } from './transport.ts';

/** An answer whose body is read as it comes. */
export interface HttpStream {
  status: number;
  /** Lower-case names; what came more than once is joined with ', '. */
  headers: Readonly<Record<string, string>>;
  /**
   * The body, piece by piece, at the reader's own pace: what is not read stays with the sender. Rejects when the connection
   * breaks before its end. To be read to its end, or closed.
   */
  body: AsyncIterable<Buffer>;
  /** Destroys the connection unless the body has come to its end. */
  close(): void;
}

export interface HttpStreamer {
  /** Resolves with the head of the answer, whatever its status. The signal ends head and body alike. */
  open(request: Omit<HttpRequest, 'maxBody' | 'truncateBody'>): Promise<HttpStream>;
  /** Destroys idle sockets and forgets watched files. */
  close(): void;
}

/**
 * A client for answers that have no end, or one that is far: watches, and lists too long to be asked for blindly. It follows
 * no redirects, whatever the settings say, and asks for no compression.
 */
export function createHttpStreamer(options: HttpClientOptions = {}, clock: Clock = systemClock): HttpStreamer {
  const transport = once(async () => (await import('./node-transport.ts')).createNodeTransport(options, clock));

  async function headersFor({ method, url, body, headers = {}, signal }: HttpRequest): Promise<Record<string, string>> {
    const all: Record<string, string> = { host: url.host };
    const basic = basicAuthorization(url);
    if (basic) all.authorization = basic;
    for (const [name, value] of options.headers ?? []) all[name.toLowerCase()] = value.reveal();
    for (const [name, value] of Object.entries(headers)) all[name.toLowerCase()] = value;
    const asked = { method, url, headers: all, body: body ?? new Uint8Array() };
    const more = (await options.authenticator?.authenticate(asked, signal)) ?? {};
    for (const [name, value] of Object.entries(more)) all[name.toLowerCase()] = value;
    return all;
  }

  return {
    async open(request) {
      const { method, url, signal, body } = request;
      try {
        const node = await transport.get();
        const outgoing = node.open(method, url, await headersFor(request), signal);
        return stream(await headOf(outgoing, body, signal), request);
      } catch (error) {
        throw signal.aborted ? signal.reason : requestError(method, url, error);
      }
    },
    close() {
      transport.close();
      options.onClose?.();
    },
  };
}

function headOf(outgoing: ClientRequest, body: Uint8Array | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      outgoing.destroy();
      reject(signal.reason);
    };
    // Stays for good: a destroyed request may still report what happened to its socket.
    outgoing.on('error', reject);
    outgoing.on('close', () => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error('the connection closed without an answer'));
    });
    outgoing.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new Error('the server switched protocols unasked'));
    });
    outgoing.on('response', resolve);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    outgoing.end(body);
  });
}

function stream(response: IncomingMessage, { method, url, signal }: HttpRequest): HttpStream {
  // Nobody may be reading when the connection breaks.
  response.on('error', () => {});
  const packed = response.headers['content-encoding'];
  if (packed && packed !== 'identity') {
    response.destroy();
    throw new Error('the answer is compressed, which was not asked for');
  }
  async function* body(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of response) yield chunk as Buffer;
    } catch (error) {
      throw signal.aborted ? signal.reason : requestError(method, url, error);
    }
  }
  return {
    status: response.statusCode ?? 0,
    headers: flatHeaders(response),
    body: body(),
    close: () => {
      if (!response.readableEnded) response.destroy();
    },
  };
}

/** The whole of a body that has an end. Rejects with a BodyTooLargeError, and closes, past `limit` bytes. */
export async function readWhole(from: HttpStream, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of from.body) {
    length += chunk.length;
    if (length > limit) {
      from.close();
      throw new BodyTooLargeError(`the body is larger than ${limit} bytes`, limit);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** The beginning of a body, for an error's text: at most `limit` bytes, and then no more is read. */
export async function readBeginning(from: HttpStream, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let room = limit;
  try {
    for await (const chunk of from.body) {
      chunks.push(chunk.subarray(0, room));
      room -= chunk.length;
      if (room <= 0) break;
    }
  } catch {
    // What came before the connection broke has to do.
  }
  from.close();
  return Buffer.concat(chunks);
}
