/** Real servers on loopback that a test ends with one call. */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

export interface TestServer {
  port: number;
  /** How many connections are open now. */
  readonly open: number;
  /** How many were ever made. */
  readonly made: number;
  close(): Promise<void>;
}

const running = new Set<TestServer>();

/** For afterEach. */
export async function closeServers(): Promise<void> {
  await Promise.all([...running].map((server) => server.close()));
}

async function listening(server: net.Server, port = 0): Promise<TestServer> {
  const sockets = new Set<net.Socket>();
  let made = 0;
  server.on('connection', (socket: net.Socket) => {
    made++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const test: TestServer = {
    port: (server.address() as net.AddressInfo).port,
    get open() {
      return sockets.size;
    },
    get made() {
      return made;
    },
    async close() {
      running.delete(test);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  running.add(test);
  return test;
}

/** On a free port, unless one is given that was free a moment ago. */
export const httpServer = (handler: http.RequestListener, port?: number): Promise<TestServer> =>
  listening(http.createServer(handler), port);

export const httpsServer = (
  options: https.ServerOptions,
  handler: http.RequestListener,
  port?: number,
): Promise<TestServer> => listening(https.createServer(options, handler), port);

/** A server that says whatever it likes. */
export const rawServer = (onConnection: (socket: net.Socket) => void): Promise<TestServer> =>
  listening(net.createServer({ allowHalfOpen: false }, onConnection));

/** A server that answers every request, once its head has come, with these bytes, and leaves the connection open. */
export const answering = (bytes: string | Buffer): Promise<TestServer> =>
  rawServer((socket) => {
    socket.on('data', (data) => {
      if (data.includes('\r\n\r\n')) socket.write(bytes);
    });
  });

export async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Waits until something holds, on the event loop's own turns; fails after `within` milliseconds of real time. */
export async function until(holds: () => boolean, within = 5000): Promise<void> {
  const end = performance.now() + within;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`still not so after ${within} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
