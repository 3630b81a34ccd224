/** HTTP/1.1 on sockets of our own: direct, plain or with TLS. See docs/decisions/0005-http.md. */
import net from 'node:net';
import type { Clock } from '#clock';
import type { HttpClientOptions } from './http.ts';
import type { ClientTls } from './tls-client.ts';
import { LINGER, type Outgoing, type RawAnswer, type Transport } from './transport.ts';
import { AnswerReader } from './wire-answer.ts';
import { Connection, type Exchange, type OnRead } from './wire-connection.ts';
import { Pool } from './wire-pool.ts';
import { requestHead } from './wire-request.ts';

const NO_BODY = Buffer.alloc(0);

/** `security`: for https; what is left out speaks plain http. */
export function createWire(
  options: HttpClientOptions,
  clock: Clock,
  security?: ClientTls,
): Transport & { dropIdle(): void } {
  const keepAlive = options.keepAlive ?? true;
  const pool = new Pool({
    maxConnections: options.maxConnections || Number.POSITIVE_INFINITY,
    maxIdle: options.maxIdleConnections === 0 ? Number.POSITIVE_INFINITY : (options.maxIdleConnections ?? 100),
    idleTimeout: (options.idleTimeout ?? 90_000) || Number.POSITIVE_INFINITY,
  });
  const open = (url: URL) => (closed: () => void) => new Connection((onread) => connect(url, onread, security), closed);

  return {
    exchange<T>(outgoing: Outgoing, finish: (answer: RawAnswer) => T | Promise<T>): Promise<T> {
      return new Promise((resolve, reject) => {
        const { method, url, headers, body, signal } = outgoing;
        if (signal.aborted) return reject(signal.reason);
        const head = requestHead(method, url.pathname + url.search, headers, body?.length, keepAlive);
        const key = url.host;
        let settled = false;
        /** Ends what is under way when the signal aborts. */
        let stop = () => {};
        const settle = () => {
          settled = true;
          signal.removeEventListener('abort', onAbort);
        };
        const fail = (error: unknown) => {
          if (settled) return;
          settle();
          reject(error);
        };
        const onAbort = () => {
          fail(signal.reason);
          stop();
        };
        signal.addEventListener('abort', onAbort, { once: true });

        const attempt = (again: boolean): void => {
          try {
            const connection = pool.acquire(key, open(url), again);
            if (!connection) {
              stop = pool.wait(key, () => attempt(again));
              return;
            }
            stop = () => connection.destroy();
            connection.send(head, body, exchangeOn(connection, again));
          } catch (error) {
            fail(error);
          }
        };
        const exchangeOn = (connection: Connection, again: boolean): Exchange => {
          const reader = new AnswerReader(method, outgoing.limitsFor);
          const { used } = connection;
          let cancelLinger: (() => void) | undefined;
          const answer = (body: Buffer) => {
            if (settled) return;
            settle();
            const { status, headers } = reader.head!;
            try {
              resolve(finish({ status, headers, body, truncated: reader.truncated }));
            } catch (error) {
              reject(error);
            }
          };
          return {
            reader,
            begun() {
              if (cancelLinger || !reader.settled) return;
              cancelLinger = clock.after(LINGER, () => connection.destroy());
              if (reader.worth !== 'ignored') return;
              answer(NO_BODY);
              // The rest of the request is in memory that its sender may use again.
              if (connection.sending) connection.destroy();
            },
            done() {
              cancelLinger?.();
              const reusable = keepAlive && reader.reusable && !connection.sending;
              pool.release(key, connection, reusable, keptFor(reader.head!.headers['keep-alive']));
              answer(reader.body);
              reader.free();
            },
            failed(error) {
              cancelLinger?.();
              reader.free();
              // The server may close an idle connection in the moment we choose it. Once, and never after a word of the answer.
              if (reader.settled) answer(NO_BODY);
              else if (!settled && !again && used && !reader.begun && isStale(error)) attempt(true);
              else fail(error);
            },
          };
        };
        attempt(false);
      });
    },
    dropIdle: () => pool.dropIdle(),
    close: () => pool.close(),
  };
}

function connect(url: URL, onread: OnRead, security: ClientTls | undefined): net.Socket {
  const host = hostOf(url);
  const options = { host, port: portOf(url), noDelay: true, keepAlive: true, onread };
  return security ? security.connect(options) : net.connect(options);
}

/** Seconds, of `Keep-Alive: timeout=5`. */
function keptFor(header: string | undefined): number | undefined {
  const said = header && /\btimeout=(\d{1,9})\b/.exec(header);
  return said ? Number(said[1]) : undefined;
}

export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');
export const portOf = (url: URL): number => Number(url.port) || (url.protocol === 'https:' ? 443 : 80);

/** Whether an error on a connection that was used before says no more than that the server had closed it. */
export function isStale(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE';
}
