import type { KubernetesRole, KubernetesSdConfig } from '../../config/kubernetes-sd.ts';
import type { RelabelConfig } from '../../relabel/relabel.ts';

/** What a rule may keep to one node by, and how the API server is asked for that node's alone. */
const BY_NODE: Partial<Record<KubernetesRole, { label: string; selector: KubernetesRole; field: string }>> = {
  pod: { label: '__meta_kubernetes_pod_node_name', selector: 'pod', field: 'spec.nodeName' },
  endpoints: { label: '__meta_kubernetes_pod_node_name', selector: 'pod', field: 'spec.nodeName' },
  endpointslice: { label: '__meta_kubernetes_pod_node_name', selector: 'pod', field: 'spec.nodeName' },
  node: { label: '__meta_kubernetes_node_name', selector: 'node', field: 'metadata.name' },
};

/**
 * The configuration, narrowed down to the node that a rule keeps its targets to: an agent on every node that says so only in
 * `relabel_configs` would otherwise hold all pods of the cluster, to drop them. No target is lost: an endpoint whose pod is
 * not known has no such label, and is dropped all the same.
 */
export function narrowed(config: KubernetesSdConfig, rules: readonly RelabelConfig[]): KubernetesSdConfig {
  const by = BY_NODE[config.role];
  const node = by && keptTo(by.label, rules);
  if (!by || node === undefined) return config;
  const own = config.selectors.find(({ role }) => role === by.selector);
  // What the user says of the node himself stands.
  if (own?.field?.includes(by.field)) return config;
  const field = [...(own?.field ? [own.field] : []), `${by.field}=${node}`].join(',');
  const others = config.selectors.filter((one) => one !== own);
  return { ...config, selectors: [...others, { role: by.selector, label: own?.label, field }] };
}

const PASSIVE = new Set(['keep', 'drop', 'keepequal', 'dropequal']);
const WRITES_ONE = new Set(['replace', 'hashmod', 'lowercase', 'uppercase']);

/** The one value of the label that gets past the rules; undefined when there may be others, or a rule before may write it. */
function keptTo(label: string, rules: readonly RelabelConfig[]): string | undefined {
  for (const { action, source_labels, target_label, regex } of rules) {
    const value = action === 'keep' && source_labels.length === 1 && source_labels[0] === label && nameIn(regex.source);
    if (value) return value;
    const harmless = WRITES_ONE.has(action) && target_label !== label && !target_label.includes('$');
    if (!PASSIVE.has(action) && !harmless) return undefined;
  }
  return undefined;
}

/** The node's name that a pattern is, its dots escaped or not. No two nodes differ in what stands for a dot. */
function nameIn(pattern: string): string | undefined {
  const name = pattern.replaceAll('\\.', '.');
  return /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) ? name : undefined;
}
