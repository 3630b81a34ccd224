import type { Clock } from '#clock';
import type { Logger } from '#component';
import type { DnsSdConfig } from '../config/discoveries.ts';
import { hostPort } from './address.ts';
import type { Discovery, TargetGroup } from './groups.ts';
import { lookUp } from './lookup.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { refreshing } from './refresh.ts';

export interface DnsDiscoveryParts {
  clock: Clock;
  log: Logger;
  metrics: DiscoveryMetrics;
  /** Default `/etc/resolv.conf` and 53. */
  resolvConf?: string;
  port?: number;
}

interface Known {
  /** The records of the last answer, joined. */
  data: string;
  group: TargetGroup;
  /** What went wrong since, said once. */
  fault?: string;
}

/**
 * Targets from DNS records (Prometheus' dns_sd_config). A name that cannot be looked up keeps the targets of its last answer;
 * one that does not exist has none.
 */
export function dnsDiscovery(config: DnsSdConfig, parts: DnsDiscoveryParts): Discovery {
  const { clock, log, metrics, resolvConf = '/etc/resolv.conf', port = 53 } = parts;
  const names = new Map<string, Known>();
  /** Names that the look under way has not heard of yet. */
  const waiting = new Set<string>();
  /** Looks take too long, and that was said. */
  let isLate = false;

  /** True when the name's targets are not what they were. */
  async function refreshOne(name: string, signal: AbortSignal): Promise<boolean> {
    const known = names.get(name);
    metrics.dnsLookups.add(1);
    waiting.add(name);
    try {
      const records = await lookUp(name, config.type, { clock, resolvConf, port }, signal);
      waiting.delete(name);
      const data = [...records].sort().join('\n');
      if (known && known.data === data && !known.fault) return false;
      names.set(name, { data, group: known?.data === data ? known.group : groupOf(name, records, config) });
      return known?.data !== data;
    } catch (error) {
      metrics.dnsFailures.add(1);
      if (signal.aborted) throw error;
      waiting.delete(name);
      const fault = (error as Error).message;
      if (known?.fault !== fault) log.error('DNS did not tell targets; the last ones stay', { name, error });
      names.set(name, { data: '', group: { source: name, targets: [], labels: new Map() }, ...known, fault });
      return false;
    }
  }

  return refreshing({
    clock,
    interval: config.refresh_interval || 30_000,
    async look(signal) {
      waiting.clear();
      const changed = await Promise.all(config.names.map((name) => refreshOne(name, signal)));
      isLate = false;
      const faults = [...names.values()].filter(({ fault }) => fault !== undefined);
      if (faults.length === names.size && !changed.includes(true)) throw new AllFailed();
      return changed.includes(true) ? [...names.values()].map(({ group }) => group) : undefined;
    },
    onError(error) {
      if (error instanceof AllFailed || isLate) return;
      isLate = true;
      log.error('DNS took longer than refresh_interval; the last targets stay', { names: [...waiting], error });
    },
  });
}

/** Each name's failure has been told already. */
class AllFailed extends Error {}

function groupOf(name: string, records: readonly string[], { type, port = 0 }: DnsSdConfig): TargetGroup {
  const targets = records.map((record) => {
    const words = record.split(' ');
    const last = words.at(-1)!;
    const labels = new Map([['__meta_dns_name', name]]);
    if (type === 'SRV') {
      labels.set('__meta_dns_srv_record_target', last).set('__meta_dns_srv_record_port', words[2]!);
    } else if (type === 'MX' || type === 'NS') labels.set(`__meta_dns_${type.toLowerCase()}_record_target`, last);
    const host = type === 'A' || type === 'AAAA' ? last : last.replace(/\.+$/, '');
    return labels.set('__address__', hostPort(host, type === 'SRV' ? words[2]! : port));
  });
  return { source: name, targets, labels: new Map() };
}
