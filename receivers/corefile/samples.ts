import {
  type Cache,
  type CacheHalf,
  type Corefile,
  type Forward,
  readBind,
  readCache,
  readForwards,
  type ServerBlock,
  serverAddresses,
  type Upstream,
} from '#dns';
import { type CorefileMetric, METRICS } from './metrics.ts';

export interface Sample {
  readonly metric: CorefileMetric;
  /** One for each of the metric's labels. */
  readonly labels: readonly string[];
  readonly value: number;
}

/** The nameservers that a resolv.conf names, or why there are none. */
export type Nameservers = (file: string) => readonly string[] | { readonly reason: string };

type Put = (metric: CorefileMetric, value: number | undefined, ...labels: string[]) => void;

/**
 * What a Corefile says, as samples; `corefile` is its path for the label. The same series is given once: where CoreDNS has two of
 * a thing, such as two forwards of one zone, the first one works.
 */
export function samplesOf(corefile: string, { blocks }: Corefile, nameservers: Nameservers): Sample[] {
  const samples = new Map<string, Sample>();
  const seen = new Map<string, number>();
  for (const block of blocks) {
    const bind = readBind(block);
    const own = [corefile, uniqueName(block, bind.join(' '), seen), bind.join(' ')];
    putBlock(block, bind, nameservers, (metric, value, ...more) => {
      if (value === undefined) return;
      const labels = [...own, ...more];
      const key = [metric.name, ...labels].join('\0');
      if (!samples.has(key)) samples.set(key, { metric, labels, value });
    });
  }
  return [{ metric: METRICS.blocks, labels: [corefile], value: blocks.length }, ...samples.values()];
}

/** Blocks may differ in nothing but their `view`: from the second on, such a one has its number behind its name. */
function uniqueName({ keys }: ServerBlock, bind: string, seen: Map<string, number>): string {
  const name = keys.join(' ');
  const id = `${name}\0${bind}`;
  const nth = (seen.get(id) ?? 0) + 1;
  seen.set(id, nth);
  return nth === 1 ? name : `${name} #${nth}`;
}

function putBlock(block: ServerBlock, bind: readonly string[], nameservers: Nameservers, put: Put): void {
  for (const key of block.keys) {
    for (const { transport, zone, port } of serverAddresses(key)) put(METRICS.server, 1, transport, zone, port);
  }
  for (const address of bind) put(METRICS.bind, 1, address);
  for (const plugin of block.directives.keys()) put(METRICS.plugin, 1, plugin);
  for (const forward of readForwards(block)) putForward(forward, nameservers, put);
  const cache = readCache(block);
  if (cache) putCache(cache, put);
}

function putForward(forward: Forward, nameservers: Nameservers, put: Put): void {
  const { from } = forward;
  let upstreams = 0;
  for (const upstream of forward.upstreams) upstreams += putUpstream(from, upstream, nameservers, put);
  put(METRICS.upstreams, upstreams, from);
  put(METRICS.policy, 1, from, forward.policy);
  for (const zone of forward.except) put(METRICS.except, 1, from, zone);
  put(METRICS.expire, inSeconds(forward.expire), from);
  put(METRICS.readTimeout, inSeconds(forward.readTimeout), from);
  put(METRICS.maxConcurrent, forward.maxConcurrent || undefined, from);
  put(METRICS.forceTcp, Number(forward.forceTcp), from);
  put(METRICS.preferUdp, Number(forward.preferUdp), from);
  put(METRICS.healthCheck, inSeconds(forward.healthCheck), from);
  put(METRICS.maxFails, forward.maxFails, from);
  put(METRICS.failfast, Number(forward.failfast), from);
}

/** How many servers it stands for. */
function putUpstream(from: string, upstream: Upstream, nameservers: Nameservers, put: Put): number {
  const { to, transport, kind, host, port, serverName } = upstream;
  if (kind === 'address') {
    put(METRICS.upstream, 1, from, to, transport, host, port, serverName);
    return 1;
  }
  const servers = kind === 'file' ? nameservers(host) : { reason: 'is a name' };
  if ('reason' in servers) {
    put(METRICS.unresolved, 1, from, to, servers.reason);
    return 0;
  }
  // CoreDNS asks what a file names by plain DNS, whatever scheme stands before the file.
  for (const address of servers) put(METRICS.upstream, 1, from, to, 'dns', address, '53', '');
  return servers.length;
}

function putCache(cache: Cache, put: Put): void {
  putHalf('success', cache.success, put);
  putHalf('denial', cache.denial, put);
  put(METRICS.cacheServfail, inSeconds(cache.servfail));
  if (cache.serveStale) put(METRICS.cacheStale, inSeconds(cache.serveStale.duration), cache.serveStale.mode);
  put(METRICS.cachePrefetch, cache.prefetch?.amount || undefined);
}

function putHalf(type: string, { capacity, maxTtl, minTtl }: CacheHalf, put: Put): void {
  put(METRICS.cacheCapacity, capacity, type);
  put(METRICS.cacheMaxTtl, inSeconds(maxTtl), type);
  put(METRICS.cacheMinTtl, inSeconds(minTtl), type);
}

const inSeconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000);
