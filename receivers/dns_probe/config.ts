import {
  bool,
  check,
  didYouMean,
  duration,
  either,
  type Infer,
  int,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  string,
  transform,
  withDefault,
} from '#config';
import { type Endpoint, nameFault, normalizeData, type Protocol, parseEndpoint, typeName, typeNumber } from '#dns';
import { ALL_METRICS } from './metrics.ts';

/** A server to ask. */
export interface Server {
  readonly endpoint: Endpoint;
  /** As the user wrote it. */
  readonly text: string;
  /** Replace the receiver's own. */
  readonly protocols?: readonly Protocol[];
  readonly timeout?: number;
}

const endpoint: Schema<Server> = transform(
  string({ typeName: 'address or address:port', nonEmpty: true }),
  (text, complain) => {
    const found = parseEndpoint(text);
    return found
      ? { endpoint: found, text }
      : complain('', 'must be an IP address, with or without a port: to ask for a name would need DNS');
  },
);
const serverMap = transform(
  object({
    endpoint: required(endpoint, 'The address, with or without a port; 53 unless given.'),
    network: optional(oneOf('udp', 'tcp'), "Replaces the receiver's `protocol` for this server."),
    timeout: optional(duration({ min: 1 }), "Replaces the receiver's `timeout` for this server."),
  }),
  ({ endpoint, network, timeout }): Server => ({
    ...endpoint,
    ...(network ? { protocols: [network] } : {}),
    ...(timeout ? { timeout } : {}),
  }),
);

/** What is asked of every server, and what the answer should be. */
export interface Hostname {
  readonly name: string;
  readonly types: readonly number[];
  readonly rcodes: readonly string[];
  /** Among the answers must be these, as `dataText` writes them; for the type that they were written for. */
  readonly answers: readonly string[];
  readonly minAnswers: number;
}

const domainName = string({
  nonEmpty: true,
  check(text) {
    const fault = nameFault(text);
    return fault && `is no domain name: ${fault}`;
  },
});
const recordType = transform(string({ nonEmpty: true }), (text, complain) => {
  return typeNumber(text) ?? complain('', `is no record type${didYouMean(text.toUpperCase(), COMMON_TYPES)}`);
});
const COMMON_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT', 'HTTPS', 'CAA'];

const hostnameMap = transform(
  object({
    name: required(domainName, 'The name to ask for. It is asked as it is, with a dot at its end or without.'),
    record_type: withDefault(recordType, 'A', 'The record type to ask for.'),
    record_types: withDefault(list(recordType), [], 'Several record types, in place of `record_type`.'),
    expected_rcodes: withDefault(
      list(string({ nonEmpty: true }), { min: 1 }),
      ['NOERROR'],
      'Response codes that are a success.',
    ),
    expected_answers: withDefault(
      list(string({ nonEmpty: true })),
      [],
      'Data that must be among the answers, as a zone file writes them: `10.0.0.1`, `10 mail.example.`',
    ),
    min_answers: withDefault(int({ min: 0 }), 0, 'Fewer answers than this are a failure.'),
  }),
  (options): Hostname => {
    const types = options.record_types.length ? options.record_types : [options.record_type];
    return {
      name: options.name,
      types,
      rcodes: options.expected_rcodes.map((rcode) => rcode.toUpperCase()),
      answers: options.expected_answers.map((text) => normalizeData(typeName(types[0]!), text)),
      minAnswers: options.min_answers,
    };
  },
);
const hostnameText = transform(domainName, (name): Hostname => {
  return { name, types: [typeNumber('A')!], rcodes: ['NOERROR'], answers: [], minAnswers: 0 };
});

const names = ALL_METRICS.map((metric) => metric.name);
const metricName = string({
  check: (name) => (names.includes(name) ? undefined : `is not a metric of this receiver${didYouMean(name, names)}`),
});
const toggle = object({ enabled: withDefault(bool(), true, 'Whether to make this metric.') });

export const COMPARISONS = ['pair', 'source_port', 'protocol', 'size'] as const;
export type Comparison = (typeof COMPARISONS)[number];

const options = object({
  collection_interval: withDefault(duration({ min: 1 }), '60s', 'Time between the starts of two collections.'),
  initial_delay: withDefault(duration(), '1s', 'Time before the first collection.'),
  timeout: withDefault(duration({ min: 1 }), '5s', 'How long to wait for each answer.'),
  root_path: withDefault(
    string({ nonEmpty: true }),
    '/',
    "Where the host's file system is seen, such as `/hostfs` in a pod that mounts it there.",
  ),
  dns_servers: withDefault(
    list(either(endpoint, serverMap, (node) => node.kind === 'scalar')),
    [],
    'The servers to ask: addresses, or maps. Empty: those that `resolv_conf` names.',
  ),
  resolv_conf: withDefault(
    string({ nonEmpty: true }),
    '/etc/resolv.conf',
    'The file that names the servers and search domains, under `root_path`; in a namespace of a pod, its own.',
  ),
  hostnames: required(
    list(
      either(hostnameText, hostnameMap, (node) => node.kind === 'scalar'),
      { min: 1 },
    ),
    'What to ask for: names, or maps.',
  ),
  protocol: withDefault(oneOf('udp', 'tcp', 'both'), 'udp', 'How to ask.'),
  tcp_on_truncation: withDefault(bool(), true, 'Asks again by TCP when an answer by UDP is truncated.'),
  udp_size: withDefault(
    int({ min: 0, max: 65535 }),
    1232,
    'The largest answer by UDP that is asked for, with EDNS; 0: no EDNS.',
  ),
  dnssec_ok: withDefault(bool(), false, "Sets EDNS' DO bit: asks for signatures too."),
  checking_disabled: withDefault(bool(), false, 'Sets the CD bit: asks for data that fail validation too.'),
  recursion_desired: withDefault(bool(), true, 'Sets the RD bit.'),
  randomize_case: withDefault(
    bool(),
    false,
    'Asks in random upper and lower case (0x20), and takes only answers that repeat it. Some servers do not.',
  ),
  max_queries_per_second: withDefault(int({ min: 1 }), 20, 'All queries of this receiver together.'),
  max_concurrent: withDefault(int({ min: 1 }), 16, 'Probes under way at once, to different servers.'),
  resolve_as: optional(
    oneOf('pod'),
    '`pod`: looks every name up as a library in a pod does too, with search domains, for A and AAAA.',
  ),
  comparisons: withDefault(
    list(oneOf(...COMPARISONS)),
    [],
    'Asks for the first name in two ways each time, so that what is lost in one of them tells why.',
  ),
  comparison_attempts: withDefault(int({ min: 1, max: 100 }), 5, 'How often each way is tried in a collection.'),
  large_answer: optional(
    object({
      name: required(domainName, 'A name with an answer of more than 1,232 bytes.'),
      record_type: withDefault(recordType, 'TXT', 'The record type to ask for.'),
    }),
    'What the comparison `size` asks for.',
  ),
  network_namespaces: withDefault(
    oneOf('host', 'pods', 'all'),
    'host',
    'Where to ask from: the own network namespace, or also each of the pods, or of all processes.',
  ),
  metric_names: optional(
    oneOf('dnscol', 'dnscheck', 'both'),
    "Names as in the table below, or those of the Collector's `dns_check`. Unless given: the latter where the receiver is configured under that type.",
  ),
  legacy_names: withDefault(bool(), false, 'Also `dns_query_count` and `dns_query_response_time`.'),
  metrics: withDefault(
    mapOf(toggle, metricName),
    {},
    'By metric name: `{enabled: false}` leaves one out, `{enabled: true}` adds one.',
  ),
});

export type Options = Infer<typeof options>;

export const config = check(options, (value, complain) => {
  const longest = Math.max(value.timeout, ...value.dns_servers.map((server) => server.timeout ?? 0));
  if (longest > value.collection_interval) complain('timeout', 'must not be longer than collection_interval');
  if (value.comparisons.includes('size') && !value.large_answer) {
    complain('comparisons', 'size needs large_answer: a name with an answer of more than 1,232 bytes');
  }
  value.hostnames.forEach((one, i) => {
    if (one.answers.length && one.types.length > 1) {
      complain(`hostnames[${i}]`, 'expected_answers are of one record type: write one entry for each type');
    }
  });
});
