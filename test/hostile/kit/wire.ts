/** HTTP by hand on raw sockets, so that a target or receiver can say whatever it likes. */
import net from 'node:net';
import type { Lab } from './threat.ts';

export interface Listener {
  readonly port: number;
  /** Connections that are open now, and that were ever made. */
  readonly open: ReadonlySet<net.Socket>;
  readonly made: number;
  close(): Promise<void>;
}

/** Listens on loopback until the threat is over. */
export async function listen(lab: Lab, onSocket: (socket: net.Socket) => void, host = '127.0.0.1'): Promise<Listener> {
  const open = new Set<net.Socket>();
  let made = 0;
  const server = net.createServer({ noDelay: true }, (socket) => {
    made++;
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    onSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host, backlog: 4096 }, resolve);
  });
  const close = async () => {
    for (const socket of open) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  lab.defer(close);
  return {
    port: (server.address() as net.AddressInfo).port,
    open,
    get made() {
      return made;
    },
    close,
  };
}

export interface RawRequest {
  method: string;
  path: string;
  /** Lower-case names. */
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

/** Calls `handle` for every request that comes on the socket, whole with its body. */
export function onRequest(socket: net.Socket, handle: (request: RawRequest, socket: net.Socket) => void): void {
  let chunks: Buffer[] = [];
  let length = 0;
  let wanted: { request: Omit<RawRequest, 'body'>; from: number; to: number } | undefined;
  const take = () => {
    if (!wanted) {
      const all = Buffer.concat(chunks);
      chunks = [all];
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) return false;
      const request = readHead(all.toString('latin1', 0, end));
      wanted = { request, from: end + 4, to: end + 4 + Number(request.headers.get('content-length') ?? 0) };
    }
    if (length < wanted.to) return false;
    const all = Buffer.concat(chunks);
    const { request, from, to } = wanted;
    wanted = undefined;
    chunks = [all.subarray(to)];
    length -= to;
    handle({ ...request, body: all.subarray(from, to) }, socket);
    return length > 0;
  };
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    while (take());
  });
}

function readHead(text: string): Omit<RawRequest, 'body'> {
  const [first = '', ...lines] = text.split('\r\n');
  const [method = '', path = ''] = first.split(' ');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  return { method, path, headers };
}

/** A server for requests, each answered by what `answer` writes. */
export const serve = (
  lab: Lab,
  answer: (request: RawRequest, socket: net.Socket) => void,
  host?: string,
): Promise<Listener> => listen(lab, (socket) => onRequest(socket, answer), host);

export const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** A whole answer with a length. */
export function answer(
  status: number,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const all: Record<string, string | number> = {
    'content-type': TEXT,
    ...headers,
    'content-length': Buffer.byteLength(body),
  };
  return Buffer.concat([head(status, all), Buffer.from(body)]);
}

export function head(status: number, headers: Readonly<Record<string, string | number>>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} Whatever\r\n${lines.join('')}\r\n`);
}

export const chunk = (body: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${Buffer.byteLength(body).toString(16)}\r\n`), Buffer.from(body), Buffer.from('\r\n')]);

/** Writes `piece` again and again for as long as the other side takes it. `wrote` is told the bytes so far. */
export function flood(socket: net.Socket, piece: Buffer, wrote: (bytes: number) => void = () => {}): void {
  let bytes = 0;
  const more = () => {
    while (!socket.destroyed) {
      const taken = socket.write(piece);
      bytes += piece.length;
      wrote(bytes);
      if (!taken) return;
    }
  };
  socket.on('drain', more);
  more();
}
