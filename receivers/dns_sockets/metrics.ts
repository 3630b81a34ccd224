import type { MetricDeclaration } from '#component';

/** On every series; what is not known of a namespace is left out. */
const COMMON = ['netns', 'pod_uid', 'container_id', 'unit'];

const metric = (name: string, type: 'gauge' | 'counter', help: string, ...labels: string[]): MetricDeclaration => ({
  name: `dns_sockets_${name}`,
  type,
  help,
  labels: [...COMMON, ...labels],
});
const BOUND = ['address', 'port'];

export const METRICS = {
  drops: metric(
    'drops_total',
    'counter',
    'Datagrams to a DNS server on this address that were thrown away, mostly because its receive queue was full.',
    ...BOUND,
  ),
  dropsPeak: metric(
    'drops_peak_per_second',
    'gauge',
    'The most that the drops of all DNS servers of the namespace grew within a second since the previous collection.',
  ),
  queue: metric(
    'receive_queue_bytes',
    'gauge',
    'What waits to be read by a DNS server on this address, with the overhead of the kernel.',
    ...BOUND,
  ),
  acceptQueue: metric(
    'accept_queue',
    'gauge',
    'Connections to a DNS server on this address that wait to be accepted.',
    ...BOUND,
  ),
  received: metric('udp_in_datagrams_total', 'counter', 'UDP datagrams delivered in the namespace.', 'family'),
  sent: metric('udp_out_datagrams_total', 'counter', 'UDP datagrams sent in the namespace.', 'family'),
  errors: metric(
    'udp_in_errors_total',
    'counter',
    'UDP datagrams that arrived and were not delivered, for other reasons than that nobody listens.',
    'family',
  ),
  noPorts: metric('udp_no_ports_total', 'counter', 'UDP datagrams for a port that nobody listens on.', 'family'),
  bufferErrors: metric(
    'udp_receive_buffer_errors_total',
    'counter',
    'UDP datagrams thrown away because a receive queue was full.',
    'family',
  ),
  checksumErrors: metric(
    'udp_checksum_errors_total',
    'counter',
    'UDP datagrams thrown away because of a wrong checksum.',
    'family',
  ),
  connections: metric(
    'tcp_connections',
    'gauge',
    'TCP connections to DNS servers elsewhere (side client) and to those here (side server).',
    'side',
    'state',
  ),
  clients: metric(
    'client_sockets',
    'gauge',
    'Sockets that are connected to a DNS server elsewhere; those of DNS servers here are left out.',
    'server',
    'protocol',
  ),
  hanging: metric(
    'hanging_lookups',
    'gauge',
    'Lookups that hang right now: sockets that wait for a DNS server while nothing arrives in the namespace.',
  ),
  hangingPeak: metric(
    'hanging_lookups_peak',
    'gauge',
    'The most lookups that hung at one time since the previous collection.',
  ),
  longest: metric('longest_hang_seconds', 'gauge', 'How long at least the oldest of them hangs; 0 when there is none.'),
} as const;

export type Metric = (typeof METRICS)[keyof typeof METRICS];
