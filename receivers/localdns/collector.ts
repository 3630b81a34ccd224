import { posix } from 'node:path';
import type { Host, MetricDeclaration } from '#component';
import { MAX_COREFILE, parseCorefile, parseResolvConf } from '#dns';
import { Gathering } from '#kit';
import {
  type ConfinedFiles,
  confine,
  createRoot,
  type HostRoot,
  parseCount,
  parseFlatKeyed,
  parseScaled,
} from '#linux';
import type { Batch } from '#metrics';
import { type ForwardAddress, forwardsOf } from './forwards.ts';
import { Liveness } from './liveness.ts';
import { CPU, KUBEDNS, MEMORY, STATUS, UPDATED, VNETDNS } from './metrics.ts';

export interface CollectorOptions {
  readonly rootPath: string;
  /** Paths as the host sees them. */
  readonly corefile: string;
  readonly pidFile: string;
  readonly cgroup: string;
  /** Show memory and CPU time as 0 when there is none to read. */
  readonly missingAsZero: boolean;
}

/** What the two addresses of localdns are for: pods with dnsPolicy Default and kubelet, and pods with ClusterFirst. */
const LISTENERS: readonly (readonly [MetricDeclaration, string])[] = [
  [VNETDNS, '169.254.10.10'],
  [KUBEDNS, '169.254.10.11'],
];

/** Says how localdns is now. Nothing is kept from one collection to the next but whose PID it was. */
export class LocaldnsCollector {
  readonly #host: Host;
  readonly #options: CollectorOptions;
  readonly #root: HostRoot;
  readonly #files: ConfinedFiles;
  readonly #liveness: Liveness;
  readonly #gathering = new Gathering();
  #troubles: string[] = [];
  #told = '';

  constructor(host: Host, options: CollectorOptions) {
    this.#host = host;
    this.#options = options;
    this.#root = createRoot(options.rootPath);
    this.#files = confine(options.rootPath, '/', MAX_COREFILE);
    this.#liveness = new Liveness(this.#root, options.pidFile);
  }

  collect(): Batch {
    const time = this.#host.clock.now();
    this.#troubles = [];
    this.#service(time);
    this.#forwards();
    this.#tell();
    return this.#gathering.finish(time);
  }

  #service(time: number): void {
    const { cgroup, missingAsZero } = this.#options;
    const life = this.#attempt(() => this.#liveness.look(), 'unreadable');
    // What localdns leaves behind when it ends: without either, it never ran since the machine came up.
    const everRan = life !== 'no PID file' || this.#attempt(() => this.#root.isDirectory(cgroup), false);
    const status = life === 'alive' ? 'active' : everRan && life !== 'unreadable' ? 'inactive' : 'unknown';
    this.#gathering.add(STATUS, { status }, status === 'active' ? 1 : 0);
    const missing = missingAsZero ? 0 : undefined;
    const stat = parseFlatKeyed(this.#read(`${cgroup}/cpu.stat`));
    this.#add(MEMORY, parseCount(this.#read(`${cgroup}/memory.current`)) ?? missing);
    this.#add(CPU, parseScaled(stat.get('usage_usec') ?? '', 6) ?? missing);
    this.#add(UPDATED, everRan ? Math.floor(time / 1000) : 0);
  }

  #add(metric: MetricDeclaration, value: number | undefined): void {
    if (value !== undefined) this.#gathering.add(metric, {}, value);
  }

  #read(path: string): string {
    return this.#attempt(() => this.#root.read(path), undefined) ?? '';
  }

  #forwards(): void {
    const text = this.#attempt(() => this.#corefile(), undefined);
    const found = text === undefined ? [] : this.#attempt(() => this.#parse(text), []);
    const none = { ip: 'unknown', block: 'none', status: text === undefined ? 'file_missing' : 'missing' };
    for (const [metric, address] of LISTENERS) {
      const own = found.filter(({ listener }) => listener === address);
      for (const { ip, block } of own) this.#gathering.add(metric, { ip, block, status: 'ok' }, 1);
      if (own.length === 0) this.#gathering.add(metric, none, 0);
    }
  }

  #corefile(): string | undefined {
    const { corefile } = this.#options;
    return this.#files.exists(corefile) ? this.#files.read(corefile) : undefined;
  }

  #parse(text: string): ForwardAddress[] {
    const { corefile: file, rootPath } = this.#options;
    const files = confine(rootPath, posix.dirname(file), MAX_COREFILE);
    return forwardsOf(parseCorefile(text, { file, files }), (path) => this.#nameservers(path));
  }

  #nameservers(path: string): readonly string[] {
    return this.#attempt(() => parseResolvConf(this.#files.read(path)).allNameservers, []);
  }

  #attempt<T, U>(run: () => T, otherwise: U): T | U {
    try {
      return run();
    } catch (error) {
      this.#troubles.push((error as Error).message);
      return otherwise;
    }
  }

  /** Says what is wrong once, until it changes. */
  #tell(): void {
    const troubles = this.#troubles.join('; ');
    if (troubles && troubles !== this.#told) this.#host.log.warn('cannot read all of localdns', { error: troubles });
    if (!troubles && this.#told) this.#host.log.info('can read all of localdns again');
    this.#told = troubles;
    if (troubles) this.#host.report('recoverable', troubles);
    else this.#host.report('ok');
  }
}
