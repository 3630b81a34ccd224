/** Which way a request goes: on sockets of our own, or through a proxy. */
import type { Clock } from '#clock';
import type { BodyWorth, HttpClientOptions } from './http.ts';
import { proxyChooser, proxyEnvironment } from './proxy.ts';
import { createWire } from './wire.ts';

export interface Limits {
  /** Bytes on the wire. */
  maxBody: number;
  /** Stop quietly at the limit. */
  truncate: boolean;
  /** Of the body of this answer; `needed` when left out. */
  worth?: BodyWorth | undefined;
}

/** How long after its head the body of an answer that does without one is read on, in milliseconds. */
export const LINGER = 1000;

/** One request, ready to be sent. */
export interface Outgoing {
  method: string;
  url: URL;
  /** All of them, Host too, but for those that frame the message. */
  headers: Record<string, string>;
  body: Uint8Array | undefined;
  signal: AbortSignal;
  /** Chooses how much of the body to read when the head is known. */
  limitsFor(head: { status: number; headers: Readonly<Record<string, string>> }): Limits;
}

/** An answer as it came: the body is still packed, and lent until `finish` returns. */
export interface RawAnswer {
  status: number;
  /** Lower-case names; what came more than once is joined with ', '. */
  headers: Record<string, string>;
  body: Buffer;
  /** The limit cut the body short. */
  truncated: boolean;
}

export interface Transport {
  /**
   * Sends a request and hands the answer to `finish`, at once when it is whole. Whatever ends it early, such as the signal,
   * destroys the connection. One that the server had closed before we chose it is replaced once by a new one.
   */
  exchange<T>(outgoing: Outgoing, finish: (answer: RawAnswer) => T | Promise<T>): Promise<T>;
  close(): void;
}

export function createTransport(options: HttpClientOptions, clock: Clock): Transport {
  const proxyOf = proxyChooser({
    proxyUrl: options.proxyUrl?.reveal(),
    noProxy: options.noProxy,
    environment: options.proxyFromEnvironment ? (options.environment ?? proxyEnvironment()) : undefined,
  });
  const plain = createWire(options, clock);
  // What few agents need, and what costs megabytes, is loaded with the first request for it.
  const secure = once(async () => {
    const { clientTls } = await import('./tls-client.ts');
    const bad = (error: unknown) =>
      options.warn?.('the TLS files changed but cannot be used; the old ones stay in use', error);
    const wire = createWire(
      options,
      clock,
      clientTls(options.tls ?? {}, clock, () => wire.dropIdle(), bad),
    );
    return wire;
  });
  const proxied = once(async (): Promise<Transport> => {
    const [{ createNodeTransport }, { exchange }] = await Promise.all([
      import('./node-transport.ts'),
      import('./node-exchange.ts'),
    ]);
    const transport = createNodeTransport(options, clock);
    return {
      exchange: async (outgoing, finish) => finish(await exchange(transport, outgoing, clock)),
      close: () => transport.close(),
    };
  });

  return {
    async exchange(outgoing, finish) {
      const { url } = outgoing;
      if (proxyOf(url)) return (await proxied.get()).exchange(outgoing, finish);
      return (url.protocol === 'http:' ? plain : await secure.get()).exchange(outgoing, finish);
    },
    close() {
      plain.close();
      secure.close();
      proxied.close();
    },
  };
}

/** A transport that is made when it is asked for, and closed as soon as it is there when it is no longer wanted. */
export function once<T extends { close(): void }>(make: () => Promise<T>) {
  let made: Promise<T> | undefined;
  let closed = false;
  return {
    async get(): Promise<T> {
      made ??= make();
      const transport = await made;
      if (closed) transport.close();
      return transport;
    },
    close() {
      closed = true;
      void made?.then((transport) => transport.close());
    },
  };
}
