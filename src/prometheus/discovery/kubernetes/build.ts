/** What each role makes of one object (prometheus/discovery/kubernetes: pod.go, node.go, service.go, ingress.go). */
import { hostPort } from '../address.ts';
import { buildEndpoints } from './endpoints.ts';
import { buildEndpointSlice } from './endpointslice.ts';
import {
  addContainer,
  addContainerPort,
  addMeta,
  addNamespace,
  addNode,
  addPod,
  addService,
  type Built,
  type LabelMap,
  META,
  type Surroundings,
  sanitize,
} from './labels.ts';
import type { Ingress, KindName, Kinds, Node, Pod, Service } from './objects.ts';

function buildPod(pod: Pod, around: Surroundings): Built | undefined {
  // A pod has none while it starts, and after it was evicted.
  if (pod.ip === '') return undefined;
  // The selector of role node also chooses pods.
  if (around.attach.node && !around.find('nodes', pod.node)) return undefined;
  const labels: LabelMap = new Map();
  addPod(labels, pod, around);
  labels.set(`${META}namespace`, pod.namespace);
  addNode(labels, pod.node, around);
  addNamespace(labels, pod.namespace, around);
  const targets = pod.containers.flatMap((container) => {
    const target = (address: string): LabelMap => {
      const made: LabelMap = new Map([
        ['__address__', address],
        [`${META}pod_container_id`, container.id],
      ]);
      addContainer(made, container);
      return made;
    };
    // Without a port there is a target all the same, whose port relabelling may add.
    if (container.ports.length === 0) return [target(pod.ip)];
    return container.ports.map((port) => {
      const made = target(hostPort(pod.ip, port.number ?? 0));
      addContainerPort(made, port);
      return made;
    });
  });
  return { labels, targets };
}

const ADDRESS_TYPES = ['InternalIP', 'InternalDNS', 'ExternalIP', 'ExternalDNS', 'LegacyHostIP', 'Hostname'];

function buildNode(node: Node): Built | undefined {
  const labels: LabelMap = new Map([[`${META}node_provider_id`, node.providerId]]);
  for (let i = 0; i < node.conditions.length; i += 2) {
    const name = sanitize(node.conditions[i]!.toLowerCase());
    labels.set(`${META}node_condition_${name}`, node.conditions[i + 1]!.toLowerCase());
  }
  addMeta(labels, node, 'node');
  // The first of each type.
  const addresses = new Map<string, string>();
  for (let i = 0; i < node.addresses.length; i += 2) {
    const type = node.addresses[i]!;
    if (!addresses.has(type)) addresses.set(type, node.addresses[i + 1]!);
  }
  const type = ADDRESS_TYPES.find((one) => addresses.has(one));
  if (type === undefined) return undefined;
  const target: LabelMap = new Map([
    ['__address__', hostPort(addresses.get(type)!, node.kubeletPort)],
    ['instance', node.name],
  ]);
  for (const [name, address] of addresses) target.set(sanitize(`${META}node_address_${name}`), address);
  return { labels, targets: [target] };
}

function buildService(service: Service, around: Surroundings): Built {
  const labels: LabelMap = new Map();
  addService(labels, service);
  addNamespace(labels, service.namespace, around);
  const { name, namespace, type } = service;
  const targets = service.ports.map((port): LabelMap => {
    const number = String(port.number ?? 0);
    const target: LabelMap = new Map([
      ['__address__', hostPort(`${name}.${namespace}.svc`, number)],
      [`${META}service_port_name`, port.name],
      [`${META}service_port_number`, number],
      [`${META}service_port_protocol`, port.protocol],
      [`${META}service_type`, type],
    ]);
    if (type === 'ExternalName') target.set(`${META}service_external_name`, service.externalName);
    else target.set(`${META}service_cluster_ip`, service.clusterIp);
    if (type === 'LoadBalancer') target.set(`${META}service_loadbalancer_ip`, service.loadBalancerIp);
    return target;
  });
  return { labels, targets };
}

function buildIngress(ingress: Ingress, around: Surroundings): Built {
  const labels: LabelMap = new Map([
    [`${META}namespace`, ingress.namespace],
    [`${META}ingress_class_name`, ingress.className],
  ]);
  addMeta(labels, ingress, 'ingress');
  addNamespace(labels, ingress.namespace, around);
  const targets = ingress.rules.flatMap(({ host, paths = ['/'] }) => {
    const scheme = ingress.tlsHosts.some((pattern) => matchesHost(pattern, host)) ? 'https' : 'http';
    return paths.map(
      (path): LabelMap =>
        new Map([
          ['__address__', host],
          [`${META}ingress_scheme`, scheme],
          [`${META}ingress_host`, host],
          [`${META}ingress_path`, path || '/'],
        ]),
    );
  });
  return { labels, targets };
}

/** Equal, or alike but for a `*` in front. */
function matchesHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  const [want, got] = [pattern.split('.'), host.split('.')];
  return want[0] === '*' && want.length === got.length && want.every((part, i) => i === 0 || part === got[i]);
}

/** A role of kubernetes_sd_configs: the kind of its objects, and what it makes of one; undefined: no target. */
export interface Role<K extends KindName = KindName> {
  readonly kind: K;
  build(object: Kinds[K], around: Surroundings): Built | undefined;
}

const role = <K extends KindName>(kind: K, build: Role<K>['build']): Role => ({ kind, build }) as unknown as Role;

export const ROLES: Readonly<Record<string, Role>> = {
  pod: role('pods', buildPod),
  node: role('nodes', buildNode),
  service: role('services', buildService),
  endpoints: role('endpoints', buildEndpoints),
  endpointslice: role('endpointslices', buildEndpointSlice),
  ingress: role('ingresses', buildIngress),
};
