import { labelsOf, type Resource } from '#metrics';

/** How the Collector's prometheus receiver names what Kubernetes discovery found; what stands later wins. */
const ATTRIBUTES: readonly (readonly [label: string, attribute: string])[] = [
  ['pod_name', 'k8s.pod.name'],
  ['pod_uid', 'k8s.pod.uid'],
  ['pod_container_name', 'k8s.container.name'],
  ['namespace', 'k8s.namespace.name'],
  ['pod_node_name', 'k8s.node.name'],
  ['node_name', 'k8s.node.name'],
  ['endpoint_node_name', 'k8s.node.name'],
];
const CONTROLLERS: ReadonlyMap<string, string> = new Map([
  ['ReplicaSet', 'k8s.replicaset.name'],
  ['DaemonSet', 'k8s.daemonset.name'],
  ['StatefulSet', 'k8s.statefulset.name'],
  ['Job', 'k8s.job.name'],
  ['CronJob', 'k8s.cronjob.name'],
]);

const resourceOf = (attributes: Record<string, string>): Resource =>
  Object.freeze({ attributes: labelsOf(attributes) });
// One object each: what is derived from a resource is kept by its identity.
const SCHEMES: Readonly<Record<string, string>> = { 'http:': 'http', 'https:': 'https' };
const PLAIN: Readonly<Record<string, Resource>> = {
  'http:': resourceOf({ 'url.scheme': 'http' }),
  'https:': resourceOf({ 'url.scheme': 'https' }),
};

/** What no label of the target's series tells: its scheme, and where it runs in Kubernetes, from what discovery said. */
export function targetResource(protocol: string, discovered: (label: string) => string | undefined): Resource {
  const found: Record<string, string> = {};
  const meta = (name: string) => discovered(`__meta_kubernetes_${name}`);
  for (const [label, attribute] of ATTRIBUTES) {
    const value = meta(label);
    if (value) found[attribute] = value;
  }
  const controller = CONTROLLERS.get(meta('pod_controller_kind') ?? '');
  const name = meta('pod_controller_name');
  if (controller && name) found[controller] = name;
  const plain = PLAIN[protocol]!;
  return Object.keys(found).length === 0 ? plain : resourceOf({ ...found, 'url.scheme': SCHEMES[protocol]! });
}
