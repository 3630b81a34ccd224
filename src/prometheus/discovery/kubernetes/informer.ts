import { type Clock, sleep } from '#clock';
import type { Fields, Logger } from '#component';
import { turns } from '#kit';
import { createComplaints } from '#queue';
import { type Api, ApiError, type Query, type WatchEvent } from './api.ts';
import { createBackoff } from './backoff.ts';
import { type Kind, type KubernetesObject, keyOf } from './objects.ts';
import { type Change, createStore } from './store.ts';

export interface InformerParts<T extends KubernetesObject> {
  api: Api;
  kind: Kind<T>;
  query: Query;
  clock: Clock;
  log: Logger;
  /** A request failed, or a watch broke. */
  onFailure(): void;
  onChange(change: Change): void;
}

/** All objects of a kind that a query finds, kept as they are at the API server. */
export interface Informer<T extends KubernetesObject> {
  /** By `namespace/name`. Stays as it is while the API server cannot be reached. */
  readonly objects: ReadonlyMap<string, T>;
  /** The first list is complete. */
  readonly synced: boolean;
  /** Milliseconds since it was last known to be up to date; 0 while a watch runs. */
  stale(): number;
  /** `changed` is called with the key of each object that changes, and without one after the first list. */
  subscribe(changed: (key?: string) => void): () => void;
  start(): void;
  stop(): Promise<void>;
}

/** Objects asked for at a time. */
const PAGE = 500;
/** So many lists in a row whose pages were gone before they were asked for, and the next comes in one piece. */
const EXPIRED = 2;
/** After so long, and up to a tenth more, all is listed again, should anything ever have been missed. Milliseconds. */
const RESYNC = 60 * 60_000;
/** So many watches in a row that broke or were refused, and the place where they begin is not trusted any more. */
const BROKEN = 5;
/** A watch that lasted so long did not end for want of anything. Milliseconds. */
const USUAL = 30_000;

/**
 * Lists, then watches from there. A watch that ends is taken up where it ended; when the server no longer knows that place
 * (410), and once an hour, everything is listed anew, which replaces what is known only when it is complete.
 */
export function createInformer<T extends KubernetesObject>(parts: InformerParts<T>): Informer<T> {
  const { api, kind, query, clock, log, onFailure, onChange } = parts;
  const about: Fields = { resource: kind.plural, ...(query.namespace ? { namespace: query.namespace } : {}) };
  const complain = createComplaints(clock, (message, fields) => log.error(message, fields));
  const stopping = new AbortController();
  const { signal } = stopping;
  const listeners = new Set<(key?: string) => void>();
  const backoff = createBackoff();
  let synced = false;
  /** Where the next watch begins; undefined: list first. */
  let version: string | undefined;
  let resyncAt = 0;
  let freshAt = clock.monotonic();
  let watching = false;
  let failing = false;
  let broken = 0;
  let expired = 0;
  let running = Promise.resolve();

  const store = createStore(kind, (key, change) => {
    onChange(change);
    if (synced) for (const changed of listeners) changed(key);
  });

  async function list(): Promise<void> {
    // Should this fail, the watch goes on where it was.
    resyncAt = clock.monotonic() + RESYNC * (1 + Math.random() / 10);
    const found = new Map<string, T>();
    const turn = turns(signal);
    const size: Record<string, number> = expired < EXPIRED ? { limit: PAGE } : {};
    let page = await api.list(kind, query, { ...size, ...fromMemory() }, signal);
    for (;;) {
      for (const raw of page.items) {
        await turn();
        const object = store.keep(raw);
        if (object) found.set(keyOf(object), object);
      }
      if (!page.next) break;
      page = await api.list(kind, query, { ...size, continue: page.next }, signal).catch((error) => {
        if (error instanceof ApiError && error.gone) expired++;
        throw error;
      });
    }
    expired = 0;
    version = page.version;
    freshAt = clock.monotonic();
    store.replace(found);
    if (synced) return;
    synced = true;
    for (const changed of listeners) changed();
  }

  /** The API server has pods by their node in memory: a whole cluster of agents that begin costs it nearly nothing. */
  function fromMemory(): { resourceVersion?: string } {
    const oneNode = kind.plural === 'pods' && /(^|,)spec\.nodeName==?[^,=]/.test(query.field);
    return oneNode && !synced ? { resourceVersion: '0' } : {};
  }

  function opened(): void {
    watching = true;
    if (failing) log.info('the Kubernetes API answers again', about);
    failing = false;
  }

  function apply(event: WatchEvent): void {
    if (event.version) version = event.version;
    broken = 0;
    if (event.type !== 'BOOKMARK') store.apply(event);
  }

  async function watch(from: string): Promise<void> {
    try {
      await api.watch(kind, query, from, { opened, event: apply }, signal);
    } finally {
      if (watching) freshAt = clock.monotonic();
    }
  }

  function onError(error: unknown): void {
    onFailure();
    failing = true;
    if (!isTrusted(error)) version = undefined;
    if (version === undefined) broken = 0;
    if (error instanceof ApiError && error.gone) {
      log.debug('a new list is needed', { ...about, error });
      return;
    }
    const key = error instanceof ApiError ? String(error.status) : (error as Error).name;
    const stays = synced ? '; what was found before stays' : '';
    complain(key, `cannot ask the Kubernetes API${stays}`, { ...about, error });
  }

  /** Whether the next watch may begin where this one did. */
  function isTrusted(error: unknown): boolean {
    const status = error instanceof ApiError ? error.status : undefined;
    if (error instanceof ApiError && error.gone) return false;
    if (watching || (status !== undefined && status >= 500)) broken++;
    const passes = status === undefined || status >= 500 || [0, 401, 403, 429].includes(status);
    return passes && broken < BROKEN;
  }

  /** One list, or one watch. Gives how long to wait before the next. */
  async function step(): Promise<number> {
    const began = clock.monotonic();
    let asked: number | undefined;
    let failed = false;
    watching = false;
    try {
      if (version === undefined || began >= resyncAt) {
        await list();
        return 0;
      }
      await watch(version);
    } catch (error) {
      if (signal.aborted) return 0;
      failed = true;
      onError(error);
      asked = error instanceof ApiError ? error.pause : undefined;
    } finally {
      watching = false;
    }
    const usual = clock.monotonic() - began >= USUAL;
    if (usual) backoff.reset();
    return usual && !failed ? 0 : backoff.next(asked);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const pause = await step();
      if (pause > 0) await sleep(clock, pause, signal).catch(() => {});
    }
  }

  return {
    objects: store.objects,
    get synced() {
      return synced;
    },
    stale: () => (watching ? 0 : clock.monotonic() - freshAt),
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    start() {
      freshAt = clock.monotonic();
      running = run();
    },
    async stop() {
      stopping.abort(new Error('stopping'));
      await running;
    },
  };
}
