import { type Clock, systemClock } from '#clock';
import type { Connection } from './wire-connection.ts';

export interface PoolSettings {
  /** To one host. */
  maxConnections: number;
  maxIdle: number;
  /** Milliseconds; Infinity: for ever. */
  idleTimeout: number;
}

/** Sockets grow old in real time, and the timer of those that nobody uses keeps no process alive. */
const socketClock: Clock = {
  ...systemClock,
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, 0x7fffffff)).unref();
    return () => clearTimeout(timer);
  },
};

/** Opens one; `closed` is to be called when it is gone. */
export type Connect = (closed: () => void) => Connection;

interface Host {
  open: Set<Connection>;
  idle: Connection[];
  waiting: Set<() => void>;
}

/** Connections by host, those in use and those kept for the next request. */
export class Pool {
  readonly #settings: PoolSettings;
  readonly #clock: Clock;
  readonly #hosts = new Map<string, Host>();
  #sweeping = false;
  #cancelSweep = () => {};

  constructor(settings: PoolSettings, clock: Clock = socketClock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** A connection for one exchange, never one used before when `fresh`; undefined when the host has no more to give. */
  acquire(key: string, connect: Connect, fresh: boolean): Connection | undefined {
    const host = this.#host(key);
    if (!fresh) {
      const kept = this.#kept(host);
      if (kept) return kept;
    }
    if (host.open.size >= this.#settings.maxConnections) {
      const idle = host.idle.pop();
      if (!idle) return undefined;
      idle.destroy();
    }
    // Asked for again: with its last connection a host is forgotten.
    const home = this.#host(key);
    const made: Connection = connect(() => this.#gone(key, home, made));
    home.open.add(made);
    return made;
  }

  /** Calls `retry` when `acquire` may answer again. Returns the way to stop waiting. */
  wait(key: string, retry: () => void): () => void {
    const { waiting } = this.#host(key);
    waiting.add(retry);
    return () => waiting.delete(retry);
  }

  /** The exchange is over. `hint`: seconds that the server says it keeps the connection. */
  release(key: string, connection: Connection, reusable: boolean, hint: number | undefined): void {
    const host = this.#host(key);
    // A second less than it says: it may count from an earlier moment than we do.
    const keep = Math.min(
      this.#settings.idleTimeout,
      hint === undefined ? Number.POSITIVE_INFINITY : hint * 1000 - 1000,
    );
    if (!reusable || keep <= 0 || host.idle.length >= this.#settings.maxIdle) {
      connection.destroy();
      return;
    }
    connection.idleUntil = this.#clock.monotonic() + keep;
    connection.rest();
    host.idle.push(connection);
    if (host.waiting.size) this.#next(host);
    else if (!this.#sweeping) this.#sweepIn(keep);
  }

  dropIdle(): void {
    for (const { idle } of [...this.#hosts.values()]) for (const connection of [...idle]) connection.destroy();
  }

  close(): void {
    this.#cancelSweep();
    this.#sweeping = false;
    for (const { open } of [...this.#hosts.values()]) for (const connection of [...open]) connection.destroy();
  }

  /** The one used last: the others may then grow old and go. */
  #kept(host: Host): Connection | undefined {
    const now = this.#clock.monotonic();
    for (let kept = host.idle.pop(); kept; kept = host.idle.pop()) {
      if (kept.idleUntil > now) return kept;
      kept.destroy();
    }
    return undefined;
  }

  #host(key: string): Host {
    let host = this.#hosts.get(key);
    if (!host) {
      host = { open: new Set(), idle: [], waiting: new Set() };
      this.#hosts.set(key, host);
    }
    return host;
  }

  #gone(key: string, host: Host, connection: Connection): void {
    host.open.delete(connection);
    const at = host.idle.indexOf(connection);
    if (at >= 0) host.idle.splice(at, 1);
    if (host.waiting.size) this.#next(host);
    else if (host.open.size === 0) this.#hosts.delete(key);
  }

  #next({ waiting }: Host): void {
    const [retry] = waiting;
    if (!retry) return;
    waiting.delete(retry);
    retry();
  }

  #sweepIn(ms: number): void {
    if (ms === Number.POSITIVE_INFINITY) return;
    this.#sweeping = true;
    this.#cancelSweep = this.#clock.after(ms, () => this.#sweep());
  }

  /** One timer for all, not one for each: those that are used never come to it. */
  #sweep(): void {
    this.#sweeping = false;
    const now = this.#clock.monotonic();
    let soonest = Number.POSITIVE_INFINITY;
    for (const { idle } of [...this.#hosts.values()]) {
      for (const connection of [...idle]) {
        if (connection.idleUntil <= now) connection.destroy();
        else soonest = Math.min(soonest, connection.idleUntil - now);
      }
    }
    this.#sweepIn(soonest);
  }
}
