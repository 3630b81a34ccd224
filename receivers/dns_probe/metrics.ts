import type { MetricDeclaration } from '#component';
import type { MetricType } from '#metrics';

export interface ProbeMetric extends MetricDeclaration {
  readonly labels: readonly string[];
  /** Unless the configuration says otherwise. */
  readonly enabled: boolean;
}

/** On what comes from inside a network namespace, when more than the own one is asked from. */
const SPACE = ['netns', 'pod_uid', 'container_id', 'unit'];
const QUESTION = ['server', 'protocol', 'name', 'type', ...SPACE];
const LOOKUP = ['name', ...SPACE];
const SIDE = ['server', 'comparison', 'side', ...SPACE];
const CHECK = ['dns.server', 'dns.domain', 'dns.record.type', ...SPACE];

function metric(
  name: string,
  type: MetricType,
  help: string,
  labels: readonly string[],
  { unit, enabled = true }: { unit?: string; enabled?: boolean } = {},
): ProbeMetric {
  return { name, type, help, labels, enabled, ...(unit ? { unit } : {}) };
}

export const METRICS = {
  success: metric(
    'dns_probe_success',
    'gauge',
    '1: the last answer was as expected; 0: it was not, or none came.',
    QUESTION,
  ),
  duration: metric(
    'dns_probe_duration_seconds',
    'histogram',
    'Time from question to answer, of those that were answered.',
    QUESTION,
  ),
  lastDuration: metric(
    'dns_probe_last_duration_seconds',
    'gauge',
    'Time from question to answer, or until it failed, the last time.',
    QUESTION,
  ),
  queries: metric(
    'dns_probe_queries_total',
    'counter',
    'Queries that were sent, those by TCP after truncation included.',
    QUESTION,
  ),
  responses: metric('dns_probe_responses_total', 'counter', 'Answers that came, by response code.', [
    ...QUESTION,
    'rcode',
  ]),
  rcode: metric(
    'dns_probe_rcode',
    'gauge',
    "Number of the last answer's response code; absent when none came.",
    QUESTION,
  ),
  answers: metric(
    'dns_probe_answers',
    'gauge',
    'Records of the asked type in the last answer; absent when none came.',
    QUESTION,
  ),
  bytes: metric('dns_probe_response_bytes', 'gauge', 'Size of the last answer; absent when none came.', QUESTION),
  authentic: metric(
    'dns_probe_authentic_data',
    'gauge',
    '1: the server says that the last answer passed DNSSEC validation.',
    QUESTION,
  ),
  truncated: metric('dns_probe_truncated_total', 'counter', 'Answers by UDP that were truncated.', QUESTION),
  timeouts: metric(
    'dns_probe_timeouts_total',
    'counter',
    'Questions whose time was over, by how far they had come: connect, send, answer, body.',
    [...QUESTION, 'phase'],
  ),
  failures: metric('dns_probe_failures_total', 'counter', 'Questions without the expected answer, by reason.', [
    ...QUESTION,
    'reason',
  ]),
  ignored: metric(
    'dns_probe_ignored_total',
    'counter',
    'What arrived and was no answer: wrong, malformed, late or sent twice.',
    [...QUESTION, 'reason'],
  ),
  skipped: metric(
    'dns_probe_skipped_total',
    'counter',
    'Questions that were not asked in their collection, for want of time.',
    QUESTION,
  ),

  lookupSuccess: metric(
    'dns_probe_lookup_success',
    'gauge',
    '1: a library in a pod finds an address; 0: it does not.',
    LOOKUP,
  ),
  lookupQueries: metric('dns_probe_lookup_queries', 'gauge', 'Queries that the last lookup of the name took.', LOOKUP),
  lookupNames: metric('dns_probe_lookup_names', 'gauge', 'Names that the last lookup tried.', LOOKUP),
  lookupDuration: metric('dns_probe_lookup_duration_seconds', 'gauge', 'Time that the last lookup took.', LOOKUP),
  lookups: metric(
    'dns_probe_lookups_total',
    'counter',
    'Lookups by how they ended: found, nodata, nxdomain, servfail, failed.',
    [...LOOKUP, 'status'],
  ),

  compared: metric('dns_probe_comparison_queries_total', 'counter', 'Queries asked in one of two ways.', SIDE),
  comparedLost: metric('dns_probe_comparison_lost_total', 'counter', 'Those of them that got no answer.', SIDE),
  comparedSeconds: metric(
    'dns_probe_comparison_seconds_total',
    'counter',
    'Time that the answered ones of them took.',
    SIDE,
  ),
  comparedBytes: metric(
    'dns_probe_comparison_response_bytes',
    'gauge',
    'Size of the last answer that came this way.',
    SIDE,
  ),

  servers: metric('dns_probe_servers', 'gauge', 'Servers that are asked.', SPACE),

  legacyCount: metric('dns_query_count', 'counter', 'Counts the number of DNS queries made', []),
  legacyTime: metric('dns_query_response_time', 'histogram', 'The time it takes to finish dns queries', []),

  checkStatus: metric('dnscheck.status', 'gauge', '1 if the DNS query returned successfully, 0 otherwise.', [
    ...CHECK,
    'dns.rcode',
    'dns.resolved.ip',
    'dns.resolved.all.ips',
  ]),
  checkDuration: metric('dnscheck.duration', 'gauge', 'Round-trip duration of the DNS query, in milliseconds.', CHECK),
  checkError: metric(
    'dnscheck.error',
    'gauge',
    'Number of errors recorded during the DNS check.',
    [...CHECK, 'error.message'],
    { enabled: false },
  ),
} as const;

export const ALL_METRICS: readonly ProbeMetric[] = Object.values(METRICS);

/** Seconds: 0.25 ms · 2^k up to 8 s. A library's own timeout of 5 s lies within a bucket, not at its edge. */
export const BUCKETS: readonly number[] = Array.from({ length: 16 }, (_, k) => 0.00025 * 2 ** k);

/** Those of Go's client library, in seconds, as the seed declared them. */
export const LEGACY_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
