/** A small hardened HTTP server for pages: metrics, health. It reads no request bodies. */
import type http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '#clock';
import type { ServerAuthenticator } from '#component';
import { takeListenSocket } from './activation.ts';
import { answer, type ServerAnswer } from './answer.ts';
import { type Connections, connectionTable } from './connections.ts';
import { type CorsOptions, corsHeaders, isPreflight, preflight } from './cors.ts';
import { listenProblem, reasonOf } from './errors.ts';
import { guarded } from './guard.ts';
import { type ListenAddress, parseListenAddress, shownAddress } from './listen-address.ts';
import type { TlsServerOptions } from './tls-server.ts';

export interface ServerRequest {
  readonly method: string;
  /** Without the query, as it was sent: nothing is decoded or resolved. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
}

export interface HttpServerOptions {
  /** `host:port`; port 0 takes a free one, no host means all addresses. */
  endpoint: string;
  /** Takes a socket that systemd passes, when it passes one, in place of the endpoint. */
  socketActivation?: boolean;
  /** Answers a request. What it throws is answered with 500 and goes to `onError`. */
  handle(request: ServerRequest, signal: AbortSignal): ServerAnswer | Promise<ServerAnswer>;
  onError?(message: string, error: unknown): void;
  /** Others are answered with 405. Default GET and HEAD; a HEAD gets the head of what GET would. */
  methods?: readonly string[];
  tls?: TlsServerOptions;
  /** Gives, when the server starts, who lets requests in; what it throws is why the server cannot start. */
  authenticator?(): ServerAuthenticator;
  cors?: CorsOptions;
  /** Added to every answer. */
  responseHeaders?: Readonly<Record<string, string>>;
  keepAlive?: boolean;
  /** Milliseconds from the connection's or the last answer's end to the end of the next request's head. Default 10 s. */
  headTimeout?: number;
  /** Milliseconds for a whole request. Default 30 s. */
  requestTimeout?: number;
  /** Milliseconds until an answer must have been taken by the other side. Default 30 s. */
  writeTimeout?: number;
  /** Milliseconds an idle connection is kept. Default 60 s. */
  idleTimeout?: number;
  /** More connections are closed as they come. Default 512. */
  maxConnections?: number;
  /** More requests at a time are answered with 503. Default 40. */
  maxInFlight?: number;
}

export interface HttpServer {
  /** Listens; rejects with a sentence that names the address and what is wrong with it. */
  start(): Promise<void>;
  /**
   * Takes no more connections and lets what is under way end, until the signal aborts. Without a signal it waits as long as
   * the timeouts allow.
   */
  stop(signal?: AbortSignal): Promise<void>;
  /** `127.0.0.1:9464`, with the real port once it listens. */
  address(): string;
}

const MAX_HEAD = 16 * 1024;
const HANDSHAKE_TIMEOUT = 10_000;
/** How long after the answer the rest of an unwanted body is taken, so that the client sees the answer and no reset. */
const DRAIN_TIMEOUT = 4_000;
const LINGER = 1_000;
/** How often Node looks for connections that are too slow. */
const CHECK_INTERVAL = 1_000;
const checkInterval = (timeout: number) => Math.min(CHECK_INTERVAL, Math.max(10, timeout / 20));

/** Throws at once when the endpoint is none. */
export function createHttpServer(options: HttpServerOptions, clock: Clock = systemClock): HttpServer {
  const address = parseListenAddress(options.endpoint);
  if (typeof address === 'string') throw new Error(`endpoint ${options.endpoint} ${address}`);
  let running: { server: http.Server; connections: Connections } | undefined;
  let bound = shownAddress(address);
  return {
    async start() {
      const connections = connectionTable();
      const handle = guarded(options.handle, options.authenticator?.());
      const fd = options.socketActivation ? takeListenSocket() : undefined;
      const server = await makeServer({ ...options, handle }, clock, connections, () => running === undefined);
      bound = fd === undefined ? await listen(server, address) : await listenOn(server, fd);
      running = { server, connections };
    },
    async stop(signal) {
      if (!running) return;
      const { server, connections } = running;
      running = undefined;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.closeWhenDone();
      const giveUp = () => connections.destroyAll();
      if (signal?.aborted) giveUp();
      signal?.addEventListener('abort', giveUp, { once: true });
      await closed;
      signal?.removeEventListener('abort', giveUp);
    },
    address: () => bound,
  };
}

/** Node's HTTP and TLS are loaded here, by who serves, and not with the agent. */
async function makeServer(
  options: HttpServerOptions,
  clock: Clock,
  connections: Connections,
  stopping: () => boolean,
): Promise<http.Server> {
  const headersTimeout = options.headTimeout ?? 10_000;
  const settings: http.ServerOptions = {
    maxHeaderSize: MAX_HEAD,
    headersTimeout,
    requestTimeout: Math.max(options.requestTimeout ?? 30_000, headersTimeout),
    connectionsCheckingInterval: checkInterval(headersTimeout),
    keepAliveTimeout: options.idleTimeout ?? 60_000,
  };
  const server = options.tls
    ? await secureServer(options, options.tls, settings, clock, connections)
    : (await import('node:http')).createServer(settings);
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: net.Socket) => connections.track(socket));
  server.maxConnections = options.maxConnections ?? 512;
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse) => {
    connections.owe(request.socket, response);
    const last = () => stopping() || options.keepAlive === false;
    serve(options, clock, connections, last, request, response).catch((error: unknown) => {
      options.onError?.(`cannot answer ${request.method} ${pathOf(request)}`, error);
      request.socket.destroy();
    });
  };
  server.on('request', onRequest);
  // Nobody is told to go on with a body that is not wanted: the answer comes at once.
  server.on('checkContinue', onRequest);
  server.on('connect', refuseTunnel);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (connections.owes(socket as net.Socket)) socket.destroy();
    else refuse(error.code, socket as net.Socket, clock);
  });
  return server;
}

async function secureServer(
  options: HttpServerOptions,
  tlsOptions: TlsServerOptions,
  settings: http.ServerOptions,
  clock: Clock,
  connections: Connections,
): Promise<http.Server> {
  const [https, { serverTls }] = await Promise.all([import('node:https'), import('./tls-server.ts')]);
  const tls = serverTls(tlsOptions, clock, (error) =>
    options.onError?.('the TLS files changed but cannot be used; the old ones stay in use', error),
  );
  const server = https.createServer({ ...settings, ...tls.options(), handshakeTimeout: HANDSHAKE_TIMEOUT });
  // Before Node's own listener, which begins the handshake with what is set by then.
  server.prependListener('connection', () => tls.refresh(server));
  // The bare connection underneath: its end is the secure one's affair, or the handshake timeout's.
  server.on('connection', (socket: net.Socket) => connections.track(socket, true));
  return server;
}

async function serve(
  options: HttpServerOptions,
  clock: Clock,
  connections: Connections,
  last: () => boolean,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  response.on('error', () => request.socket.destroy());
  drain(request, response, clock);
  const got = await respond(options, connections, request, response).catch((error: unknown): ServerAnswer => {
    options.onError?.(`cannot answer ${request.method} ${pathOf(request)}`, error);
    return { status: 500, body: 'internal error\n' };
  });
  const headers = {
    ...options.responseHeaders,
    ...(options.cors ? corsHeaders(options.cors, request) : {}),
    ...got.headers,
  };
  if (last()) response.shouldKeepAlive = false;
  await answer(request, response, { ...got, headers }, clock, options.writeTimeout ?? 30_000);
}

async function respond(
  options: HttpServerOptions,
  connections: Connections,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<ServerAnswer> {
  const method = request.method ?? '';
  const methods = options.methods ?? ['GET', 'HEAD'];
  if (options.cors && isPreflight(request)) return preflight(options.cors, request, methods);
  if (!methods.includes(method)) {
    return { status: 405, headers: { allow: methods.join(', ') }, body: 'this method is not allowed here\n' };
  }
  // Its end may be broken, or hide a second request.
  if (hasBody(request)) return { status: 400, headers: { connection: 'close' }, body: 'no body is taken here\n' };
  if (connections.owed > (options.maxInFlight ?? 40)) {
    return { status: 503, headers: { 'retry-after': '1' }, body: 'too many requests at a time\n' };
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client has gone')));
  const query = new URLSearchParams(/\?(.*)$/s.exec(request.url ?? '')?.[1]);
  return options.handle({ method, path: pathOf(request), query, headers: request.headers }, gone.signal);
}

function hasBody({ headers }: http.IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** Without the query; a whole URL (RFC 9112 §3.2.2, as proxies send it) is cut to its path. */
function pathOf(request: http.IncomingMessage): string {
  return (request.url ?? '').replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*$/s, '');
}

async function listen(server: http.Server, address: ListenAddress): Promise<string> {
  // As in Go: no host means all addresses, IPv6 and IPv4, and localhost the IPv4 one.
  const host = address.host === 'localhost' ? '127.0.0.1' : address.host;
  const where = { port: address.port, ...(host ? { host } : {}) };
  const bound = (await listening(server, where, shownAddress(address))) as net.AddressInfo;
  return shownAddress({ host: address.host || bound.address, port: bound.port });
}

/** Its address is the service manager's affair. */
async function listenOn(server: http.Server, fd: number): Promise<string> {
  const bound = await listening(server, { fd }, `the socket from systemd (file descriptor ${fd})`);
  if (bound === null || typeof bound === 'string') return bound ?? `fd ${fd}`;
  return shownAddress({ host: bound.address, port: bound.port });
}

async function listening(server: http.Server, where: net.ListenOptions & { fd?: number }, shown: string) {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(where, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    server.close();
    throw new Error(`cannot listen on ${shown}: ${listenProblem(error) ?? reasonOf(error)}`, { cause: error });
  }
  return server.address();
}

/** Takes and forgets the body. One that does not end soon after the answer costs the connection. */
function drain(request: http.IncomingMessage, response: http.ServerResponse, clock: Clock): void {
  request.on('error', () => {});
  request.resume();
  response.once('finish', () => {
    if (request.complete) return;
    const cancel = clock.after(DRAIN_TIMEOUT, () => request.socket.destroy());
    request.once('close', cancel);
    request.once('end', cancel);
  });
}

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Answers what is no request, and takes a little more of it: closed at once, the answer would be lost in a reset. */
function refuse(code: string | undefined, socket: net.Socket, clock: Clock): void {
  if (code === 'ECONNRESET' || socket.destroyed) return void socket.destroy();
  // Who said nothing has asked for nothing.
  if (socket.bytesRead === 0) return void socket.destroySoon();
  if (socket.writableEnded) return;
  const cancel = clock.after(LINGER, () => socket.destroy());
  socket.once('close', cancel);
  socket.end(`HTTP/1.1 ${REFUSALS[code ?? ''] ?? '400 Bad Request'}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

function refuseTunnel(_request: http.IncomingMessage, socket: Duplex): void {
  socket.on('error', () => socket.destroy());
  socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
}
