import type { Host } from '#component';
import type { ScrapeConfig } from '../config/config.ts';
import type { KubernetesSdConfig } from '../config/kubernetes-sd.ts';
import type { RelabelConfig } from '../relabel/relabel.ts';
import { fileDiscovery } from './file.ts';
import type { Discovery } from './groups.ts';
import type { Pool } from './kubernetes/kubernetes.ts';
import { discoveryMetrics } from './metrics.ts';
import { staticDiscovery } from './static.ts';

/** Makes the discoveries of scrape configurations. */
export type Discover = (config: ScrapeConfig) => Discovery[];

/** For all jobs of one receiver: what they ask the same Kubernetes API server for is asked once. */
export function createDiscover(host: Host): Discover {
  const { clock, log, version } = host;
  const metrics = discoveryMetrics(host.meter);
  const parts = { clock, log, metrics, version };
  let pool: Pool | undefined;
  const kubernetes = (config: KubernetesSdConfig, rules: readonly RelabelConfig[]) =>
    late(async () => {
      const { createPool, kubernetesDiscovery, narrowed } = await import('./kubernetes/kubernetes.ts');
      pool ??= createPool(parts);
      return kubernetesDiscovery(narrowed(config, rules), { clock, log, pool });
    });
  return ({ groups, files, dnsSd, httpSd, kubernetesSd, relabel }) => [
    staticDiscovery(groups),
    ...files.map((config) => fileDiscovery(config, { clock, log, readErrors: metrics.fileReadErrors })),
    ...dnsSd.map((config) => late(async () => (await import('./dns.ts')).dnsDiscovery(config, parts))),
    ...httpSd.map((config) => late(async () => (await import('./http.ts')).httpDiscovery(config, parts))),
    ...kubernetesSd.map((config) => kubernetes(config, relabel)),
  ];
}

/** A discovery that is loaded when it starts: only what the configuration names is. */
function late(load: () => Promise<Discovery>): Discovery {
  let loaded: Discovery | undefined;
  let stopped = false;
  return {
    async start(update) {
      const made = await load();
      if (stopped) return;
      loaded = made;
      await made.start(update);
    },
    async stop() {
      stopped = true;
      await loaded?.stop();
    },
    stale: () => loaded?.stale?.() ?? 0,
  };
}
