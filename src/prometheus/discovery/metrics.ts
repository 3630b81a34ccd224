import type { Counter, Meter } from '#component';

/** What discoveries count, under Prometheus' names. */
export interface DiscoveryMetrics {
  fileReadErrors: Counter;
  dnsLookups: Counter;
  dnsFailures: Counter;
  httpFailures: Counter;
  /** Requests to the Kubernetes API that failed, and watches that broke. */
  kubernetesFailures: Counter;
  /** What happened to objects of a kind; `role` is Prometheus' word for it. */
  kubernetesEvents(role: string, event: 'add' | 'update' | 'delete'): Counter;
}

export function discoveryMetrics(meter: Meter): DiscoveryMetrics {
  const counter = (name: string, help: string) => meter.counter(`prometheus_sd_${name}`, { help });
  return {
    fileReadErrors: counter('file_read_errors_total', 'Files of targets that could not be read.'),
    dnsLookups: counter('dns_lookups_total', 'Names of dns_sd_configs that were looked up.'),
    dnsFailures: counter('dns_lookup_failures_total', 'Names of dns_sd_configs whose lookup failed.'),
    httpFailures: counter('http_failures_total', 'Refreshes of http_sd_configs that failed.'),
    kubernetesFailures: counter('kubernetes_failures_total', 'Lists and watches of the Kubernetes API that failed.'),
    kubernetesEvents: (role, event) =>
      meter.counter('prometheus_sd_kubernetes_events_total', {
        help: 'Changes of objects of the Kubernetes API.',
        attributes: { role, event },
      }),
  };
}
