import { sleep } from '#clock';
import type { Counter, Host } from '#component';
import { Gatherings, turns } from '#kit';
import { codeOf, createRoot, findNamespaces, type HostRoot, type Namespace, socketsOfProcess } from '#linux';
import type { Batch } from '#metrics';
import { type ServerSockets, serverSockets } from './servers.ts';
import { NamespaceWatch, type WatchOptions } from './watch.ts';

export interface CollectorOptions extends WatchOptions {
  readonly namespaces: 'host' | 'pods' | 'all';
  /** By comm. */
  readonly servers: ReadonlySet<string>;
}

/** Watches the DNS sockets of every network namespace. */
export class DnsSocketsCollector {
  readonly #root: HostRoot;
  readonly #host: Host;
  readonly #options: CollectorOptions;
  readonly #errored: Counter;
  readonly #gatherings = new Gatherings();
  readonly #complaints = new Set<string>();
  #watches = new Map<string, NamespaceWatch>();
  #isServers: ServerSockets = () => false;

  constructor(root: HostRoot, host: Host, options: CollectorOptions) {
    this.#root = root;
    this.#host = host;
    this.#options = options;
    this.#errored = host.meter.counter('otelcol_scraper_errored_metric_points', {
      help: 'Number of metric points that were unable to be scraped.',
      unit: '{datapoints}',
      attributes: { scraper: 'dns_sockets' },
    });
  }

  async collect(signal: AbortSignal): Promise<Batch> {
    const { clock } = this.#host;
    await this.#find(signal);
    const there = await this.#look(this.#watches.values(), signal);
    const candidates = there.filter((one) => one.hasCandidates);
    // A lookup hangs when it is there in two looks: without a second one, most would be over before the next collection.
    if (candidates.length) {
      await sleep(clock, this.#options.hangingAfter, signal);
      await this.#look(candidates, signal);
    }
    const isOthers = this.#othersSockets();
    const report = (one: NamespaceWatch) => one.report(this.#gatherings.of(one.namespace.key), isOthers);
    await this.#each(there, report, signal);
    return this.#gatherings.finish(clock.now());
  }

  /** One look between collections, at the namespaces of the last one. */
  sample(now: number): void {
    const isOthers = this.#othersSockets();
    for (const one of this.#watches.values()) {
      try {
        one.sample(now, isOthers);
      } catch {
        // The collection tells.
      }
    }
  }

  #look(watches: Iterable<NamespaceWatch>, signal: AbortSignal): Promise<NamespaceWatch[]> {
    const isOthers = this.#othersSockets();
    return this.#each(watches, (one) => one.look(this.#host.clock.monotonic(), isOthers), signal);
  }

  /** Sockets that are no lookup of a pod: DNS servers', and the agent's own, which asks in the same namespaces. */
  #othersSockets(): ServerSockets {
    const own = socketsOfProcess(createRoot('/'), process.pid);
    const isServers = this.#isServers;
    return (namespace, socket) => own?.has(socket.inode) || isServers(namespace, socket);
  }

  async #find(signal: AbortSignal): Promise<void> {
    const before = this.#watches;
    const known = [...before.values()].map((one) => one.namespace);
    const found = await findNamespaces(this.#root, 'net', known, signal);
    this.#watches = new Map();
    for (const namespace of found.filter((one) => this.#isWanted(one))) {
      const watch = before.get(namespace.key);
      const kept = watch?.namespace === namespace ? watch : new NamespaceWatch(this.#root, namespace, this.#options);
      this.#watches.set(namespace.key, kept);
    }
    this.#isServers = await serverSockets(this.#root, this.#options.servers, (error) => this.#complain(error), signal);
  }

  #isWanted({ isHost, owner }: Namespace): boolean {
    const { namespaces } = this.#options;
    return isHost || namespaces === 'all' || (namespaces === 'pods' && owner.pod_uid !== undefined);
  }

  /** Those that it went well with. Trouble is counted each time and told once a kind; the others go on. */
  async #each(
    watches: Iterable<NamespaceWatch>,
    run: (watch: NamespaceWatch) => unknown,
    signal: AbortSignal,
  ): Promise<NamespaceWatch[]> {
    const well: NamespaceWatch[] = [];
    const turn = turns(signal);
    for (const one of watches) {
      try {
        if (run(one) !== false) well.push(one);
      } catch (error) {
        this.#complain(error);
      }
      await turn();
    }
    return well;
  }

  #complain(error: unknown): void {
    this.#errored.add(1);
    const code = codeOf(error);
    if (this.#complaints.has(code)) return;
    this.#complaints.add(code);
    this.#host.log.warn('cannot read the sockets of a namespace', { error });
  }
}
