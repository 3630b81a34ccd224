import type { MetricDeclaration } from '#component';

// Names, types, help and labels are those of AKS's localdns exporter, letter by letter.
export const STATUS: MetricDeclaration = {
  name: 'localdns_service_status',
  type: 'gauge',
  help: 'CoreDNS process status (1=active, 0=inactive)',
  labels: ['status'],
};
export const MEMORY: MetricDeclaration = {
  name: 'localdns_memory_usage_bytes',
  type: 'gauge',
  help: 'Current memory usage in bytes',
};
export const CPU: MetricDeclaration = {
  name: 'localdns_cpu_usage_seconds_total',
  type: 'counter',
  help: 'Total CPU time consumed in Seconds',
};
export const UPDATED: MetricDeclaration = {
  name: 'localdns_metrics_last_update_timestamp_seconds',
  type: 'gauge',
  help: 'Unix timestamp of last metrics generation',
};
export const VNETDNS: MetricDeclaration = {
  name: 'localdns_vnetdns_forward_info',
  type: 'gauge',
  help: 'VnetDNS forward plugin IP address from corefile',
  labels: ['ip', 'block', 'status'],
};
export const KUBEDNS: MetricDeclaration = {
  name: 'localdns_kubedns_forward_info',
  type: 'gauge',
  help: 'KubeDNS forward plugin IP address from corefile',
  labels: ['ip', 'block', 'status'],
};

export const METRICS = [STATUS, MEMORY, CPU, UPDATED, VNETDNS, KUBEDNS];
