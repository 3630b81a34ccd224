/** A Kubernetes API server on loopback, as far as list and watch go, which a test may make misbehave. */
import type http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type https from 'node:https';
import { httpServer, httpsServer, type TestServer } from './servers.ts';

export interface Meta {
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [more: string]: unknown;
}
export interface ApiObject {
  metadata?: Meta;
  [more: string]: unknown;
}

export interface ApiRequest {
  /** `list` or `watch`, and of what: `pods`. */
  verb: 'list' | 'watch';
  plural: string;
  namespace: string;
  query: URLSearchParams;
  message: IncomingMessage;
}

interface Change {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  plural: string;
  object: ApiObject;
}
interface Watcher {
  request: ApiRequest;
  response: ServerResponse;
}

export class FakeKubernetes {
  readonly requests: ApiRequest[] = [];
  readonly watchers = new Set<Watcher>();
  /** Takes a request over by answering it and returning true. */
  intercept: (request: ApiRequest, response: ServerResponse) => boolean = () => false;
  /** Where set, requests without this token get 401. */
  token: string | undefined;
  /** Sends watches in pieces of so many bytes. */
  pieces = Number.POSITIVE_INFINITY;
  #server: TestServer | undefined;
  #scheme: 'http' | 'https' = 'http';
  #version = 100;
  /** Changes up to this version are forgotten. */
  #compacted = 0;
  #history: Change[] = [];
  /** By plural, then `namespace/name`. */
  readonly #objects = new Map<string, Map<string, ApiObject>>();

  /** Listens, again on the same port after `stop`. */
  async start(tls?: https.ServerOptions): Promise<this> {
    const answer: http.RequestListener = (message, response) => this.#answer(message, response);
    const port = this.#server?.port;
    this.#scheme = tls ? 'https' : 'http';
    this.#server = await (tls ? httpsServer(tls, answer, port) : httpServer(answer, port));
    return this;
  }
  async stop(): Promise<void> {
    this.watchers.clear();
    await this.#server?.close();
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#server!.port}`;
  }
  get port(): number {
    return this.#server!.port;
  }
  /** Connections that are open. */
  get open(): number {
    return this.#server!.open;
  }
  get version(): number {
    return this.#version;
  }

  /** Adds or changes an object, and tells who watches. */
  put(plural: string, object: ApiObject): void {
    const all = this.#all(plural);
    const key = keyOf(object);
    this.#version++;
    const type = all.has(key) ? 'MODIFIED' : 'ADDED';
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    all.set(key, kept);
    this.#tell({ version: this.#version, type, plural, object: kept });
  }
  remove(plural: string, key: string): void {
    const object = this.#all(plural).get(key);
    if (!object) throw new Error(`there is no ${plural} ${key}`);
    this.#all(plural).delete(key);
    this.#version++;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#tell({ version: this.#version, type: 'DELETED', plural, object: last });
  }
  /** Every change so far is forgotten, as etcd's compaction does. */
  compact(): void {
    this.#compacted = this.#version;
    this.#history = [];
  }
  bookmark(version = this.#version): void {
    this.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version) } } });
  }
  /** To all who watch, or to those who watch this. */
  send(event: object | string, plural?: string): void {
    const line = typeof event === 'string' ? event : `${JSON.stringify(event)}\n`;
    for (const watcher of this.watchers) {
      if (plural === undefined || watcher.request.plural === plural) this.#write(watcher.response, line);
    }
  }
  /** Ends all watches as a server does whose timeoutSeconds is over. */
  endWatches(): void {
    for (const { response } of [...this.watchers]) response.end();
  }

  #all(plural: string): Map<string, ApiObject> {
    const known = this.#objects.get(plural) ?? new Map();
    this.#objects.set(plural, known);
    return known;
  }

  #tell(change: Change): void {
    this.#history.push(change);
    for (const watcher of this.watchers) this.#sendChange(watcher, change);
  }

  #sendChange({ request, response }: Watcher, { type, plural, object }: Change): void {
    if (request.plural === plural && matches(object, request)) {
      this.#write(response, `${JSON.stringify({ type, object })}\n`);
    }
  }

  #write(response: ServerResponse, text: string): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += this.pieces) response.write(bytes.subarray(at, at + this.pieces));
  }

  #answer(message: IncomingMessage, response: ServerResponse): void {
    const request = requestOf(message);
    this.requests.push(request);
    if (this.intercept(request, response)) return;
    if (this.token !== undefined && message.headers.authorization !== `Bearer ${this.token}`) {
      status(response, 401, 'Unauthorized', 'Unauthorized');
    } else if (request.verb === 'list') this.#list(request, response);
    else this.#watch(request, response);
  }

  #list(request: ApiRequest, response: ServerResponse): void {
    const { query, plural } = request;
    const found = [...this.#all(plural).values()].filter((object) => matches(object, request));
    const from = Number(query.get('continue') ?? 0);
    const limit = Number(query.get('limit') ?? 0) || found.length;
    const metadata = {
      resourceVersion: String(this.#version),
      ...(from + limit < found.length ? { continue: String(from + limit) } : {}),
    };
    const body = { kind: 'List', apiVersion: 'v1', metadata, items: found.slice(from, from + limit) };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #watch(request: ApiRequest, response: ServerResponse): void {
    const from = Number(request.query.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < this.#compacted) {
      const message = `too old resource version: ${from} (${this.#compacted})`;
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message } })}\n`,
      );
      return;
    }
    const watcher = { request, response };
    this.watchers.add(watcher);
    response.on('close', () => this.watchers.delete(watcher));
    for (const change of this.#history) if (change.version > from) this.#sendChange(watcher, change);
  }
}

export function status(response: ServerResponse, code: number, reason: string, message: string, headers = {}): void {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message };
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const keyOf = ({ metadata }: ApiObject) =>
  metadata?.namespace ? `${metadata.namespace}/${metadata.name}` : `${metadata?.name}`;

function requestOf(message: IncomingMessage): ApiRequest {
  const url = new URL(message.url!, 'http://x');
  const path = /^(?:\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)$/.exec(url.pathname);
  return {
    verb: url.searchParams.get('watch') ? 'watch' : 'list',
    plural: path?.[2] ?? url.pathname,
    namespace: path?.[1] ?? '',
    query: url.searchParams,
    message,
  };
}

/** As far as tests need selectors: equalities. */
function matches(object: ApiObject, { namespace, query }: ApiRequest): boolean {
  if (namespace && object.metadata?.namespace !== namespace) return false;
  const at = (path: string): unknown =>
    path.split('.').reduce((value: unknown, key) => (value as ApiObject)?.[key], object);
  const fields = (query.get('fieldSelector') ?? '').split(',').filter(Boolean);
  const labels = (query.get('labelSelector') ?? '').split(',').filter(Boolean);
  return (
    fields.every((term) => at(term.split('=')[0]!) === term.split('=').at(-1)) &&
    labels.every((term) => object.metadata?.labels?.[term.split('=')[0]!] === term.split('=').at(-1))
  );
}
