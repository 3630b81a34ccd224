import type http from 'node:http';
import { httpServer, readAll, until } from './servers.ts';
import { type DecodedSeries, decodeBody, type WriteRequest } from './write_request.ts';

export interface Received extends WriteRequest {
  headers: http.IncomingHttpHeaders;
  method: string;
  path: string;
  /** What was answered. */
  status: number;
  bytes: number;
}

/** How to answer one request: a status, or a status with headers and body. Never resolving is no answer. */
export type Answer = number | { status: number; headers?: Record<string, string>; body?: string | Buffer };

export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** Every request that was read, in the order of their arrival. */
  readonly requests: Received[];
  /** Series of the requests that were taken. */
  taken(): DecodedSeries[];
  /** How many samples were taken. */
  samples(): number;
  /** Connections that are open. */
  readonly open: number;
  arrived(count: number): Promise<void>;
}

/** A remote-write receiver on a real socket that decodes every request strictly and answers as told. */
export async function receiver(
  answer: (request: Omit<Received, 'status'>, n: number) => Answer | Promise<Answer> = () => 204,
): Promise<Receiver> {
  const requests: Received[] = [];
  let n = 0;
  const server = await httpServer(async (request, response) => {
    const body = await readAll(request);
    const read = {
      ...decodeBody(body),
      headers: request.headers,
      method: request.method!,
      path: request.url!,
      bytes: body.length,
    };
    const got: Received = { ...read, status: 0 };
    requests.push(got);
    const told = await answer(read, n++);
    const { status, headers, body: text } = typeof told === 'number' ? { status: told, headers: {}, body: '' } : told;
    got.status = status;
    response.writeHead(status, headers).end(text);
  });
  const ok = () => requests.filter(({ status }) => status >= 200 && status < 300);
  return {
    url: `http://127.0.0.1:${server.port}/api/v1/write`,
    port: server.port,
    requests,
    taken: () => ok().flatMap((r) => r.series),
    samples: () => ok().reduce((sum, r) => sum + r.series.length, 0),
    get open() {
      return server.open;
    },
    arrived: (count) => until(() => requests.length >= count),
  };
}
