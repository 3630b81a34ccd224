import { type Clock, sleep } from '#clock';
import type { Logger } from '#component';
import { createComplaints } from '#queue';
import type { KubernetesRole, KubernetesSdConfig } from '../../config/kubernetes-sd.ts';
import type { Discovery, TargetGroup } from '../groups.ts';
import { createBackoff } from './backoff.ts';
import { ROLES } from './build.ts';
import { type GroupSource, trackedGroups } from './groups.ts';
import type { Informer } from './informer.ts';
import type { KindName, KubernetesObject } from './objects.ts';
import type { Cluster, Pool } from './pool.ts';

export { narrowed } from './narrow.ts';
export { createPool, type Pool } from './pool.ts';

export interface KubernetesDiscoveryParts {
  clock: Clock;
  log: Logger;
  pool: Pool;
}

/** Changes are gathered for so long: a rollout comes as hundreds of them. Milliseconds. */
const SETTLE = 1000;

/**
 * Targets from the objects of the Kubernetes API (Prometheus' kubernetes_sd_config): listed once, then watched. Until
 * everything that a role needs is listed there is no target; from then on, what is known stays while the API cannot be asked.
 */
export function kubernetesDiscovery(
  config: KubernetesSdConfig,
  { clock, log, pool }: KubernetesDiscoveryParts,
): Discovery {
  const stopping = new AbortController();
  const { signal } = stopping;
  const complain = createComplaints(clock, (message, fields) => log.error(message, fields));
  let held: { informer: Informer<KubernetesObject>; release(): Promise<void>; leave(): void }[] = [];
  let update: (groups: readonly TargetGroup[]) => void = () => {};
  let groups: GroupSource | undefined;
  let cancel: (() => void) | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  let startedAt = clock.monotonic();
  let connecting = Promise.resolve();

  async function connect(): Promise<void> {
    const backoff = createBackoff();
    while (!signal.aborted) {
      try {
        const cluster = await pool.cluster(config);
        if (!signal.aborted) begin(cluster);
        return;
      } catch (error) {
        complain(String((error as Error).message), 'cannot discover targets in Kubernetes', { error });
      }
      await sleep(clock, backoff.next(), signal).catch(() => {});
    }
  }

  function begin(cluster: Cluster): void {
    const informers = new Map<KindName, Informer<KubernetesObject>[]>();
    const source = trackedGroups(config, informers);
    groups = source;
    held = wanted(config, cluster.ownNamespace).map(({ kind, query }) => {
      const { informer, release } = cluster.acquire(kind, query);
      informers.set(kind, [...(informers.get(kind) ?? []), informer]);
      const leave = informer.subscribe((key) => {
        if (key === undefined) source.refresh();
        else source.changed(kind, key);
        soon();
      });
      return { informer, release, leave };
    });
    // Another job may have listed it all before.
    source.refresh();
    soon();
  }

  function soon(): void {
    if (cancel || signal.aborted || held.some(({ informer }) => !informer.synced)) return;
    cancel = clock.after(Math.max(0, toldAt + SETTLE - clock.monotonic()), tell);
  }

  function tell(): void {
    cancel = undefined;
    toldAt = clock.monotonic();
    const all = groups?.take();
    if (all) update(all);
  }

  return {
    async start(receive) {
      update = receive;
      startedAt = clock.monotonic();
      connecting = connect();
    },
    async stop() {
      stopping.abort(new Error('stopping'));
      cancel?.();
      await connecting;
      for (const { leave } of held) leave();
      await Promise.all(held.map(({ release }) => release()));
      held = [];
    },
    stale() {
      if (held.length === 0) return clock.monotonic() - startedAt;
      return Math.max(...held.map(({ informer }) => informer.stale()));
    },
  };
}

const KIND_OF: Readonly<Record<KubernetesRole, KindName>> = {
  pod: 'pods',
  node: 'nodes',
  service: 'services',
  endpoints: 'endpoints',
  endpointslice: 'endpointslices',
  ingress: 'ingresses',
};

/** What has to be listed and watched, and nothing else: each asks for rights, and for room. */
function wanted(config: KubernetesSdConfig, ownNamespace: string) {
  const { role, attach_metadata: attach, namespaces } = config;
  const names = [...new Set([...namespaces.names, ...(ownNamespace ? [ownNamespace] : [])])];
  const selected = new Map(config.selectors.map((one) => [KIND_OF[one.role], one]));
  const query = (kind: KindName, namespace = '') => {
    const { label = '', field = '' } = selected.get(kind) ?? {};
    return { kind, query: { namespace, label, field } };
  };
  const ofNode = attach.node && ['pod', 'endpoints', 'endpointslice'].includes(role);
  const withPods = ['pod', 'endpoints', 'endpointslice'].includes(role);
  const inEach: KindName[] = [
    ...(role === 'node' ? [] : [ROLES[role]!.kind]),
    ...(role === 'endpoints' || role === 'endpointslice' ? (['services', 'pods'] as const) : []),
    ...(withPods && attach.deployment ? (['replicasets'] as const) : []),
    ...(withPods && attach.cronjob ? (['jobs'] as const) : []),
  ];
  const spaces = names.length > 0 ? names : [''];
  return [
    ...(role === 'node' || ofNode ? [query('nodes')] : []),
    ...spaces.flatMap((namespace) => inEach.map((kind) => query(kind, namespace))),
    ...(role !== 'node' && attach.namespace ? spaces.map(namespaceQuery) : []),
  ];
}

function namespaceQuery(name: string) {
  const field = name ? `metadata.name=${name}` : '';
  return { kind: 'namespaces', query: { namespace: '', label: '', field } } as const;
}
