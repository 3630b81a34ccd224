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
} from './labels.ts';
import { type Address, type Endpoints, keyOf, type Port } from './objects.ts';
import { PodTargets } from './pod-targets.ts';

/** prometheus/discovery/kubernetes/endpoints.go */
export function buildEndpoints(endpoints: Endpoints, around: Surroundings): Built {
  const labels: LabelMap = new Map([[`${META}namespace`, endpoints.namespace]]);
  const service = around.find('services', keyOf(endpoints));
  if (service) addService(labels, service);
  addMeta(labels, endpoints, 'endpoints');
  addNamespace(labels, endpoints.namespace, around);
  const pods = new PodTargets(around);
  const targets = endpoints.subsets.flatMap(({ ports, ready, notReady }) =>
    ports.flatMap((port) => [
      ...ready.map((address) => targetOf(address, port, true, pods, around)),
      ...notReady.map((address) => targetOf(address, port, false, pods, around)),
    ]),
  );
  return { labels, targets: [...targets, ...pods.others()] };
}

function targetOf(
  { ip, hostname, node, target: reference }: Address,
  port: Port,
  ready: boolean,
  pods: PodTargets,
  around: Surroundings,
): LabelMap {
  const known = { ...port, number: port.number ?? 0 };
  const target: LabelMap = new Map([['__address__', hostPort(ip, known.number)]]);
  const set = (name: string, value: string) => target.set(`${META}endpoint_${name}`, value);
  set('port_name', port.name);
  set('port_protocol', port.protocol);
  set('ready', String(ready));
  if (reference) {
    set('address_target_kind', reference.kind);
    set('address_target_name', reference.name);
  }
  if (node !== undefined) set('node_name', node);
  set('hostname', hostname);
  addNode(target, node ?? (reference?.kind === 'Node' ? reference.name : undefined), around);
  pods.decorate(target, reference, known, port.protocol);
  return target;
}
