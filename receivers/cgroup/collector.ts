import type { Counter, Host } from '#component';
import { codeOf, type Hierarchy, type HostRoot, ownerOfCgroup } from '#linux';
import type { Batch, Snapshot } from '#metrics';
import type { CgroupMetric } from './metrics.ts';
import { type Found, findCgroups, type Reading, usefulHierarchies } from './scan.ts';
import { CgroupSeries } from './series.ts';

export interface CollectorOptions {
  /** Patterns of the cgroups to read, and of those not to. */
  readonly cgroups: readonly string[];
  readonly exclude: readonly string[];
  isEnabled(metric: CgroupMetric): boolean;
}

interface Watched {
  readonly key: string;
  readonly readings: readonly Reading[];
  readonly series: CgroupSeries;
}

/** Milliseconds of reading after which everything else in the agent gets its turn. */
const SLICE = 10;

/** Reads cgroups, and remembers them from one collection to the next. */
export class CgroupCollector {
  readonly #root: HostRoot;
  readonly #host: Host;
  readonly #options: CollectorOptions;
  readonly #scraped: Counter;
  readonly #errored: Counter;
  readonly #complaints = new Set<string>();
  #watched = new Map<string, Watched>();
  #missing = '';

  constructor(root: HostRoot, host: Host, options: CollectorOptions) {
    this.#root = root;
    this.#host = host;
    this.#options = options;
    const count = (name: string, help: string) =>
      host.meter.counter(name, { help, unit: '{datapoints}', attributes: { scraper: 'cgroup' } });
    this.#scraped = count('otelcol_scraper_scraped_metric_points', 'Number of metric points successfully scraped.');
    this.#errored = count(
      'otelcol_scraper_errored_metric_points',
      'Number of metric points that were unable to be scraped.',
    );
  }

  /** One snapshot for each cgroup, all with the time of the beginning, and staleness markers for what has gone. */
  async collect(signal: AbortSignal): Promise<Batch> {
    const { clock } = this.#host;
    const time = clock.now();
    const batch: Snapshot[] = [];
    const before = this.#watched;
    const now = new Map<string, Watched>();
    const hierarchies = usefulHierarchies(this.#root);
    let sliceBegan = clock.monotonic();
    for (const found of findCgroups(this.#root, hierarchies, this.#options.cgroups, this.#options.exclude)) {
      const watched = this.#watch(found, before.get(found.path));
      this.#read(watched);
      const taken = watched.series.take(time);
      if (taken.length) now.set(found.path, watched);
      batch.push(...taken);
      if (clock.monotonic() - sliceBegan > SLICE) {
        await new Promise(setImmediate);
        signal.throwIfAborted();
        sliceBegan = clock.monotonic();
      }
    }
    for (const [path, { series }] of before) if (!now.has(path)) batch.push(...series.end(time));
    this.#watched = now;
    this.#scraped.add(batch.reduce((sum, one) => sum + one.values.length, 0));
    this.#tellWhetherThereIsAny(hierarchies, now.size);
    return batch;
  }

  #watch(found: Found, known: Watched | undefined): Watched {
    if (known?.key === found.key) return known;
    const deviceName = (device: string) => {
      const link = this.#root.link(`/sys/dev/block/${device}`);
      return link?.slice(link.lastIndexOf('/') + 1) || device;
    };
    const series =
      known?.series ??
      new CgroupSeries({ cgroup: found.path, ...ownerOfCgroup(found.path) }, this.#options.isEnabled, deviceName);
    return { key: found.key, readings: found.readings(), series };
  }

  #read({ readings, series }: Watched): void {
    for (const { folder, source } of readings) {
      try {
        const text = this.#root.read(`${folder}/${source.file}`);
        if (text === undefined) continue;
        source.read(text, series, (file) => this.#root.read(`${folder}/${file}`));
      } catch (error) {
        this.#complain(source.file, codeOf(error), 'cannot read a cgroup file', { error });
      }
      for (const found of series.takeFaults()) {
        const file = `${folder}/${source.file}`;
        this.#complain(source.file, 'malformed', 'a cgroup file has no number where one should be', { file, found });
      }
    }
  }

  /** Counted each time, but told once for each kind of file and trouble: there may be thousands of cgroups. */
  #complain(file: string, trouble: string, message: string, fields: Record<string, unknown>): void {
    this.#errored.add(1);
    const key = `${file} ${trouble}`;
    if (this.#complaints.has(key)) return;
    this.#complaints.add(key);
    this.#host.log.warn(message, fields);
  }

  /** Says so once when there is nothing to read, and once when there is again. */
  #tellWhetherThereIsAny(hierarchies: readonly Hierarchy[], count: number): void {
    const where = this.#root.path;
    const why = !hierarchies.length
      ? `there is no cgroup file system under ${where}; in a container, mount the host's /sys/fs/cgroup and set root_path`
      : count === 0
        ? `no cgroup under ${hierarchies.map((one) => one.mount).join(', ')} matches ${this.#options.cgroups.join(', ')}`
        : '';
    // Without hierarchies the status says it.
    if (why && hierarchies.length && why !== this.#missing) this.#host.log.warn(why);
    if (!why && this.#missing) this.#host.log.info('found cgroups to read', { cgroups: count });
    this.#missing = why;
    if (hierarchies.length) this.#host.report('ok');
    else this.#host.report('recoverable', why);
  }
}
