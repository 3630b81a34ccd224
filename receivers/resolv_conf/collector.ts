import type { Counter, Host } from '#component';
import { parseResolvConf } from '#dns';
import { Gatherings, turns } from '#kit';
import {
  codeOf,
  defaultRoutes,
  findNamespaces,
  type HostRoot,
  labelsOfNamespace,
  listInside,
  type Namespace,
  readInside,
} from '#linux';
import type { Batch } from '#metrics';
import { isInterfaceUp } from './links.ts';
import { METRICS } from './metrics.ts';
import { addSettings, type Expectations } from './settings.ts';

export interface CollectorOptions extends Expectations {
  readonly namespaces: 'host' | 'pods' | 'all';
}

const FILE = '/etc/resolv.conf';

/** Reads the resolv.conf of every mount namespace and the default routes of every network namespace. */
export class ResolvConfCollector {
  readonly #root: HostRoot;
  readonly #host: Host;
  readonly #options: CollectorOptions;
  readonly #errored: Counter;
  readonly #gatherings = new Gatherings();
  readonly #complaints = new Set<string>();
  #mounts: Namespace[] = [];
  #networks: Namespace[] = [];

  constructor(root: HostRoot, host: Host, options: CollectorOptions) {
    this.#root = root;
    this.#host = host;
    this.#options = options;
    this.#errored = host.meter.counter('otelcol_scraper_errored_metric_points', {
      help: 'Number of metric points that were unable to be scraped.',
      unit: '{datapoints}',
      attributes: { scraper: 'resolv_conf' },
    });
  }

  async collect(signal: AbortSignal): Promise<Batch> {
    const time = this.#host.clock.now();
    this.#mounts = await findNamespaces(this.#root, 'mnt', this.#mounts, signal);
    this.#networks = await findNamespaces(this.#root, 'net', this.#networks, signal);
    const turn = turns(signal);
    // The host's file needs neither a process nor a privilege.
    this.#attempt(FILE, () => this.#readFile('mnt host', { mntns: 'host' }, this.#root.path));
    for (const one of this.#mounts) {
      if (one.isHost || !this.#isWanted(one)) continue;
      const top = `${this.#root.path}/proc/${one.pid}/root`;
      this.#attempt(FILE, () => this.#readFile(`mnt ${one.key}`, labelsOfNamespace('mnt', one), top));
      await turn();
    }
    for (const one of this.#networks) {
      if (!this.#isWanted(one)) continue;
      this.#attempt('routes', () => this.#readRoutes(one));
      await turn();
    }
    this.#tellWhatIsSeen();
    return this.#gatherings.finish(time);
  }

  #isWanted({ isHost, owner }: Namespace): boolean {
    const { namespaces } = this.#options;
    return isHost || namespaces === 'all' || (namespaces === 'pods' && owner.pod_uid !== undefined);
  }

  #readFile(key: string, labels: Record<string, string>, top: string): void {
    const text = readInside(top, FILE);
    // A process that ended takes its file system with it: that is no missing file.
    if (text === undefined && !listInside(top, '/').length) return;
    const settings = text === undefined ? undefined : parseResolvConf(text);
    addSettings(this.#gatherings.of(key), labels, settings, this.#options);
  }

  #readRoutes(namespace: Namespace): void {
    const routes = defaultRoutes(this.#root, namespace.pid);
    if (!routes) return;
    const labels = labelsOfNamespace('net', namespace);
    const gathering = this.#gatherings.of(`net ${namespace.key}`);
    for (const family of ['ipv4', 'ipv6']) {
      const has = routes.some((route) => route.family === family);
      gathering.add(METRICS.defaultRoute, { ...labels, family }, has ? 1 : 0);
    }
    for (const name of new Set(routes.map((route) => route.interface))) {
      const up = isInterfaceUp(this.#root, namespace, name);
      if (up !== undefined) gathering.add(METRICS.interfaceUp, { ...labels, interface: name }, up ? 1 : 0);
    }
  }

  /** Trouble with one is counted each time and told once a kind; the others go on. */
  #attempt(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#errored.add(1);
      const key = `${what} ${codeOf(error)}`;
      if (this.#complaints.has(key)) return;
      this.#complaints.add(key);
      this.#host.log.warn(`cannot read ${what} of a namespace`, { error });
    }
  }

  /** Which namespaces a process is in may be seen by its own user, or with CAP_SYS_PTRACE. */
  #tellWhatIsSeen(): void {
    const isBlind = this.#networks.some((one) => !one.isHost && this.#isWanted(one) && !one.inode);
    if (isBlind)
      this.#host.report('recoverable', 'cannot read the resolv.conf of others than the host without CAP_SYS_PTRACE');
    else this.#host.report('ok');
  }
}
