import type { Consumer, Host } from '#component';
import { createHttpClient, type HttpClient, shownUrl } from '#http';
import { turns } from '#kit';
import { httpClientOptions, type ScrapeConfig } from '../config/config.ts';
import { createDiscover, type Discover, type Discovery, type TargetGroup } from '../discovery/discovery.ts';
import { PlanShelf } from '../exposition/exposition.ts';
import { compileRelabel } from '../relabel/relabel.ts';
import { Collector } from './collector.ts';
import { type Heritage, type Shown, shownKey } from './heritage.ts';
import { type LoopParts, TargetLoop, type Tools } from './loop.ts';
import type { ScrapeMetrics } from './metrics.ts';
import type { SharedLabels } from './naming.ts';
import { pageSources } from './page.ts';
import { createPopulate, type Populated } from './populate.ts';
import { makeReport } from './report.ts';
import type { Target } from './target.ts';

export interface JobParts {
  config: ScrapeConfig;
  host: Host;
  next: Consumer;
  metrics: ScrapeMetrics;
  externalLabels: ReadonlyMap<string, string>;
  seed: string;
  initialOffset: number;
  /** How the configuration's discoveries are made; given where several jobs share what they ask. */
  discover?: Discover;
  /** Finds more targets, besides what the configuration says. */
  discoveries?: readonly Discovery[];
  /** What there was before a reload. */
  heritage?: Heritage;
  /** Where one target's batches go, in place of `next`. */
  nextOf?(target: Target): Consumer;
}

/** The targets of one scrape configuration: finds them, and keeps a loop for each. */
export class Job {
  readonly #parts: JobParts;
  readonly #client: HttpClient;
  readonly #discoveries: { discovery: Discovery; groups: readonly TargetGroup[] }[];
  readonly #populate: (group: TargetGroup) => Populated;
  readonly #loopParts: LoopParts;
  readonly #loops = new Map<string, TargetLoop>();
  /** Loops of targets that are gone and may come back. */
  readonly #leaving = new Map<string, TargetLoop>();
  #faults = new Set<string>();
  #dropped = 0;
  #forced: Error | undefined;
  #running = false;
  #syncing: Promise<void> | undefined;
  #due = false;

  constructor(parts: JobParts) {
    const { config, host, metrics } = parts;
    this.#parts = parts;
    this.#client = createHttpClient(httpClientOptions(config.http, host.clock), host.clock);
    this.#loopParts = {
      job: config.job,
      tools: this.#toolsOf(),
      clock: host.clock,
      log: host.log,
      metrics,
      seed: parts.seed,
      initialOffset: parts.initialOffset,
      forcedError: () => this.#forced,
      inherited: (target) => parts.heritage?.take(target),
      keyOf: (target) => shownKey(target, parts.externalLabels),
    };
    const relabeler = compileRelabel(config.relabel, config.validation);
    this.#populate = createPopulate(config, (labels) => relabeler.relabel(labels));
    const found = [...(parts.discover ?? createDiscover(host))(config), ...(parts.discoveries ?? [])];
    this.#discoveries = found.map((discovery) => ({ discovery, groups: [] }));
    metrics.targets(config.job, () => ({
      active: this.#loops.size,
      down: [...this.#loops.values()].filter((loop) => loop.down).length,
      dropped: this.#dropped,
      stale: this.#stale(),
    }));
  }

  async start(): Promise<void> {
    await Promise.all(
      this.#discoveries.map((one) =>
        one.discovery.start((groups) => {
          one.groups = groups;
          if (this.#running) void this.#sync();
        }),
      ),
    );
    this.#running = true;
    await this.#sync();
  }

  /** `last`: scrape each target once more. */
  async stop(signal: AbortSignal, last: boolean): Promise<void> {
    this.#running = false;
    const loops = [...this.#loops.values()];
    await Promise.all([
      ...this.#discoveries.map(({ discovery }) => discovery.stop()),
      ...[...loops, ...this.#leaving.values()].map((loop) => loop.stop(signal)),
    ]);
    if (last) await Promise.all(loops.map((loop) => loop.scrapeLast(signal)));
    this.#client.close();
  }

  /** What its targets showed last, for who goes on with them after `stop`. */
  left(): Shown[] {
    const loops = [...this.#loops.values(), ...this.#leaving.values()];
    return loops.flatMap((loop) => loop.left() ?? []);
  }

  /** Brings the loops in line with what discovery found; once more when that changes meanwhile. */
  #sync(): Promise<void> {
    this.#due = true;
    this.#syncing ??= this.#syncAll();
    return this.#syncing;
  }

  async #syncAll(): Promise<void> {
    try {
      while (this.#due && this.#running) {
        this.#due = false;
        await this.#syncOnce();
      }
    } finally {
      this.#syncing = undefined;
    }
  }

  /** In slices: thousands of new targets are some 0.1 ms each. */
  async #syncOnce(): Promise<void> {
    const turn = turns();
    const targets = await this.#targets(turn);
    if (!this.#running) return;
    for (const [key, loop] of [...this.#loops]) {
      if (targets.has(key)) continue;
      this.#loops.delete(key);
      this.#leaving.set(key, loop);
      loop.leave(() => this.#leaving.delete(key));
    }
    this.#checkTargetLimit(targets.size);
    for (const [key, target] of targets) {
      await turn();
      if (!this.#running) return;
      if (this.#loops.has(key)) continue;
      const loop = this.#leaving.get(key) ?? new TargetLoop(target, this.#loopParts);
      this.#leaving.delete(key);
      this.#loops.set(key, loop);
      loop.start();
    }
  }

  async #targets(turn: () => Promise<void>): Promise<Map<string, Target>> {
    const all = new Map<string, Target>();
    const faults = new Set<string>();
    let dropped = 0;
    for (const group of this.#discoveries.flatMap(({ groups }) => groups)) {
      await turn();
      const populated = this.#populate(group);
      for (const target of populated.targets) all.set(target.key, target);
      for (const fault of populated.faults) faults.add(fault);
      dropped += populated.dropped;
    }
    this.#dropped = dropped;
    this.#complain(faults);
    return all;
  }

  #complain(faults: Set<string>): void {
    const { config, host, metrics } = this.#parts;
    metrics.syncFailed(config.job).add(faults.size);
    for (const fault of faults) {
      if (!this.#faults.has(fault)) host.log.error('target cannot be scraped', { job: config.job, error: fault });
    }
    this.#faults = faults;
  }

  #stale(): number | undefined {
    const asked = this.#discoveries.flatMap(({ discovery }) => discovery.stale?.() ?? []);
    return asked.length > 0 ? Math.max(...asked) : undefined;
  }

  #checkTargetLimit(count: number): void {
    const { config, host, metrics } = this.#parts;
    const limit = config.limits.targets;
    const exceeded = limit > 0 && count > limit;
    if (exceeded) {
      metrics.targetLimit.add(1);
      if (!this.#forced)
        host.log.error('target_limit exceeded; the scrapes of the job fail', {
          job: config.job,
          targets: count,
          limit,
        });
    }
    this.#forced = exceeded
      ? new Error(`target_limit exceeded (number of targets: ${count}, limit: ${limit})`)
      : undefined;
  }

  /** What a target is scraped with, as far as it can be shared by all of the job. */
  #toolsOf(): (target: Target) => Tools {
    const { config, host, next, nextOf, metrics, externalLabels } = this.#parts;
    const { clock, log, version } = host;
    const rules = config.metricRelabel;
    const relabel = rules.length > 0 ? compileRelabel(rules, config.validation).relabel : undefined;
    const source = pageSources({
      client: this.#client,
      clock,
      config,
      version,
      warn: (message, { url }) => log.warn(message, { job: config.job, target: shownUrl(url) }),
      onUnconverted: (count) => metrics.unconverted(config.job).add(count),
      shelf: new PlanShelf(),
    });
    const shared: SharedLabels = new WeakMap();
    return (target) => ({
      source: source(target),
      collector: new Collector({
        config,
        target: target.labels,
        relabel,
        externalLabels,
        resource: target.resource,
        shared,
      }),
      report: makeReport(
        target.labels,
        externalLabels,
        config.extraMetrics ? { timeout: target.timeout, sampleLimit: config.limits.samples } : undefined,
        target.resource,
      ),
      next: nextOf?.(target) ?? next,
    });
  }
}
