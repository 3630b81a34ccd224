import type { MetricDeclaration } from '#component';

/** On every series; what is not known of a namespace is left out. */
export const OWNER_LABELS = ['pod_uid', 'container_id', 'unit'] as const;

const perMount = (name: string, help: string, ...labels: string[]): MetricDeclaration => ({
  name: `resolv_conf_${name}`,
  type: 'gauge',
  help,
  labels: ['mntns', ...OWNER_LABELS, ...labels],
});
const perNetwork = (name: string, help: string, ...labels: string[]): MetricDeclaration => ({
  name: `resolv_conf_${name}`,
  type: 'gauge',
  help,
  labels: ['netns', ...OWNER_LABELS, ...labels],
});

export const METRICS = {
  exists: perMount('exists', 'Whether there is a resolv.conf; without one, libc asks 127.0.0.1.'),
  nameserver: perMount(
    'nameserver_info',
    'A nameserver that libc asks, and its place in the order, from 1 on; always 1.',
    'nameserver',
    'position',
  ),
  nameservers: perMount(
    'nameservers',
    'Nameservers that the file names; of more than three, libc asks the first three.',
  ),
  expected: perMount('nameserver_expected', 'Whether the nameserver is one of expected_nameservers.', 'nameserver'),
  search: perMount('search_domain_info', 'A search domain and its place in the order; always 1.', 'domain', 'position'),
  searches: perMount('search_domains', 'Search domains.'),
  ndots: perMount('ndots', 'Names with fewer dots are tried with the search domains first.'),
  timeout: perMount('timeout_seconds', 'How long libc waits for an answer before it asks again.'),
  attempts: perMount('attempts', 'How many times libc asks the servers before it gives up.'),
  option: perMount('option_info', 'A word of the options lines; always 1.', 'option'),
  ignored: perMount('ignored_lines', 'Lines that libc does not take as written.'),
  queries: perMount(
    'external_name_queries',
    'DNS queries that libc makes to resolve external_name to its IPv4 and IPv6 addresses, when no search domain has it.',
  ),
  defaultRoute: perNetwork('default_route', 'Whether there is a default route for the family.', 'family'),
  interfaceUp: perNetwork(
    'default_route_interface_up',
    'Whether the interface of a default route is up and has a carrier; absent where the kernel does not let us see it.',
    'interface',
  ),
} as const;
