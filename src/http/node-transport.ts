/** Requests on node:http, which is loaded for what the sockets of our own do not do: proxies, and bodies without an end. */
import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Clock } from '#clock';
import { reasonOf, shownUrl } from './errors.ts';
import { basicAuthorization } from './headers.ts';
import type { HttpClientOptions } from './http.ts';
import { proxyChooser, proxyEnvironment } from './proxy.ts';
import { type ClientTls, clientTls } from './tls-client.ts';
import { hostOf, portOf } from './wire.ts';
import { MAX_HEAD } from './wire-head.ts';

/** A proxy that does not answer CONNECT in this time is given up, even when no request waits any more. */
const TUNNEL_TIMEOUT = 30_000;

export interface NodeTransport {
  /** A request that has not been sent yet. */
  open(method: string, url: URL, headers: Record<string, string>, signal: AbortSignal): http.ClientRequest;
  close(): void;
}

export function createNodeTransport(options: HttpClientOptions, clock: Clock): NodeTransport {
  const agents = new Map<string, http.Agent>();
  const proxyOf = proxyChooser({
    proxyUrl: options.proxyUrl?.reveal(),
    noProxy: options.noProxy,
    environment: options.proxyFromEnvironment ? (options.environment ?? proxyEnvironment()) : undefined,
  });
  const security = clientTls(
    options.tls ?? {},
    clock,
    () => dropIdle(agents.values()),
    (error) => options.warn?.('the TLS files changed but cannot be used; the old ones stay in use', error),
  );

  function agent(kind: string, make: (settings: https.AgentOptions) => http.Agent): http.Agent {
    const known = agents.get(kind);
    if (known) return known;
    const made = make(agentOptions(options, security));
    agents.set(kind, made);
    return made;
  }

  return {
    open(method, url, headers, signal) {
      const secure = url.protocol === 'https:';
      const host = hostOf(url);
      const common = { method, headers, setHost: false, joinDuplicateHeaders: true, maxHeaderSize: MAX_HEAD };
      const target = { host, port: portOf(url), path: url.pathname + url.search };
      const proxy = proxyOf(url);
      if (!secure && proxy) return openThroughProxy(proxy, url, common);
      if (!secure) {
        return http.request({ ...common, ...target, agent: agent('http', (settings) => new http.Agent(settings)) });
      }
      const make = (settings: https.AgentOptions) =>
        proxy ? new TunnelAgent(settings, proxy, security, connectHeaders(options)) : new https.Agent(settings);
      const tlsOptions = security.connectOptions(host);
      const through = agent(`https ${proxy?.href ?? ''}`, make);
      return https.request({
        ...common,
        ...target,
        ...tlsOptions,
        agent: through,
        tunnelSignal: signal,
      } as https.RequestOptions);
    },
    close() {
      for (const one of agents.values()) one.destroy();
      agents.clear();
    },
  };

  /** Plain HTTP goes through a proxy with the whole URL as its path (RFC 9112 §3.2.2). */
  function openThroughProxy(proxy: URL, url: URL, common: http.RequestOptions): http.ClientRequest {
    const authorization = basicAuthorization(proxy);
    const headers = { ...common.headers, ...(authorization ? { 'proxy-authorization': authorization } : {}) };
    const path = `${url.origin}${url.pathname}${url.search}`;
    const hop = { host: hostOf(proxy), port: portOf(proxy), path };
    if (proxy.protocol === 'http:') {
      return http.request({ ...common, ...hop, headers, agent: agent('http', (settings) => new http.Agent(settings)) });
    }
    const through = agent('https ', (settings) => new https.Agent(settings));
    return https.request({ ...common, ...hop, headers, ...security.connectOptions(hop.host), agent: through });
  }
}

function agentOptions(options: HttpClientOptions, security: ClientTls): https.AgentOptions {
  return {
    keepAlive: options.keepAlive ?? true,
    // The agent takes 0 for none at all.
    maxSockets: options.maxConnections || Number.POSITIVE_INFINITY,
    maxFreeSockets: options.maxIdleConnections === 0 ? Number.POSITIVE_INFINITY : (options.maxIdleConnections ?? 100),
    timeout: options.idleTimeout ?? 90_000,
    // A resumed session is not verified again: after a change of CA it would still be trusted.
    maxCachedSessions: 0,
    checkServerIdentity: security.checkServerIdentity,
  };
}

function connectHeaders({ proxyConnectHeaders }: HttpClientOptions): http.OutgoingHttpHeaders {
  const headers: http.OutgoingHttpHeaders = {};
  for (const [name, values] of proxyConnectHeaders ?? []) {
    headers[name.toLowerCase()] = values.map((value) => value.reveal());
  }
  return headers;
}

/** So that the next request makes a connection with the new certificates. */
function dropIdle(agents: Iterable<http.Agent>): void {
  for (const agent of agents) {
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}

type SocketReady = (error: Error | null, socket?: Duplex) => void;
type TunnelOptions = tls.ConnectionOptions & { host: string; port: number; tunnelSignal?: AbortSignal };

/** Reaches https targets through a proxy's CONNECT. */
class TunnelAgent extends https.Agent {
  readonly #proxy: URL;
  readonly #security: ClientTls;
  readonly #headers: http.OutgoingHttpHeaders;

  constructor(settings: https.AgentOptions, proxy: URL, security: ClientTls, headers: http.OutgoingHttpHeaders) {
    super(settings);
    this.#proxy = proxy;
    this.#security = security;
    this.#headers = headers;
  }

  override createConnection(options: object, ready: SocketReady): undefined {
    const { host, port, tunnelSignal, ...tlsOptions } = options as TunnelOptions;
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const failed = (error: unknown) =>
      ready(new Error(`proxy ${shownUrl(this.#proxy)}: CONNECT ${authority}: ${reasonOf(error)}`, { cause: error }));
    const request = this.#connectRequest(authority, tunnelSignal);
    request.setTimeout(TUNNEL_TIMEOUT, () => request.destroy(new Error(`no answer in ${TUNNEL_TIMEOUT} ms`)));
    request.on('error', failed);
    // Any answer but 2xx carries a body that Node would hand to 'response'.
    request.on('response', (response) => {
      request.off('error', failed).on('error', () => {});
      request.destroy();
      failed(new Error(`the proxy answered ${response.statusCode}`));
    });
    request.on('connect', (response, socket, head) => {
      socket.setTimeout(0);
      if (response.statusCode !== 200 || head.length) {
        socket.destroy();
        return failed(new Error(`the proxy answered ${response.statusCode}${head.length ? ' and more' : ''}`));
      }
      ready(null, tls.connect({ ...tlsOptions, host, socket: socket as net.Socket }));
    });
    request.end();
  }

  #connectRequest(authority: string, signal: AbortSignal | undefined): http.ClientRequest {
    const authorization = basicAuthorization(this.#proxy);
    const options: https.RequestOptions = {
      method: 'CONNECT',
      host: hostOf(this.#proxy),
      port: portOf(this.#proxy),
      path: authority,
      setHost: false,
      headers: {
        ...this.#headers,
        host: authority,
        ...(authorization ? { 'proxy-authorization': authorization } : {}),
      },
      agent: false,
      maxHeaderSize: MAX_HEAD,
      ...(signal ? { signal } : {}),
    };
    if (this.#proxy.protocol === 'http:') return http.request(options);
    const { checkServerIdentity } = this.#security;
    return https.request({ ...options, ...this.#security.connectOptions(options.host!), checkServerIdentity });
  }
}
