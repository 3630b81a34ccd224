import { hostPort } from '../address.ts';
import {
  addMeta,
  addNamespace,
  addNode,
  addService,
  type Built,
  type LabelMap,
  META,
  type Surroundings,
  sanitize,
} from './labels.ts';
import type { EndpointSlice, Port, Service, SliceEndpoint } from './objects.ts';
import { PodTargets } from './pod-targets.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';

/** prometheus/discovery/kubernetes/endpointslice.go */
export function buildEndpointSlice(slice: EndpointSlice, around: Surroundings): Built {
  const labels: LabelMap = new Map([
    [`${META}namespace`, slice.namespace],
    [`${META}endpointslice_address_type`, slice.addressType],
  ]);
  addMeta(labels, slice, 'endpointslice');
  const service = serviceOf(slice, around);
  if (service) addService(labels, service);
  addNamespace(labels, slice.namespace, around);
  if (service && isSecondary(service, slice)) return { labels, targets: [] };
  const pods = new PodTargets(around);
  const targets = slice.endpoints.flatMap((endpoint) =>
    slice.ports.flatMap((port) => endpoint.addresses.map((address) => targetOf(address, endpoint, port, pods, around))),
  );
  return { labels, targets: [...targets, ...pods.others()] };
}

function serviceOf({ namespace, labels }: EndpointSlice, { find }: Surroundings): Service | undefined {
  for (let i = 0; i < labels.length; i += 2) {
    if (labels[i] === SERVICE_NAME) return find('services', `${namespace}/${labels[i + 1]}`);
  }
  return undefined;
}

/** The slice of a dual-stack service's second address family, which holds the same endpoints once more. */
function isSecondary({ ipFamilyPolicy, ipFamilies }: Service, { addressType }: EndpointSlice): boolean {
  if (ipFamilyPolicy !== 'PreferDualStack' && ipFamilyPolicy !== 'RequireDualStack') return false;
  return ipFamilies.length > 0 && ipFamilies[0] !== addressType;
}

function targetOf(
  address: string,
  endpoint: SliceEndpoint,
  port: Port,
  pods: PodTargets,
  around: Surroundings,
): LabelMap {
  const { number } = port;
  const target: LabelMap = new Map([['__address__', number === undefined ? address : hostPort(address, number)]]);
  const set = (name: string, value: string | number | boolean | undefined) => {
    if (value !== undefined) target.set(`${META}endpointslice_${name}`, String(value));
  };
  set('port_name', port.name);
  set('port_protocol', port.protocol);
  set('port', number);
  set('port_app_protocol', port.appProtocol);
  set('endpoint_conditions_ready', endpoint.ready);
  set('endpoint_conditions_serving', endpoint.serving);
  set('endpoint_conditions_terminating', endpoint.terminating);
  set('endpoint_hostname', endpoint.hostname);
  set('address_target_kind', endpoint.target?.kind);
  set('address_target_name', endpoint.target?.name);
  set('endpoint_node_name', endpoint.node);
  set('endpoint_zone', endpoint.zone);
  for (let i = 0; i < endpoint.topology.length; i += 2) {
    const name = sanitize(endpoint.topology[i]!);
    set(`endpoint_topology_${name}`, endpoint.topology[i + 1]);
    set(`endpoint_topology_present_${name}`, true);
  }
  addNode(target, endpoint.target?.kind === 'Node' ? endpoint.target.name : endpoint.node, around);
  pods.decorate(target, endpoint.target, port);
  return target;
}
