import type { Counter, Host } from '#component';
import { Gathering } from '#kit';
import { codeOf, type HostRoot } from '#linux';
import { type Batch, pointCount } from '#metrics';
import type { Group } from './group.ts';
import type { Instance } from './instance.ts';
import { KubeDnsCounters } from './kube-dns.ts';
import { reportPorts, reportProcesses, reportStatistics, reportUsage } from './report.ts';
import { Roster } from './roster.ts';
import { addressToAsk, type PortReading, readPort } from './sockets.ts';
import { addStatistics, askStatistics, type Statistics } from './statistics.ts';

export interface CollectorOptions {
  /** Instead of the port that each dnsmasq was told. */
  readonly port: number | undefined;
  readonly isSampled: boolean;
  readonly asksStatistics: boolean;
  /** Milliseconds for one question. */
  readonly queryTimeout: number;
  readonly kubeDnsNames: boolean;
}

type Ports = Map<Instance, PortReading>;

/** Reads every dnsmasq, and asks those that it can reach. */
export class DnsmasqCollector {
  readonly #root: HostRoot;
  readonly #host: Host;
  readonly #options: CollectorOptions;
  readonly #roster: Roster;
  readonly #gathering = new Gathering();
  readonly #kubeDns = new KubeDnsCounters();
  readonly #scraped: Counter;
  readonly #errored: Counter;
  readonly #complaints = new Set<string>();

  /** `own` is the file system that this process itself is in. */
  constructor(root: HostRoot, own: HostRoot, host: Host, options: CollectorOptions) {
    this.#root = root;
    this.#host = host;
    this.#options = options;
    this.#roster = new Roster(root, own, host, (pid, error) => this.#complain('read a dnsmasq', error, { pid }));
    const count = (name: string, help: string) =>
      host.meter.counter(name, { help, unit: '{datapoints}', attributes: { scraper: 'dnsmasq' } });
    this.#scraped = count('otelcol_scraper_scraped_metric_points', 'Number of metric points successfully scraped.');
    this.#errored = count(
      'otelcol_scraper_errored_metric_points',
      'Number of metric points that were unable to be scraped.',
    );
  }

  /** Did the last collection find any? */
  get isWatching(): boolean {
    return this.#roster.groups.length > 0;
  }

  /** One look between collections: a read of one small file for each dnsmasq. */
  look(now: number): void {
    this.#roster.look(now);
  }

  async collect(signal: AbortSignal): Promise<Batch> {
    const { clock } = this.#host;
    const time = clock.now();
    await this.#roster.update(signal);
    this.#roster.look(clock.monotonic());
    const asked: (Statistics | undefined)[] = [];
    for (const group of this.#roster.groups) {
      reportProcesses(this.#gathering, group, this.#options.isSampled);
      this.#attempt(group, () => reportUsage(this.#gathering, this.#root, group));
      const ports = this.#portsOf(group);
      reportPorts(this.#gathering, group, [...ports.values()]);
      asked.push(...(await this.#statisticsOf(group, ports, signal)));
    }
    if (this.#options.kubeDnsNames) {
      this.#kubeDns.update(sumOf(asked));
      this.#kubeDns.report(this.#gathering);
    }
    const batch = this.#gathering.finish(time);
    this.#scraped.add(pointCount(batch));
    return batch;
  }

  close(): void {
    this.#roster.close();
  }

  #portsOf(group: Group): Ports {
    const ports: Ports = new Map();
    for (const one of group.current) {
      const port = this.#options.port ?? one.options.port;
      if (port === 0) continue;
      const reading = this.#attempt(group, () => readPort(this.#root, one.pid, port));
      if (reading) ports.set(one, reading);
    }
    return ports;
  }

  /**
   * What those in our own network namespace tell of themselves: an entry for each, undefined when it did not answer. Their
   * sum counts only when all of them did.
   */
  async #statisticsOf(group: Group, ports: Ports, signal: AbortSignal): Promise<(Statistics | undefined)[]> {
    const { asksStatistics, queryTimeout: timeout } = this.#options;
    const asked: (Statistics | undefined)[] = [];
    for (const [{ isReachable }, reading] of ports) {
      const server = isReachable && asksStatistics ? addressToAsk(reading) : undefined;
      if (!server) continue;
      try {
        asked.push(await askStatistics(server, { clock: this.#host.clock, timeout }, signal));
      } catch (error) {
        signal.throwIfAborted();
        group.statisticsErrors++;
        asked.push(undefined);
        this.#complain('ask dnsmasq for its statistics', error, group.labels);
      }
    }
    if (asked.length) reportStatistics(this.#gathering, group, sumOf(asked));
    return asked;
  }

  #attempt<T>({ labels }: Group, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.#complain('read a dnsmasq', error, labels);
      return undefined;
    }
  }

  /** Counted each time, but told once for each kind of trouble. */
  #complain(what: string, error: unknown, fields: Record<string, unknown>): void {
    this.#errored.add(1);
    const key = `${what} ${codeOf(error)}`;
    if (this.#complaints.has(key)) return;
    this.#complaints.add(key);
    this.#host.log.warn(`cannot ${what}`, { ...fields, error });
  }
}

/** Undefined when one of them did not answer, or none was asked. */
function sumOf(asked: readonly (Statistics | undefined)[]): Statistics | undefined {
  const answers = asked.filter((one) => one !== undefined);
  return answers.length && answers.length === asked.length ? addStatistics(answers) : undefined;
}
