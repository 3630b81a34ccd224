/** HTTP for every component: one client and one server, with the Collector's settings. */
import type { Authenticator } from '#component';
import type { Secret } from '#config';

export { setListenSockets } from './activation.ts';
export { acceptsGzip, type ServerAnswer } from './answer.ts';
export { createHttpClient } from './client.ts';
export * from './client-config.ts';
export { type Compression, compressBody } from './compress.ts';
export { BodyTooLargeError, shownUrl } from './errors.ts';
export { isFramingHeader, isHeaderName, isHeaderValue, isReservedHeader } from './headers.ts';
export { listenAddress, parseListenAddress } from './listen-address.ts';
export * from './oauth2.ts';
export { setProxyEnvironment } from './proxy.ts';
export * from './secret-file.ts';
export * from './server.ts';
export * from './server-config.ts';
export * from './stream.ts';
export { isTlsVersion, tlsClientFields, tlsClientSchema, tlsServerSchema } from './tls-config.ts';

export interface HttpRequest {
  method: string;
  url: URL;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array;
  /** Aborting destroys the socket and rejects with the signal's reason. */
  signal: AbortSignal;
  /**
   * The most bytes of body to take, on the wire and unpacked. Past it the socket is destroyed and the request rejects with
   * a BodyTooLargeError. Default 64 KiB.
   */
  maxBody?: number;
  /** What the body may be packed in, written as Accept-Encoding is, which says it when this is left out. */
  packing?: string;
  /** Only read this much of the body of an answer, quietly, in place of rejecting: for error texts. */
  truncateBody?: boolean;
  /**
   * What the body of a 2xx answer is worth. `ignored`: the head settles it, and the body may be empty. `welcome`: it is waited
   * for, but when it breaks off or takes longer than a second the answer is taken without it. What is left is read on, up to
   * `maxBody` and for at most a second after the head, so that the connection can be used again. Default `needed`.
   */
  successBody?: BodyWorth;
}

export type BodyWorth = 'needed' | 'welcome' | 'ignored';

export interface HttpResponse {
  status: number;
  /** Lower-case names; what came more than once is joined with ', '. */
  headers: Readonly<Record<string, string>>;
  /** Unpacked, when the answer was compressed. */
  body: Buffer;
  /** What the authenticator has to say to an answer that refuses its credentials, for the error's text. */
  advice?: string;
}

export interface HttpClient {
  request(request: HttpRequest): Promise<HttpResponse>;
  /**
   * The same for who needs the body only once: `take` gets it for as long as it runs, and what it throws is thrown as it is.
   * The next body stands in the same memory.
   */
  read<T>(request: HttpRequest, take: (response: HttpResponse) => T): Promise<T>;
  /** Destroys idle sockets and forgets watched files. */
  close(): void;
}

/** What a client is made from; the Collector's and Prometheus' keys are both turned into this. */
export interface HttpClientOptions {
  tls?: TlsClientOptions;
  /** http:// or https:// proxy; credentials may be in it. */
  proxyUrl?: Secret;
  noProxy?: string;
  /** Sent to a proxy with CONNECT; credentials in its URL win over `proxy-authorization`. */
  proxyConnectHeaders?: ReadonlyMap<string, readonly Secret[]>;
  /** Take HTTP_PROXY, HTTPS_PROXY and NO_PROXY from `environment`. */
  proxyFromEnvironment?: boolean;
  /** The variables themselves; those of `setProxyEnvironment` when left out. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Added to every request; the caller's own win. */
  headers?: ReadonlyMap<string, Secret>;
  authenticator?: Authenticator;
  /** Follow redirects, at most ten; credentials never go to another host. Default false. */
  followRedirects?: boolean;
  keepAlive?: boolean;
  /** 0: unlimited. */
  maxConnections?: number;
  /** To each host. 0: unlimited; default 100. */
  maxIdleConnections?: number;
  /** Milliseconds. */
  idleTimeout?: number;
  /** Called when the client is closed. */
  onClose?(): void;
  /** Told when certificate files changed but cannot be used, so that the old ones stay. */
  warn?(message: string, error: unknown): void;
}

export interface TlsClientOptions {
  caFile?: string;
  caPem?: string;
  certFile?: string;
  certPem?: string;
  keyFile?: string;
  keyPem?: Secret;
  insecureSkipVerify?: boolean;
  serverName?: string;
  minVersion?: string;
  maxVersion?: string;
  /** Go's names. */
  cipherSuites?: readonly string[];
  /** Go's names: X25519, P256, … */
  curvePreferences?: readonly string[];
  includeSystemCas?: boolean;
  /** Milliseconds between looks at the files; 0: at each new connection when their times changed. */
  reloadInterval?: number;
}
