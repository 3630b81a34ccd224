/** Kubernetes discovery against a fake API server. */
import { parse } from '#config';
import { type Discovery, type PrometheusConfig, prometheusConfig, type TargetGroup } from '#prometheus';
import { createPool, kubernetesDiscovery, type Pool } from '../../src/prometheus/discovery/kubernetes/kubernetes.ts';
import { discoveryMetrics } from '../../src/prometheus/discovery/metrics.ts';
import { FakeClock } from './clock.ts';
import { type FakeHost, fakeHost } from './host.ts';
import { type ApiObject, FakeKubernetes, type Meta } from './kubernetes-api.ts';

const stops: (() => Promise<void>)[] = [];

/** For afterEach. */
export async function stopKubernetes(): Promise<void> {
  await Promise.all(stops.splice(0).map((stop) => stop()));
}

export async function fakeKubernetes(): Promise<FakeKubernetes> {
  return new FakeKubernetes().start();
}

export interface Discovered {
  host: FakeHost;
  clock: FakeClock;
  discovery: Discovery;
  pool: Pool;
  /** The groups of each update, the labels of a group and its targets joined. */
  updates: Record<string, string>[][];
  /** Those of the last one. */
  targets(): Record<string, string>[];
  addresses(): string[];
  /** Lets time pass in steps, with turns for real answers in between, until something holds. */
  until(holds: () => boolean, step?: number): Promise<void>;
}

interface Options {
  clock?: FakeClock;
  host?: FakeHost;
  serviceAccount?: string;
  /** Of another discovery, to share what it asks. */
  pool?: Pool;
}

/** `config` is a kubernetes_sd_config. */
export async function discoverKubernetes(config: object, options: Options = {}): Promise<Discovered> {
  const clock = options.clock ?? options.host?.clock ?? new FakeClock();
  const host = options.host ?? fakeHost('receiver', 'prometheus', clock);
  const { scrapes }: PrometheusConfig = parse(prometheusConfig, {
    scrape_configs: [{ job_name: 'x', kubernetes_sd_configs: [config] }],
  });
  const { log, version } = host;
  const { serviceAccount } = options;
  const metrics = discoveryMetrics(host.meter);
  const pool =
    options.pool ?? createPool({ clock, log, version, metrics, ...(serviceAccount ? { serviceAccount } : {}) });
  const discovery = kubernetesDiscovery(scrapes[0]!.kubernetesSd[0]!, { clock, log, pool });
  stops.push(() => discovery.stop());
  const updates: Record<string, string>[][] = [];
  await discovery.start((groups) => updates.push(groups.flatMap(joined)));
  const targets = () => updates.at(-1) ?? [];
  return {
    host,
    clock,
    discovery,
    pool,
    updates,
    targets,
    addresses: () => targets().map((labels) => labels.__address__!),
    async until(holds, step = 10) {
      const end = performance.now() + 10_000;
      while (!holds()) {
        if (performance.now() > end) throw new Error(`still not so after 10 s: ${holds}`);
        await clock.advance(step);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
  };
}

function joined({ targets, labels }: TargetGroup): Record<string, string>[] {
  return targets.map((own) => Object.fromEntries([...labels, ...own].filter(([, value]) => value !== '').sort()));
}

/** A running pod with one container and one port. */
export function pod(
  name: string,
  ip: string | null,
  meta: Meta = {},
  more: { node?: string; port?: number } = {},
): ApiObject {
  const { node = 'node-1', port = 9153 } = more;
  const { namespace = 'kube-system' } = meta;
  return {
    metadata: { uid: `uid-${name}`, ...meta, name, namespace },
    spec: {
      nodeName: node,
      containers: [
        { name: 'main', image: 'image:1', ports: [{ name: 'metrics', containerPort: port, protocol: 'TCP' }] },
      ],
    },
    status: {
      phase: ip === null ? 'Pending' : 'Running',
      podIP: ip,
      hostIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}
