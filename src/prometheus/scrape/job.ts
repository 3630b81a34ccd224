import type { Consumer, Host } from '#component';
import { createHttpClient, type HttpClient, shownUrl } from '#http';
import type { Labels } from '#metrics';
import { httpClientOptions, type ScrapeConfig } from '../config/config.ts';
import { type Discovery, fileDiscovery, staticDiscovery, type TargetGroup } from '../discovery/discovery.ts';
import { compileRelabel } from '../relabel/relabel.ts';
import { Collector } from './collector.ts';
import { TargetLoop } from './loop.ts';
import type { ScrapeMetrics } from './metrics.ts';
import { pageSource } from './page.ts';
import { makeReport } from './report.ts';
import { makeTarget, populateLabels, type Target } from './target.ts';

export interface JobParts {
  config: ScrapeConfig;
  host: Host;
  next: Consumer;
  metrics: ScrapeMetrics;
  externalLabels: ReadonlyMap<string, string>;
  seed: string;
  initialOffset: number;
  /** Finds more targets, besides what the configuration says. */
  discoveries?: readonly Discovery[];
  /** Where one target's batches go, in place of `next`. */
  nextOf?(target: Target): Consumer;
}

/** The targets of one scrape configuration: finds them, and keeps a loop for each. */
export class Job {
  readonly #parts: JobParts;
  readonly #client: HttpClient;
  readonly #discoveries: { discovery: Discovery; groups: readonly TargetGroup[] }[];
  readonly #relabel: (labels: Labels) => Labels | undefined;
  readonly #loops = new Map<string, TargetLoop>();
  /** Loops of targets that are gone and may come back. */
  readonly #leaving = new Map<string, TargetLoop>();
  #faults = new Set<string>();
  #dropped = 0;
  #forced: Error | undefined;
  #running = false;

  constructor(parts: JobParts) {
    const { config, host, metrics } = parts;
    const { clock, log } = host;
    this.#parts = parts;
    this.#client = createHttpClient(httpClientOptions(config.http), clock);
    const relabeler = compileRelabel(config.relabel, config.validation);
    this.#relabel = (labels) => relabeler.relabel(labels);
    const found = [
      staticDiscovery(config.groups),
      ...config.files.map((file) => fileDiscovery(file, { clock, log, readErrors: metrics.fileReadErrors })),
      ...(parts.discoveries ?? []),
    ];
    this.#discoveries = found.map((discovery) => ({ discovery, groups: [] }));
    metrics.targets(config.job, () => ({
      active: this.#loops.size,
      down: [...this.#loops.values()].filter((loop) => loop.down).length,
      dropped: this.#dropped,
    }));
  }

  async start(): Promise<void> {
    await Promise.all(
      this.#discoveries.map((one) =>
        one.discovery.start((groups) => {
          one.groups = groups;
          if (this.#running) this.#sync();
        }),
      ),
    );
    this.#running = true;
    this.#sync();
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

  /** Brings the loops in line with what discovery found. */
  #sync(): void {
    const targets = this.#targets();
    for (const [key, loop] of [...this.#loops]) {
      if (targets.has(key)) continue;
      this.#loops.delete(key);
      this.#leaving.set(key, loop);
      loop.leave(() => this.#leaving.delete(key));
    }
    this.#checkTargetLimit(targets.size);
    for (const [key, target] of targets) {
      if (this.#loops.has(key)) continue;
      const loop = this.#leaving.get(key) ?? this.#makeLoop(target);
      this.#leaving.delete(key);
      this.#loops.set(key, loop);
      loop.start();
    }
  }

  #targets(): Map<string, Target> {
    const { config, host, metrics } = this.#parts;
    const targets = new Map<string, Target>();
    const faults = new Set<string>();
    this.#dropped = 0;
    for (const { source, own, group, position } of this.#candidates()) {
      try {
        const labels = populateLabels(config, own, group, this.#relabel);
        if (!labels) this.#dropped++;
        else {
          const target = makeTarget(labels, config.params);
          targets.set(target.key, target);
        }
      } catch (error) {
        metrics.syncFailed(config.job).add(1);
        const fault = `target ${position} of ${source}: ${(error as Error).message}`;
        faults.add(fault);
        if (!this.#faults.has(fault)) host.log.error('target cannot be scraped', { job: config.job, error: fault });
      }
    }
    this.#faults = faults;
    return targets;
  }

  *#candidates() {
    for (const { groups } of this.#discoveries) {
      for (const { source, targets, labels: group } of groups) {
        for (const [position, own] of targets.entries()) yield { source, own, group, position };
      }
    }
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

  #makeLoop(target: Target): TargetLoop {
    const { config, host, next, nextOf, metrics, externalLabels, seed, initialOffset } = this.#parts;
    const { clock, log, version } = host;
    const metricRelabel = compileRelabel(config.metricRelabel, config.validation);
    return new TargetLoop({
      job: config.job,
      target,
      source: pageSource({
        client: this.#client,
        clock,
        config,
        target,
        version,
        warn: (message) => log.warn(message, { job: config.job, target: shownUrl(target.url) }),
        onUnconverted: (count) => metrics.unconverted(config.job).add(count),
      }),
      collector: new Collector({
        config,
        target: target.labels,
        relabel: (labels) => metricRelabel.relabel(labels),
        externalLabels,
        resource: target.resource,
      }),
      report: makeReport(
        target.labels,
        externalLabels,
        config.extraMetrics ? { timeout: target.timeout, sampleLimit: config.limits.samples } : undefined,
        target.resource,
      ),
      next: nextOf?.(target) ?? next,
      clock,
      log,
      metrics,
      seed,
      initialOffset,
      forcedError: () => this.#forced,
    });
  }
}
