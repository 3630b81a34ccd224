import { SampledGauge } from '#kit';
import type { Instance } from './instance.ts';

/**
 * The dnsmasqs of one container, or unit, in one network namespace: what lasts from one collection to the next. Times are
 * monotonic milliseconds.
 */
export class Group {
  readonly labels: Readonly<Record<string, string>>;
  /** Every parent that there is now, those among them that lost theirs. */
  instances: Instance[] = [];
  /** Those of them that answer: when one was started anew, what it left behind still ends its connections. */
  current: Instance[] = [];
  restarts = 0;
  statisticsErrors = 0;
  lastSeen = 0;
  readonly #processes = new SampledGauge();
  /** 1 while any of them has all the processes it may have. */
  readonly #isFull = new SampledGauge();
  readonly #startTicks = new Map<string, number>();
  readonly #cpu = new Map<string, number>();
  #cpuOfEnded = 0;

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  /** The instances of a new collection. */
  update(instances: Instance[], now: number): void {
    this.instances = instances;
    this.lastSeen = now;
    const newest = new Map<string, Instance>();
    for (const one of instances) {
      const other = newest.get(one.command);
      if (!other || one.startTicks >= other.startTicks) newest.set(one.command, one);
    }
    this.current = [...newest.values()];
    for (const { command, startTicks } of this.current) {
      const before = this.#startTicks.get(command);
      if (before !== undefined && startTicks > before) this.restarts++;
      this.#startTicks.set(command, startTicks);
    }
  }

  /** As the last collection listed them. */
  get processes(): number {
    return this.instances.reduce((sum, { processes }) => sum + processes, 0);
  }

  get limit(): number {
    return this.current.reduce((sum, { options }) => sum + 1 + options.maxTcpConnections, 0);
  }

  /** One look: a read of one file a dnsmasq. */
  look(now: number): void {
    let processes = 0;
    let isFull = 0;
    for (const one of this.instances) {
      const count = one.count() ?? one.processes;
      processes += count;
      if (count > one.options.maxTcpConnections) isFull = 1;
    }
    this.#processes.note(processes, now);
    this.#isFull.note(isFull, now, 1);
  }

  /** What the looks since the last call saw. */
  collectLooks(): { peak: number; atLimitSeconds: number } {
    return { peak: this.#processes.collect().peak, atLimitSeconds: this.#isFull.collect().atLimitSeconds };
  }

  /** CPU seconds of all, given those of each instance by its key. Those that ended count on, so that the total never falls. */
  cpu(now: ReadonlyMap<string, number>): number {
    for (const [key, seconds] of this.#cpu) if (!now.has(key)) this.#cpuOfEnded += seconds;
    this.#cpu.clear();
    let total = this.#cpuOfEnded;
    for (const [key, seconds] of now) {
      this.#cpu.set(key, seconds);
      total += seconds;
    }
    return total;
  }
}
