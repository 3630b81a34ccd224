import type { Clock } from '#clock';
import type { Logger } from '#component';
import { Secret } from '#config';
import { createHash } from '#kit';
import type { KubernetesSdConfig } from '../../config/kubernetes-sd.ts';
import type { DiscoveryMetrics } from '../metrics.ts';
import { type Access, accessOf } from './access.ts';
import { type Api, createApi, type Query } from './api.ts';
import { createInformer, type Informer } from './informer.ts';
import { KINDS, type Kind, type KindName, type Kinds, type KubernetesObject } from './objects.ts';

export interface PoolParts {
  clock: Clock;
  log: Logger;
  metrics: DiscoveryMetrics;
  version: string;
  /** Where a pod finds its service account; default is the usual folder. */
  serviceAccount?: string;
}

/** One API server, asked as one client. */
export interface Cluster {
  readonly ownNamespace: string;
  /** The informer that all who want the same share. It runs until the last of them has released it. */
  acquire<K extends KindName>(kind: K, query: Query): { informer: Informer<Kinds[K]>; release(): Promise<void> };
}

/** The API servers that the discoveries of a receiver ask: what several want to know is asked for once. */
export interface Pool {
  /** Rejects with a sentence while it cannot be said how the API server is reached. */
  cluster(config: KubernetesSdConfig): Promise<Cluster>;
}

const ROLE_NAMES: Readonly<Record<KindName, string>> = {
  pods: 'pod',
  nodes: 'node',
  namespaces: 'namespace',
  services: 'service',
  endpoints: 'endpoints',
  endpointslices: 'endpointslice',
  ingresses: 'ingress',
  replicasets: 'replicaset',
  jobs: 'job',
};

export function createPool(parts: PoolParts): Pool {
  const clusters = new Map<string, Cluster>();
  return {
    async cluster(config) {
      const key = keyOf(config);
      const known = clusters.get(key);
      if (known) return known;
      const access = await accessOf(config, parts.serviceAccount);
      // Somebody else may have been faster.
      const made = clusters.get(key) ?? createCluster(access, parts);
      clusters.set(key, made);
      return made;
    },
  };
}

interface Shared {
  readonly informer: Informer<KubernetesObject>;
  readonly api: Api;
  users: number;
}

function createCluster(access: Access, { clock, log, metrics, version }: PoolParts): Cluster {
  const informers = new Map<string, Shared>();

  function start(name: KindName, query: Query): Shared {
    const api = createApi(access, clock, version);
    const informer = createInformer({
      api,
      kind: KINDS[name] as Kind<KubernetesObject>,
      query,
      clock,
      log,
      onFailure: () => metrics.kubernetesFailures.add(1),
      onChange: (change) => metrics.kubernetesEvents(ROLE_NAMES[name], change).add(1),
    });
    informer.start();
    return { informer, api, users: 0 };
  }

  return {
    ownNamespace: access.ownNamespace,
    acquire<K extends KindName>(name: K, query: Query) {
      const key = JSON.stringify([name, query.namespace, query.label, query.field]);
      const shared = informers.get(key) ?? start(name, query);
      informers.set(key, shared);
      shared.users++;
      return {
        informer: shared.informer as Informer<Kinds[K]>,
        async release() {
          if (--shared.users > 0) return;
          informers.delete(key);
          await shared.informer.stop();
          shared.api.close();
        },
      };
    },
  };
}

/** The same for configurations that ask the same API server in the same way. Not for showing: a digest of secrets, too. */
function keyOf(config: KubernetesSdConfig): string {
  const { role, selectors, attach_metadata, namespaces, ...client } = config;
  const text = JSON.stringify([client, namespaces.own_namespace], function (this: Record<string, unknown>, key, shown) {
    // Secrets have already turned into what may be shown.
    const value = this[key];
    if (value instanceof Secret) return value.reveal();
    return value instanceof Map ? [...value] : shown;
  });
  return createHash('sha256').update(text).digest('hex');
}
