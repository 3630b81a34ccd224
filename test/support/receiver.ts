import type http from 'node:http';
import { httpServer, readAll, until } from './servers.ts';
import { type DecodedSeries, decodeBody, type WriteRequest } from './write_request.ts';
import { decodeBody2 } from './write_request2.ts';

export interface Received extends WriteRequest {
  /** What its Content-Type says. */
  version: 1 | 2;
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

/** As a 2.0 receiver that wrote everything says it. */
export function wroteAll(series: readonly DecodedSeries[]): Record<string, string> {
  const count = (of: 'samples' | 'histograms' | 'exemplars') =>
    String(series.reduce((sum, one) => sum + (one[of]?.length ?? 0), 0));
  return {
    'X-Prometheus-Remote-Write-Samples-Written': count('samples'),
    'X-Prometheus-Remote-Write-Histograms-Written': count('histograms'),
    'X-Prometheus-Remote-Write-Exemplars-Written': count('exemplars'),
  };
}

/**
 * A remote-write receiver on a real socket that decodes every request strictly, of both versions, and answers as told. To a 2.0
 * request that it is to answer with a mere 2xx it says that it wrote everything.
 */
export async function receiver(
  answer: (request: Omit<Received, 'status'>, n: number) => Answer | Promise<Answer> = () => 204,
): Promise<Receiver> {
  const requests: Received[] = [];
  let n = 0;
  const server = await httpServer(async (request, response) => {
    const body = await readAll(request);
    const isVersion2 =
      request.headers['content-type'] === 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
    const read = {
      version: isVersion2 ? (2 as const) : (1 as const),
      ...(isVersion2 ? { ...decodeBody2(body), metadata: [] } : decodeBody(body)),
      headers: request.headers,
      method: request.method!,
      path: request.url!,
      bytes: body.length,
    };
    const got: Received = { ...read, status: 0 };
    requests.push(got);
    const told = await answer(read, n++);
    const all = isVersion2 && told.toString().startsWith('2') ? wroteAll(read.series) : {};
    const { status, headers, body: text } = typeof told === 'number' ? { status: told, headers: all, body: '' } : told;
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
