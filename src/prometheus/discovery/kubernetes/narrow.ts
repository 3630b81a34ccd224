import type { KubernetesRole, KubernetesSdConfig } from '../../config/kubernetes-sd.ts';
import type { RelabelConfig } from '../../relabel/relabel.ts';

interface ByNode {
  readonly label: string;
  readonly selector: KubernetesRole;
  readonly field: string;
}

/** What a rule may keep to one node by, and how the API server is asked for that node's alone. */
const BY_NODE: Partial<Record<KubernetesRole, ByNode>> = {
  pod: { label: '__meta_kubernetes_pod_node_name', selector: 'pod', field: 'spec.nodeName' },
  endpoints: { label: '__meta_kubernetes_pod_node_name', selector: 'pod', field: 'spec.nodeName' },
  endpointslice: { label: '__meta_kubernetes_pod_node_name', selector: 'pod', field: 'spec.nodeName' },
  node: { label: '__meta_kubernetes_node_name', selector: 'node', field: 'metadata.name' },
};

/**
 * The configuration, narrowed down to the node that a rule keeps its targets to: an agent on every node that says so only in
 * `relabel_configs` would otherwise hold all pods of the cluster, to drop them. No target is lost: an endpoint whose pod is
 * not known has no such label, and is dropped all the same. Where node metadata is wanted, and all targets are of one node, that
 * node alone is looked at: the others tell of themselves every few seconds.
 */
export function narrowed(config: KubernetesSdConfig, rules: readonly RelabelConfig[]): KubernetesSdConfig {
  const by = BY_NODE[config.role];
  if (!by) return config;
  const kept = keptTo(by.label, rules);
  const narrow = kept === undefined ? config : withField(config, by, kept);
  const node = kept ?? (config.role === 'pod' ? selectedNode(config) : undefined);
  return config.attach_metadata.node && node !== undefined ? withField(narrow, BY_NODE.node!, node) : narrow;
}

/** With one more field selector. What the user says of the node himself stands. */
function withField(config: KubernetesSdConfig, { selector, field }: ByNode, node: string): KubernetesSdConfig {
  const own = config.selectors.find(({ role }) => role === selector);
  if (own?.field?.includes(field)) return config;
  const fields = [...(own?.field ? [own.field] : []), `${field}=${node}`].join(',');
  const others = config.selectors.filter((one) => one !== own);
  return { ...config, selectors: [...others, { role: selector, label: own?.label, field: fields }] };
}

/** The node that the user's own selector keeps pods to. */
function selectedNode({ selectors }: KubernetesSdConfig): string | undefined {
  const field = selectors.find(({ role }) => role === 'pod')?.field ?? '';
  return /(?:^|,)\s*spec\.nodeName==?([^,=!\s]+)\s*(?:,|$)/.exec(field)?.[1];
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
