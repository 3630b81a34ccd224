import type { MetricDeclaration } from '#component';

type Type = 'counter' | 'gauge';

const metric = (name: string, type: Type, help: string, labels: readonly string[] = []): MetricDeclaration => ({
  name,
  type,
  help,
  labels: ['netns', 'pod_uid', 'container_id', 'unit', ...labels],
});

export const M = {
  processes: metric('dnsmasq_processes', 'gauge', 'Processes of dnsmasq: one, and one for each TCP connection.'),
  limit: metric(
    'dnsmasq_processes_limit',
    'gauge',
    'The most processes that dnsmasq makes (--max-tcp-connections and one); further TCP connections wait.',
  ),
  peak: metric('dnsmasq_processes_peak', 'gauge', 'The most processes of any look since the previous collection.'),
  atLimit: metric(
    'dnsmasq_processes_at_limit_seconds_total',
    'counter',
    'Time for which a dnsmasq had as many processes as it may have.',
  ),
  restarts: metric('dnsmasq_restarts_total', 'counter', 'Times that a new dnsmasq was found in the place of another.'),
  startTime: metric('dnsmasq_start_time_seconds', 'gauge', 'When dnsmasq started, as seconds since the epoch.'),
  cpu: metric('dnsmasq_cpu_seconds_total', 'counter', 'CPU time of dnsmasq, and of its children that have ended.'),
  memory: metric('dnsmasq_resident_memory_bytes', 'gauge', 'Resident memory of dnsmasq, without its children.'),

  connections: metric('dnsmasq_tcp_connections', 'gauge', "TCP connections to dnsmasq's port by state.", ['state']),
  acceptQueue: metric(
    'dnsmasq_accept_queue_length',
    'gauge',
    'TCP connections that are open for the client, but not yet accepted: their queries wait.',
    ['address'],
  ),
  acceptLimit: metric(
    'dnsmasq_accept_queue_limit',
    'gauge',
    'The most connections that may wait to be accepted; beyond it the kernel ignores new ones.',
    ['address'],
  ),
  udpQueue: metric(
    'dnsmasq_udp_receive_queue_bytes',
    'gauge',
    "Received datagrams that dnsmasq has not yet read, in bytes with the kernel's overhead.",
    ['address'],
  ),
  udpDrops: metric(
    'dnsmasq_udp_drops_total',
    'counter',
    'Datagrams that the kernel threw away, mostly because the receive queue was full.',
    ['address'],
  ),

  hits: metric('dnsmasq_cache_hits_total', 'counter', 'Queries answered without asking another server.'),
  misses: metric('dnsmasq_cache_misses_total', 'counter', 'Queries forwarded to another server.'),
  insertions: metric('dnsmasq_cache_insertions_total', 'counter', 'Names put into the cache.'),
  evictions: metric('dnsmasq_cache_evictions_total', 'counter', 'Names that left the cache before their time.'),
  cacheSize: metric('dnsmasq_cache_size', 'gauge', 'How many names the cache may hold.'),
  serverQueries: metric('dnsmasq_server_queries_total', 'counter', 'Queries sent to another server.', ['server']),
  serverFailures: metric(
    'dnsmasq_server_failed_queries_total',
    'counter',
    'Queries that another server answered with an error, or not at all.',
    ['server'],
  ),
  statisticsErrors: metric(
    'dnsmasq_statistics_errors_total',
    'counter',
    'Times that dnsmasq did not answer questions for its statistics.',
  ),
} as const;

const kubeDns = (name: string, help: string): MetricDeclaration => ({
  name: `kubedns_dnsmasq_${name}`,
  type: 'counter',
  help,
  labels: [],
});

/** Names, types and texts of kube-dns' sidecar, its counter of a size included. */
export const KUBE_DNS = {
  hits: kubeDns('hits', 'Number of DNS cache hits (from start of process)'),
  misses: kubeDns('misses', 'Number of DNS cache misses (from start of process)'),
  evictions: kubeDns('evictions', 'Counter of DNS cache evictions (from start of process)'),
  insertions: kubeDns('insertions', 'Counter of DNS cache insertions (from start of process)'),
  cacheSize: kubeDns('max_size', 'Maximum size of the DNS cache'),
  errors: kubeDns('errors', 'Number of errors that have occurred getting metrics'),
} as const;

export const METRICS: readonly MetricDeclaration[] = [...Object.values(M), ...Object.values(KUBE_DNS)];
