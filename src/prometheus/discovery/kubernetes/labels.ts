/** The `__meta_kubernetes_…` labels that several roles share (prometheus/discovery/kubernetes, 3.x). */
import type { Container, KindName, Kinds, KubernetesObject, Pod, Port } from './objects.ts';
import type { Pairs } from './raw.ts';

export const META = '__meta_kubernetes_';
export type LabelMap = Map<string, string>;

/** Which metadata of others the configuration wants on targets. */
export interface Attach {
  readonly node: boolean;
  readonly namespace: boolean;
  readonly deployment: boolean;
  readonly job: boolean;
  readonly cronjob: boolean;
}

/** What a role looks at besides its own object. What it looked for, found or not, makes the object's targets again when it changes. */
export interface Surroundings {
  readonly attach: Attach;
  find<K extends KindName>(kind: K, key: string): Kinds[K] | undefined;
}

/** What becomes of one object: the labels of all of its targets, and the targets. */
export interface Built {
  readonly labels: LabelMap;
  readonly targets: LabelMap[];
}

const sanitized = new Map<string, string>();
/** Names are few and come again with every object; hostile ones may be many. */
const MAX_NAMES = 10_000;

/** A name made fit for a label's: all but letters, digits and underscores turns into underscores. */
export function sanitize(name: string): string {
  const known = sanitized.get(name);
  if (known !== undefined) return known;
  // By characters, not by UTF-16 units, as Go counts.
  const made = name.replace(/[^a-zA-Z0-9_]/gu, '_');
  if (sanitized.size >= MAX_NAMES) sanitized.clear();
  sanitized.set(name, made);
  return made;
}

export function addMeta(labels: LabelMap, { name, labels: own, annotations }: KubernetesObject, role: string): void {
  labels.set(`${META}${role}_name`, name);
  addPairs(labels, own, `${META}${role}_label`);
  addPairs(labels, annotations, `${META}${role}_annotation`);
}

function addPairs(labels: LabelMap, pairs: Pairs, prefix: string): void {
  for (let i = 0; i < pairs.length; i += 2) {
    const name = sanitize(pairs[i]!);
    labels.set(`${prefix}_${name}`, pairs[i + 1]!);
    labels.set(`${prefix}present_${name}`, 'true');
  }
}

export function addNode(labels: LabelMap, name: string | undefined, { attach, find }: Surroundings): void {
  if (!attach.node || name === undefined) return;
  const node = find('nodes', name);
  if (node) addMeta(labels, node, 'node');
}

/** The namespace's own labels and annotations; its name is there anyway. */
export function addNamespace(labels: LabelMap, name: string, { attach, find }: Surroundings): void {
  const namespace = attach.namespace ? find('namespaces', name) : undefined;
  if (!namespace) return;
  addPairs(labels, namespace.labels, `${META}namespace_label`);
  addPairs(labels, namespace.annotations, `${META}namespace_annotation`);
}

export function addService(labels: LabelMap, service: KubernetesObject): void {
  labels.set(`${META}namespace`, service.namespace);
  addMeta(labels, service, 'service');
}

export function addPod(labels: LabelMap, pod: Pod, around: Surroundings): void {
  const set = (name: string, value: string) => labels.set(`${META}pod_${name}`, value);
  set('ip', pod.ip);
  set('ready', pod.ready);
  set('phase', pod.phase);
  set('node_name', pod.node);
  set('host_ip', pod.hostIp);
  set('uid', pod.uid);
  addMeta(labels, pod, 'pod');
  if (!pod.controller) return;
  set('controller_kind', pod.controller.kind);
  set('controller_name', pod.controller.name);
  addWorkload(labels, pod, around);
}

/** The deployment behind a replica set, the job, and the cron job behind it. */
function addWorkload(labels: LabelMap, { namespace, controller }: Pod, { attach, find }: Surroundings): void {
  const { kind, name } = controller!;
  const ownerOf = (among: 'replicasets' | 'jobs') => find(among, `${namespace}/${name}`)?.controller;
  if (kind === 'ReplicaSet' && attach.deployment) {
    const owner = ownerOf('replicasets');
    if (owner?.kind === 'Deployment') labels.set(`${META}pod_deployment_name`, owner.name);
  }
  if (kind !== 'Job') return;
  if (attach.job) labels.set(`${META}pod_job_name`, name);
  const owner = attach.cronjob ? ownerOf('jobs') : undefined;
  if (owner?.kind === 'CronJob') labels.set(`${META}pod_cronjob_name`, owner.name);
}

export function addContainer(labels: LabelMap, { name, image, init }: Container): void {
  labels.set(`${META}pod_container_name`, name);
  labels.set(`${META}pod_container_image`, image);
  labels.set(`${META}pod_container_init`, String(init));
}

export function addContainerPort(labels: LabelMap, { name, number = 0, protocol }: Port): void {
  labels.set(`${META}pod_container_port_name`, name);
  labels.set(`${META}pod_container_port_number`, String(number));
  labels.set(`${META}pod_container_port_protocol`, protocol);
}
