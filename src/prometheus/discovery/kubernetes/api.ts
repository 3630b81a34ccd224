/** As much of the Kubernetes API as discovery needs: list in pages, and watch. */
import type { Clock } from '#clock';
import { createHttpStreamer, type HttpStream, type HttpStreamer, readBeginning, readWhole } from '#http';
import { deadline } from '#kit';
import { retryAfter } from '#queue';
import type { Access } from './access.ts';
import { linesOf } from './lines.ts';
import type { Kind, KubernetesObject } from './objects.ts';
import { listIn, mapIn, numberIn, type Raw, textIn } from './raw.ts';

/** The API server answered, and not with what was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status, or the code of a Status object within a watch. */
  readonly status: number;
  /** `Expired`, `Forbidden`, … */
  readonly reason: string;
  /** How long it asks to be left alone, in milliseconds. */
  readonly pause: number | undefined;
  constructor(message: string, status: number, reason = '', pause?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.pause = pause;
  }
  /** What was asked for is too old to be had: only a new list helps. */
  get gone(): boolean {
    return this.status === 410 || this.reason === 'Expired' || this.reason === 'Gone';
  }
}

/** What is listed and watched. */
export interface Query {
  /** Empty: all. */
  readonly namespace: string;
  readonly label: string;
  readonly field: string;
}

export interface Page {
  readonly items: readonly Raw[];
  readonly version: string;
  /** Asks for the next page; empty: this was the last. */
  readonly next: string;
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Raw; readonly version: string }
  | { readonly type: 'BOOKMARK'; readonly version: string };

export interface Api {
  list(kind: Kind<KubernetesObject>, query: Query, parameters: Parameters, signal: AbortSignal): Promise<Page>;
  /** Calls `event` for each; resolves when the server ends the watch, or its time is over. `opened`: the server has agreed. */
  watch(
    kind: Kind<KubernetesObject>,
    query: Query,
    version: string,
    handlers: { opened(): void; event(event: WatchEvent): void },
    signal: AbortSignal,
  ): Promise<void>;
  close(): void;
}
type Parameters = Readonly<Record<string, string | number>>;

const SECOND = 1000;
/** For a page of a list, and for the head of a watch. */
const ANSWER_TIME = 60 * SECOND;
/** A page of 500 large objects is some 10 MB; etcd takes none above 1.5 MB. */
const MAX_PAGE = 128 * 1024 * 1024;
const MAX_EVENT = 8 * 1024 * 1024;
const MAX_ERROR = 64 * 1024;
/** A watch is asked to end after three to four minutes … */
const WATCH_TIME = [180, 240] as const;
/** … and is given up so much later: the connection may be half open, with nobody at its other end. */
const WATCH_GRACE = 15 * SECOND;

export function createApi(access: Access, clock: Clock, version: string): Api {
  const streamer: HttpStreamer = createHttpStreamer(access.http, clock);
  const headers = { accept: 'application/json', 'user-agent': `dnscol/${version}` };

  async function open(url: URL, signal: AbortSignal): Promise<HttpStream> {
    const stream = await streamer.open({ method: 'GET', url, headers, signal }).catch(plain);
    if (stream.status !== 200) throw await apiError(stream, clock.now());
    return stream;
  }

  /** In place of the whole URL, whose query says nothing that the log does not say anyway. */
  function plain(error: unknown): never {
    if (!(error instanceof Error) || !/^GET \S+: /.test(error.message)) throw error;
    throw new Error(error.message.replace(/^GET \S+: /, `${access.server.host}: `), { cause: error.cause });
  }

  return {
    async list(kind, query, parameters, signal) {
      const limit = deadline(clock, ANSWER_TIME, signal);
      try {
        const stream = await open(urlOf(access.server, kind, query, parameters), limit.signal);
        return pageOf((await readWhole(stream, MAX_PAGE).catch(plain)).toString());
      } finally {
        limit.end();
      }
    },

    async watch(kind, query, from, { opened, event }, signal) {
      const seconds = Math.round(WATCH_TIME[0] + Math.random() * (WATCH_TIME[1] - WATCH_TIME[0]));
      const url = urlOf(access.server, kind, query, {
        watch: 1,
        allowWatchBookmarks: 'true',
        resourceVersion: from,
        timeoutSeconds: seconds,
      });
      const head = deadline(clock, ANSWER_TIME, signal);
      const whole = deadline(clock, seconds * SECOND + WATCH_GRACE, signal);
      try {
        const stream = await open(url, AbortSignal.any([head.signal, whole.signal]));
        head.end();
        opened();
        for await (const line of linesOf(stream.body, MAX_EVENT)) {
          signal.throwIfAborted();
          if (line.trim() !== '') event(eventOf(line));
        }
      } catch (error) {
        // The connection was half open, or the server forgot to end it.
        if (!whole.signal.aborted || signal.aborted) plain(error);
      } finally {
        head.end();
        whole.end();
      }
    },

    close: () => streamer.close(),
  };
}

function urlOf(
  server: URL,
  { group, namespaced, plural }: Kind<KubernetesObject>,
  { namespace, label, field }: Query,
  parameters: Parameters,
): URL {
  const scope = namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const url = new URL(server);
  url.pathname = `${server.pathname.replace(/\/$/, '')}${group}${scope}/${plural}`;
  if (label) url.searchParams.set('labelSelector', label);
  if (field) url.searchParams.set('fieldSelector', field);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value));
  return url;
}

/** Quotes nothing in its error: a pod's specification may hold secrets. */
function jsonOf(text: string): Raw {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyntaxError(`what the API server sent is no JSON (${text.length} characters)`);
  }
  return mapIn(value);
}

function pageOf(text: string): Page {
  const raw = jsonOf(text);
  const { resourceVersion, continue: next } = mapIn(raw.metadata);
  // An empty list may come as null, but a list it must be: anything else would take all targets away.
  const isList = textIn(raw.kind).endsWith('List') && (Array.isArray(raw.items) || raw.items === null);
  if (!isList || !resourceVersion) throw new Error('the answer is no list of objects');
  return { items: listIn(raw.items), version: textIn(resourceVersion), next: textIn(next) };
}

function eventOf(line: string): WatchEvent {
  const { type, object } = jsonOf(line);
  const raw = mapIn(object);
  if (type === 'ERROR') {
    const pause = numberIn(mapIn(raw.details).retryAfterSeconds);
    const message = textIn(raw.message) || textIn(raw.reason) || 'no reason given';
    throw new ApiError(
      `the API server ended the watch: ${message.slice(0, 500)}`,
      numberIn(raw.code) ?? 0,
      textIn(raw.reason),
      pause === undefined ? undefined : pause * SECOND,
    );
  }
  const version = textIn(mapIn(raw.metadata).resourceVersion);
  if (type === 'BOOKMARK') return { type, version };
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object: raw, version };
  throw new Error(`an event of the unknown type ${JSON.stringify(textIn(type).slice(0, 50))}`);
}

async function apiError(stream: HttpStream, now: number): Promise<ApiError> {
  const { status, headers } = stream;
  const text = (await readBeginning(stream, MAX_ERROR)).toString();
  let told: Raw = {};
  try {
    told = jsonOf(text);
  } catch {
    // Proxies answer in HTML.
  }
  const message = textIn(told.message) || (status >= 300 && status < 400 ? 'redirects are not followed' : '');
  return new ApiError(
    `the API server answered ${status}${message ? `: ${message.slice(0, 500)}` : ''}`,
    status,
    textIn(told.reason),
    retryAfter(headers['retry-after'], now),
  );
}
