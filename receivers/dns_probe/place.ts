import {
  type Endpoint,
  formatEndpoint,
  type Ignored,
  type Protocol,
  parseResolvConf,
  type ResolvConf,
  typeName,
} from '#dns';
import type { Asker, AskerOptions } from './asker.ts';
import { Comparer } from './comparisons.ts';
import type { Hostname, Options, Server } from './config.ts';
import { LookupTally, lookUp } from './lookups.ts';
import type { ProbeSpace } from './spaces.ts';
import { Tally } from './tally.ts';
import { judge } from './verdict.ts';

/** One question to one server in one way, and what came of it. */
export interface Probe {
  readonly server: Server;
  readonly protocol: Protocol;
  readonly hostname: Hostname;
  readonly type: number;
  readonly tally: Tally;
}

export interface PlaceListener {
  /** A question took so many seconds, answered or not. */
  onAsked(seconds: number): void;
  /** Its resolv.conf could not be read. */
  onTrouble(error: unknown): void;
}

/** A space with all that is asked from it and remembered of it. */
export class Place {
  readonly space: ProbeSpace;
  readonly #asker: Asker;
  readonly #options: Options;
  readonly #listener: PlaceListener;
  #servers: readonly Server[] = [];
  #rounds = 0;
  #probes = new Map<string, Probe>();
  #comparers = new Map<string, Comparer>();
  readonly #lookups = new Map<string, LookupTally>();

  constructor(space: ProbeSpace, asker: Asker, options: Options, listener: PlaceListener) {
    this.space = space;
    this.#asker = asker;
    this.#options = options;
    this.#listener = listener;
  }

  get servers(): readonly Server[] {
    return this.#servers;
  }
  get probes(): Iterable<Probe> {
    return this.#probes.values();
  }
  /** By the server's address and port. */
  get comparers(): ReadonlyMap<string, Comparer> {
    return this.#comparers;
  }
  /** By name. */
  get lookups(): ReadonlyMap<string, LookupTally> {
    return this.#lookups;
  }

  /** One round of everything. Resolves when all is over, also when the signal aborts; what was not asked counts as skipped. */
  async run(signal: AbortSignal): Promise<void> {
    const conf = this.#readConf();
    this.#aim(conf);
    const lanes = new Map<string, Probe[]>();
    for (const probe of this.#probes.values()) {
      const key = `${probe.protocol} ${formatEndpoint(probe.server.endpoint)}`;
      lanes.set(key, [...(lanes.get(key) ?? []), probe]);
    }
    await Promise.all([
      ...[...lanes.values()].map((lane) => this.#probeAll(lane, signal)),
      ...[...this.#comparers.values()].map((comparer) => this.#compareAll(comparer, signal)),
      this.#lookUpAll(conf, signal),
    ]);
  }

  close(): void {
    for (const comparer of this.#comparers.values()) comparer.close();
    this.#comparers.clear();
  }

  #readConf(): ResolvConf | undefined {
    const { dns_servers, resolv_conf, resolve_as } = this.#options;
    if (dns_servers.length && !resolve_as) return undefined;
    try {
      const text = this.space.resolvConf(resolv_conf);
      return text === undefined ? undefined : parseResolvConf(text);
    } catch (error) {
      this.#listener.onTrouble(error);
      return undefined;
    }
  }

  /** Makes the probes for the servers that there are now; those that were there before keep their counts. */
  #aim(conf: ResolvConf | undefined): void {
    const { dns_servers, hostnames, protocol, comparisons } = this.#options;
    const protocols: readonly Protocol[] = protocol === 'both' ? ['udp', 'tcp'] : [protocol];
    this.#servers = dns_servers.length ? dns_servers : [...new Set(conf?.nameservers)].map(serverOf);
    const before = this.#probes;
    this.#probes = new Map();
    for (const server of this.#servers) {
      for (const one of server.protocols ?? protocols) {
        for (const hostname of hostnames) {
          for (const type of hostname.types) {
            const key = `${one} ${formatEndpoint(server.endpoint)} ${typeName(type)} ${hostname.name}`;
            if (this.#probes.has(key)) continue;
            this.#probes.set(key, before.get(key) ?? { server, protocol: one, hostname, type, tally: new Tally() });
          }
        }
      }
    }
    this.#aimComparers(comparisons.length ? this.#servers : []);
  }

  #aimComparers(servers: readonly Server[]): void {
    const before = this.#comparers;
    const { hostnames, large_answer, comparison_attempts } = this.#options;
    const options = {
      name: hostnames[0]!.name,
      large: large_answer && { name: large_answer.name, type: large_answer.record_type },
      attempts: comparison_attempts,
    };
    const make = (server: Endpoint, timeout: number | undefined) =>
      new Comparer(this.#asker, { space: this.space, server }, options, this.#askOptions(timeout));
    this.#comparers = new Map(
      servers.map(({ endpoint, timeout }) => {
        const key = formatEndpoint(endpoint);
        return [key, before.get(key) ?? make(endpoint, timeout)];
      }),
    );
    for (const [key, comparer] of before) if (!this.#comparers.has(key)) comparer.close();
  }

  #askOptions(timeout = this.#options.timeout, onIgnored?: (why: Ignored) => void): AskerOptions {
    const options = this.#options;
    return {
      timeout,
      recursionDesired: options.recursion_desired,
      checkingDisabled: options.checking_disabled,
      authenticData: true,
      dnssecOk: options.dnssec_ok,
      udpSize: options.udp_size,
      randomizeCase: options.randomize_case,
      tcpOnTruncation: options.tcp_on_truncation,
      ...(onIgnored ? { onIgnored } : {}),
    };
  }

  async #probeAll(probes: readonly Probe[], signal: AbortSignal): Promise<void> {
    for (const { server, protocol, hostname, type, tally } of probes) {
      const options = this.#askOptions(server.timeout, (why) => tally.ignored.bump(why));
      const target = { space: this.space, server: server.endpoint, protocol };
      const asked = await orUndefined(
        signal,
        this.#asker.ask(target, [{ name: hostname.name, type }], options, signal),
      );
      if (!asked) {
        tally.skip();
        continue;
      }
      const [exchange] = asked as [(typeof asked)[0]];
      tally.note(exchange, judge(exchange, hostname));
      if (exchange.sent) this.#listener.onAsked(exchange.outcome.seconds);
    }
  }

  async #compareAll(comparer: Comparer, signal: AbortSignal): Promise<void> {
    for (const comparison of new Set(this.#options.comparisons)) {
      await orUndefined(signal, comparer.run(comparison, signal));
    }
  }

  async #lookUpAll(conf: ResolvConf | undefined, signal: AbortSignal): Promise<void> {
    if (!this.#options.resolve_as || !conf) return this.#lookups.clear();
    const first = conf.rotate ? this.#rounds++ % this.#servers.length : 0;
    const servers = [...this.#servers.slice(first), ...this.#servers.slice(0, first)];
    const where = { space: this.space, conf, servers };
    for (const name of new Set(this.#options.hostnames.map((one) => one.name))) {
      const tally = this.#lookups.get(name) ?? new LookupTally();
      this.#lookups.set(name, tally);
      const began = !signal.aborted;
      const ended = await orUndefined(signal, lookUp(name, where, this.#asker, this.#askOptions(), signal));
      tally.note(ended ?? (began ? { status: 'failed' } : undefined));
    }
  }
}

const serverOf = (address: string): Server => ({ endpoint: { address, port: 53 }, text: address });

/** Undefined when the signal aborted: there was no more time. */
async function orUndefined<T>(signal: AbortSignal, asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
