import { askChaos, type ChaosOptions } from '#dns';
import type { Endpoint } from '#linux';

/** What a dnsmasq tells of itself (dnsmasq(8), under CACHE). */
export interface Statistics {
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly insertions: number;
  readonly cacheSize: number;
  /** By `address#port`. */
  readonly servers: Map<string, { queries: number; failed: number }>;
}

export const COUNTS = {
  hits: 'hits.bind',
  misses: 'misses.bind',
  evictions: 'evictions.bind',
  insertions: 'insertions.bind',
  cacheSize: 'cachesize.bind',
} as const;
type Count = keyof typeof COUNTS;

/** Rejects when any of the questions has no answer, or one that is no number: half of an answer would mislead. */
export async function askStatistics(server: Endpoint, options: ChaosOptions, signal: AbortSignal): Promise<Statistics> {
  const answers = await askChaos(server, [...Object.values(COUNTS), 'servers.bind'], options, signal);
  const count = (what: Count): number => {
    const [text = ''] = answers.get(COUNTS[what]) ?? [];
    // As dnsmasq keeps them: C's int, which may have gone past its end.
    if (!/^-?\d{1,10}$/.test(text))
      throw new Error(`${COUNTS[what]} is ${JSON.stringify(text.slice(0, 100))}, not a number`);
    return Number(text) >>> 0;
  };
  return {
    hits: count('hits'),
    misses: count('misses'),
    evictions: count('evictions'),
    insertions: count('insertions'),
    cacheSize: count('cacheSize'),
    servers: parseServers(answers.get('servers.bind') ?? []),
  };
}

/** `10.0.0.10#53 QUERIES FAILED` a server; one that stands there twice, for two domains, has the sum. */
export function parseServers(texts: readonly string[]): Statistics['servers'] {
  const servers: Statistics['servers'] = new Map();
  for (const text of texts) {
    const [, server, queries, failed] = /^(\S+) (\d{1,10}) (\d{1,10})$/.exec(text) ?? [];
    if (server) addServer(servers, server, Number(queries), Number(failed));
  }
  return servers;
}

function addServer(servers: Statistics['servers'], name: string, queries: number, failed: number): void {
  const before = servers.get(name) ?? { queries: 0, failed: 0 };
  servers.set(name, { queries: before.queries + queries, failed: before.failed + failed });
}

/** The statistics of several dnsmasqs together. */
export function addStatistics(all: readonly Statistics[]): Statistics {
  const sum = (what: Count) => all.reduce((total, one) => total + one[what], 0);
  const servers: Statistics['servers'] = new Map();
  for (const one of all)
    for (const [name, { queries, failed }] of one.servers) addServer(servers, name, queries, failed);
  return {
    hits: sum('hits'),
    misses: sum('misses'),
    evictions: sum('evictions'),
    insertions: sum('insertions'),
    cacheSize: sum('cacheSize'),
    servers,
  };
}
