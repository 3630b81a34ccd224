/** What is kept of the objects of the Kubernetes API: what becomes a label, or decides whether there is a target. */
import { boolIn, listIn, mapIn, numberIn, type Pairs, pairsIn, type Raw, textIn, textsIn } from './raw.ts';

export interface KubernetesObject {
  readonly name: string;
  /** Empty for what belongs to no namespace. */
  readonly namespace: string;
  readonly version: string;
  readonly labels: Pairs;
  readonly annotations: Pairs;
}
export interface Owner {
  readonly kind: string;
  readonly name: string;
}
export interface Owned extends KubernetesObject {
  /** The owner that controls it. */
  readonly controller: Owner | undefined;
}

export interface Port {
  readonly name: string;
  readonly number: number | undefined;
  readonly protocol: string;
  readonly appProtocol: string;
}
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly id: string;
  readonly init: boolean;
  readonly ports: readonly Port[];
}
export interface Pod extends Owned {
  readonly uid: string;
  readonly node: string;
  readonly ip: string;
  readonly hostIp: string;
  readonly phase: string;
  readonly ready: string;
  /** The init containers come last. */
  readonly containers: readonly Container[];
}
export interface Node extends KubernetesObject {
  readonly providerId: string;
  readonly kubeletPort: number;
  readonly conditions: Pairs;
  readonly addresses: Pairs;
}
export interface Service extends KubernetesObject {
  readonly type: string;
  readonly clusterIp: string;
  readonly loadBalancerIp: string;
  readonly externalName: string;
  readonly ipFamilyPolicy: string;
  readonly ipFamilies: readonly string[];
  readonly ports: readonly Port[];
}
export interface Reference extends Owner {
  readonly namespace: string;
}
export interface Address {
  readonly ip: string;
  readonly hostname: string;
  readonly node: string | undefined;
  readonly target: Reference | undefined;
}
export interface Endpoints extends KubernetesObject {
  readonly subsets: readonly {
    readonly ports: readonly Port[];
    readonly ready: readonly Address[];
    readonly notReady: readonly Address[];
  }[];
}
export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly hostname: string;
  readonly node: string | undefined;
  readonly zone: string;
  readonly ready: boolean | undefined;
  readonly serving: boolean | undefined;
  readonly terminating: boolean | undefined;
  readonly target: Reference | undefined;
  readonly topology: Pairs;
}
export interface EndpointSlice extends KubernetesObject {
  readonly addressType: string;
  readonly ports: readonly Port[];
  readonly endpoints: readonly SliceEndpoint[];
}
export interface Ingress extends KubernetesObject {
  readonly className: string;
  readonly tlsHosts: readonly string[];
  /** `paths` is undefined where a rule says nothing of HTTP. */
  readonly rules: readonly { readonly host: string; readonly paths: readonly string[] | undefined }[];
}

function metaOf(raw: Raw): KubernetesObject {
  const meta = mapIn(raw.metadata);
  return {
    name: textIn(meta.name),
    namespace: textIn(meta.namespace),
    version: textIn(meta.resourceVersion),
    labels: pairsIn(meta.labels),
    annotations: pairsIn(meta.annotations),
  };
}

function ownedOf(raw: Raw): Owned {
  const owner = listIn(mapIn(raw.metadata).ownerReferences).find(({ controller }) => controller === true);
  return { ...metaOf(raw), controller: owner && { kind: textIn(owner.kind), name: textIn(owner.name) } };
}

const portOf =
  (key: string) =>
  (raw: Raw): Port => ({
    name: textIn(raw.name),
    number: numberIn(raw[key]),
    protocol: textIn(raw.protocol),
    appProtocol: textIn(raw.appProtocol),
  });

function podOf(raw: Raw): Pod {
  const [spec, status] = [mapIn(raw.spec), mapIn(raw.status)];
  const condition = listIn(status.conditions).find(({ type }) => type === 'Ready');
  return {
    ...ownedOf(raw),
    uid: textIn(mapIn(raw.metadata).uid),
    node: textIn(spec.nodeName),
    ip: textIn(status.podIP),
    hostIp: textIn(status.hostIP),
    phase: textIn(status.phase),
    ready: condition ? textIn(condition.status).toLowerCase() : 'unknown',
    containers: [
      ...containersIn(spec.containers, status.containerStatuses, false),
      ...containersIn(spec.initContainers, status.initContainerStatuses, true),
    ],
  };
}

function containersIn(specs: unknown, statuses: unknown, init: boolean): Container[] {
  const states = listIn(statuses);
  return listIn(specs).map((spec) => ({
    name: textIn(spec.name),
    image: textIn(spec.image),
    id: textIn(states.find(({ name }) => name === spec.name)?.containerID),
    init,
    ports: listIn(spec.ports).map(portOf('containerPort')),
  }));
}

function nodeOf(raw: Raw): Node {
  const status = mapIn(raw.status);
  const pairs = (list: unknown, value: string) => listIn(list).flatMap((one) => [textIn(one.type), textIn(one[value])]);
  return {
    ...metaOf(raw),
    providerId: textIn(mapIn(raw.spec).providerID),
    kubeletPort: numberIn(mapIn(mapIn(status.daemonEndpoints).kubeletEndpoint).Port) ?? 0,
    conditions: pairs(status.conditions, 'status'),
    addresses: pairs(status.addresses, 'address'),
  };
}

function serviceOf(raw: Raw): Service {
  const spec = mapIn(raw.spec);
  return {
    ...metaOf(raw),
    type: textIn(spec.type),
    clusterIp: textIn(spec.clusterIP),
    loadBalancerIp: textIn(spec.loadBalancerIP),
    externalName: textIn(spec.externalName),
    ipFamilyPolicy: textIn(spec.ipFamilyPolicy),
    ipFamilies: textsIn(spec.ipFamilies),
    ports: listIn(spec.ports).map(portOf('port')),
  };
}

function referenceIn(value: unknown): Reference | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, name, namespace } = mapIn(value);
  return { kind: textIn(kind), name: textIn(name), namespace: textIn(namespace) };
}

const addressOf = (raw: Raw): Address => ({
  ip: textIn(raw.ip),
  hostname: textIn(raw.hostname),
  node: typeof raw.nodeName === 'string' ? raw.nodeName : undefined,
  target: referenceIn(raw.targetRef),
});

function endpointsOf(raw: Raw): Endpoints {
  return {
    ...metaOf(raw),
    subsets: listIn(raw.subsets).map((subset) => ({
      ports: listIn(subset.ports).map(portOf('port')),
      ready: listIn(subset.addresses).map(addressOf),
      notReady: listIn(subset.notReadyAddresses).map(addressOf),
    })),
  };
}

function endpointSliceOf(raw: Raw): EndpointSlice {
  return {
    ...metaOf(raw),
    addressType: textIn(raw.addressType),
    ports: listIn(raw.ports).map(portOf('port')),
    endpoints: listIn(raw.endpoints).map((one) => {
      const { ready, serving, terminating } = mapIn(one.conditions);
      return {
        addresses: textsIn(one.addresses),
        hostname: textIn(one.hostname),
        node: typeof one.nodeName === 'string' ? one.nodeName : undefined,
        zone: textIn(one.zone),
        ready: boolIn(ready),
        serving: boolIn(serving),
        terminating: boolIn(terminating),
        target: referenceIn(one.targetRef),
        topology: pairsIn(one.deprecatedTopology),
      };
    }),
  };
}

function ingressOf(raw: Raw): Ingress {
  const spec = mapIn(raw.spec);
  return {
    ...metaOf(raw),
    className: textIn(spec.ingressClassName),
    tlsHosts: listIn(spec.tls).flatMap(({ hosts }) => textsIn(hosts)),
    rules: listIn(spec.rules).map(({ host, http }) => ({
      host: textIn(host),
      paths:
        http === undefined || http === null ? undefined : listIn(mapIn(http).paths).map(({ path }) => textIn(path)),
    })),
  };
}

/** A kind of object: where the API has it, and what is kept of one. */
export interface Kind<T extends KubernetesObject> {
  /** Its path, without version and namespace: `pods`. */
  readonly plural: string;
  /** `/api/v1` */
  readonly group: string;
  readonly namespaced: boolean;
  keep(raw: Raw): T;
}

export interface Kinds {
  pods: Pod;
  nodes: Node;
  namespaces: KubernetesObject;
  services: Service;
  endpoints: Endpoints;
  endpointslices: EndpointSlice;
  ingresses: Ingress;
  replicasets: Owned;
  jobs: Owned;
}
export type KindName = keyof Kinds;

function kind<T extends KubernetesObject>(
  plural: string,
  keep: (raw: Raw) => T,
  group = '/api/v1',
  namespaced = true,
): Kind<T> {
  return { plural, keep, group, namespaced };
}

/** Of those that only name an owner, nothing else is kept. */
const ownerOnly = (raw: Raw): Owned => ({ ...ownedOf(raw), labels: [], annotations: [] });

export const KINDS: { readonly [K in KindName]: Kind<Kinds[K]> } = {
  pods: kind('pods', podOf),
  nodes: kind('nodes', nodeOf, undefined, false),
  namespaces: kind('namespaces', metaOf, undefined, false),
  services: kind('services', serviceOf),
  endpoints: kind('endpoints', endpointsOf),
  endpointslices: kind('endpointslices', endpointSliceOf, '/apis/discovery.k8s.io/v1'),
  ingresses: kind('ingresses', ingressOf, '/apis/networking.k8s.io/v1'),
  replicasets: kind('replicasets', ownerOnly, '/apis/apps/v1'),
  jobs: kind('jobs', ownerOnly, '/apis/batch/v1'),
};

/** `namespace/name`, or `name` for what belongs to no namespace. */
export function keyOf({ namespace, name }: Pick<KubernetesObject, 'namespace' | 'name'>): string {
  return namespace ? `${namespace}/${name}` : name;
}
