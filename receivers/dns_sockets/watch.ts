import { type Gathering, SampledCounter, SampledGauge } from '#kit';
import { type HostRoot, labelsOfNamespace, type Namespace, type Socket, type UdpSocket } from '#linux';
import { HangingLookups } from './hanging.ts';
import { METRICS, type Metric } from './metrics.ts';
import type { ServerSockets } from './servers.ts';
import { readCounters, readTcp, readUdp, total, type UdpCounters } from './tables.ts';

export interface WatchOptions {
  readonly ports: ReadonlySet<number>;
  /** Milliseconds that a lookup takes before it counts as hanging. */
  readonly hangingAfter: number;
  readonly isSampled: boolean;
}

/** Names under which the kernel counts, and ours. */
const COUNTERS: readonly [string, Metric][] = [
  ['InDatagrams', METRICS.received],
  ['OutDatagrams', METRICS.sent],
  ['InErrors', METRICS.errors],
  ['NoPorts', METRICS.noPorts],
  ['RcvbufErrors', METRICS.bufferErrors],
  ['InCsumErrors', METRICS.checksumErrors],
];
/** Servers elsewhere that one namespace's series name; a scanner that asks the whole internet must not become series. */
const MOST_SERVERS = 32;

/** What is known of one network namespace from one look to the next. */
export class NamespaceWatch {
  readonly namespace: Namespace;
  readonly #root: HostRoot;
  readonly #options: WatchOptions;
  readonly #lookups: HangingLookups;
  readonly #drops = new SampledCounter();
  readonly #hanging = new SampledGauge();
  /** Pairs of labels that were seen once: from then on they are reported, with 0 when there is none. */
  readonly #connections = new Map<string, { side: string; state: string }>();
  readonly #clients = new Map<string, { server: string; protocol: string }>();
  #udp: readonly UdpSocket[] = [];
  #counters: UdpCounters = { ipv4: new Map(), ipv6: new Map() };

  constructor(root: HostRoot, namespace: Namespace, options: WatchOptions) {
    this.#root = root;
    this.namespace = namespace;
    this.#options = options;
    this.#lookups = new HangingLookups(options.hangingAfter);
  }

  /** Looks at the UDP sockets and counters; false when the namespace is gone. `now` is in monotonic milliseconds. */
  look(now: number, isServers: ServerSockets): boolean {
    const udp = readUdp(this.#root, this.namespace.pid, this.#isDns);
    if (!udp) return false;
    this.#udp = udp;
    this.#note(now, isServers);
    return true;
  }

  /** A look between collections, which leaves the counters unread where no socket waits. */
  sample(now: number, isServers: ServerSockets): void {
    const udp = readUdp(this.#root, this.namespace.pid, this.#isDns);
    if (!udp) return;
    this.#udp = udp;
    if (this.hasCandidates || udp.some(this.#isClient)) this.#note(now, isServers);
    else this.#noteServers(now);
  }

  #note(now: number, isServers: ServerSockets): void {
    this.#counters = readCounters(this.#root, this.namespace.pid);
    const clients = this.#udp.filter((socket) => this.#isClient(socket) && !isServers(this.namespace.key, socket));
    this.#lookups.note({
      time: now,
      sent: total(this.#counters, 'OutDatagrams'),
      received: total(this.#counters, 'InDatagrams'),
      sockets: clients.map((socket) => socket.inode),
    });
    this.#hanging.note(this.#lookups.now().count, now);
    this.#noteServers(now);
  }

  #noteServers(now: number): void {
    const servers = this.#udp.filter(this.#isServer);
    this.#drops.note(
      sum(servers, (socket) => socket.drops),
      now,
    );
  }

  get hasCandidates(): boolean {
    return this.#lookups.hasCandidates;
  }

  /** Adds what the last look saw, and the TCP sockets as they are now. */
  report(gathering: Gathering, isServers: ServerSockets): void {
    const labels = labelsOfNamespace('net', this.namespace);
    const add = (metric: Metric, value: number, more?: Record<string, string>) =>
      gathering.add(metric, { ...labels, ...more }, value);
    const tcp = readTcp(this.#root, this.namespace.pid, this.#isDns);
    this.#addServers(add, tcp);
    for (const family of ['ipv4', 'ipv6'] as const) {
      for (const [name, metric] of COUNTERS) {
        const value = this.#counters[family].get(name);
        if (value !== undefined) add(metric, value, { family });
      }
    }
    this.#addConnections(add, tcp);
    this.#addClients(add, tcp, isServers);
    const { count, longest } = this.#lookups.now();
    add(METRICS.hanging, count);
    add(METRICS.longest, longest);
    if (!this.#options.isSampled) return;
    add(METRICS.hangingPeak, this.#hanging.collect().peak);
    add(METRICS.dropsPeak, this.#drops.collect().peakPerSecond);
  }

  /** Sockets that share an address (SO_REUSEPORT) are added up. */
  #addServers(add: Add, tcp: readonly Socket[]): void {
    for (const [bound, sockets] of groupBy(this.#udp.filter(this.#isServer), boundTo)) {
      add(
        METRICS.drops,
        sum(sockets, (one) => one.drops),
        bound,
      );
      add(
        METRICS.queue,
        sum(sockets, (one) => one.receiveQueue),
        bound,
      );
    }
    const listening = tcp.filter(({ state }) => state === 'listen');
    for (const [bound, sockets] of groupBy(listening, boundTo)) {
      add(
        METRICS.acceptQueue,
        sum(sockets, (one) => one.receiveQueue),
        bound,
      );
    }
  }

  #addConnections(add: Add, tcp: readonly Socket[]): void {
    const counts = new Map<string, number>();
    for (const { state, local, remote } of tcp) {
      if (state === 'listen') continue;
      const side = this.#options.ports.has(local.port) && !this.#options.ports.has(remote.port) ? 'server' : 'client';
      const key = `${side} ${state}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      this.#connections.set(key, { side, state });
    }
    for (const [key, labels] of this.#connections) add(METRICS.connections, counts.get(key) ?? 0, labels);
  }

  #addClients(add: Add, tcp: readonly Socket[], isServers: ServerSockets): void {
    const counts = new Map<string, number>();
    const note = (protocol: string, sockets: readonly Socket[]) => {
      for (const socket of sockets) {
        if (!this.#isClient(socket) || socket.inode === 0 || isServers(this.namespace.key, socket)) continue;
        const server = socket.remote.address;
        const key = `${protocol} ${server}`;
        if (!this.#clients.has(key) && this.#clients.size >= MOST_SERVERS) continue;
        counts.set(key, (counts.get(key) ?? 0) + 1);
        this.#clients.set(key, { server, protocol });
      }
    };
    note('udp', this.#udp);
    note('tcp', tcp);
    for (const [key, labels] of this.#clients) add(METRICS.clients, counts.get(key) ?? 0, labels);
  }

  readonly #isDns = (local: number, remote: number): boolean =>
    this.#options.ports.has(local) || this.#options.ports.has(remote);

  readonly #isServer = ({ local, remote }: Socket): boolean => remote.port === 0 && this.#options.ports.has(local.port);

  readonly #isClient = ({ local, remote }: Socket): boolean =>
    this.#options.ports.has(remote.port) && !this.#options.ports.has(local.port);
}

type Add = (metric: Metric, value: number, more?: Record<string, string>) => void;

const boundTo = ({ local }: Socket) => ({ address: local.address, port: String(local.port) });
const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((all, item) => all + of(item), 0);

/** Groups by labels, those of each group once. */
function groupBy<T>(items: readonly T[], of: (item: T) => Record<string, string>): [Record<string, string>, T[]][] {
  const groups = new Map<string, [Record<string, string>, T[]]>();
  for (const item of items) {
    const labels = of(item);
    const key = JSON.stringify(labels);
    const group = groups.get(key) ?? [labels, []];
    group[1].push(item);
    groups.set(key, group);
  }
  return [...groups.values()];
}
