/**
 * What CoreDNS' series were called when. Sources: the definitions in CoreDNS' own code at v1.6.9, v1.7.0, v1.10.1 and
 * v1.11.0, and its release notes of 1.7.0 and 1.11.0; for node-cache, kubernetes/dns at 1.15.12.
 */

/** Which names to give: those of CoreDNS 1.11 and later, those before, or all. */
export type MetricNames = 'both' | 'current' | 'legacy';

/** One series' name, or all of a histogram's, over time. */
interface Names {
  /** Before CoreDNS 1.7.0. */
  readonly before17?: string;
  /** From 1.7.0 on, and until 1.11.0 when there is a `proxy`. */
  readonly since17: string;
  /** From 1.11.0 on. */
  readonly proxy?: string;
  /** Labels that tell more apart than there was before 1.7.0. */
  readonly newLabels?: readonly string[];
  readonly suffixes?: readonly string[];
}

const renamed = (before17: string, since17: string, newLabels: readonly string[] = []): Names => ({
  before17: `coredns_${before17}`,
  since17: `coredns_${since17}`,
  newLabels,
});
const moved = (what: string, more: Partial<Names> = {}): Names => ({
  since17: `coredns_forward_${what}`,
  proxy: `coredns_proxy_${what}`,
  ...more,
});

const NAMES: readonly Names[] = [
  renamed('autopath_success_count_total', 'autopath_success_total'),
  renamed('cache_size', 'cache_entries'),
  renamed('dns_request_allow_count_total', 'acl_allowed_requests_total'),
  renamed('dns_request_block_count_total', 'acl_blocked_requests_total'),
  renamed('dns_request_count_total', 'dns_requests_total', ['type']),
  renamed('dns_request_do_count_total', 'dns_do_requests_total'),
  renamed('dns_response_rcode_count_total', 'dns_responses_total', ['plugin']),
  renamed('dnssec_cache_size', 'dnssec_cache_entries'),
  renamed('forward_healthcheck_broken_count_total', 'forward_healthcheck_broken_total'),
  renamed('forward_max_concurrent_reject_count_total', 'forward_max_concurrent_rejects_total'),
  renamed('forward_request_count_total', 'forward_requests_total'),
  renamed('forward_response_rcode_count_total', 'forward_responses_total'),
  renamed('grpc_request_count_total', 'grpc_requests_total'),
  renamed('grpc_response_rcode_count_total', 'grpc_responses_total'),
  renamed('hosts_entries_count', 'hosts_entries', ['hostsfile']),
  renamed('nodecache_setup_errors', 'nodecache_setup_errors_total'),
  renamed('panic_count_total', 'panics_total'),
  renamed('reload_failed_count_total', 'reload_failed_total'),
  moved('healthcheck_failures_total', { before17: 'coredns_forward_healthcheck_failure_count_total' }),
  moved('conn_cache_hits_total'),
  moved('conn_cache_misses_total'),
  moved('request_duration_seconds', { suffixes: ['_bucket', '_count', '_sum'] }),
];

/** How series of one name give series of another: where labels are left out, by adding up. */
export interface Translation {
  /** The family and the series' own name; they differ for histograms. */
  readonly family: string;
  readonly to: string;
  readonly without: readonly string[];
  readonly with: Readonly<Record<string, string>>;
  /** The source must have these labels. */
  readonly where: Readonly<Record<string, string>>;
  /** When it is not the source's own type and help. */
  readonly counts?: string;
  readonly given: readonly MetricNames[];
}

/** What becomes of series of one name. */
export interface Source {
  readonly translations: readonly Translation[];
  /** Whether its own name is left out where a translation gives what it says. */
  readonly left: readonly MetricNames[];
}

/**
 * The plugins that share CoreDNS' upstream connections since 1.11 have one set of metrics, told apart by this label; only
 * `forward` has a past. Up to 1.4 there was a plugin `proxy` whose series began alike and had no such label.
 */
const FORWARD = { proxy_name: 'forward' };

const allNames = ({ before17, since17, proxy }: Names): string[] =>
  [before17, since17, proxy].filter((name) => name !== undefined);

function givenFor(names: Names, name: string): MetricNames[] {
  const given: MetricNames[] = ['both'];
  if (name !== names.proxy) given.push('legacy');
  if (name === (names.proxy ?? names.since17)) given.push('current');
  return given;
}

function translate(names: Names, from: string, to: string, suffix: string): Translation {
  const fromProxy = from === names.proxy;
  return {
    family: to,
    to: to + suffix,
    without: [...(fromProxy ? Object.keys(FORWARD) : []), ...(to === names.before17 ? (names.newLabels ?? []) : [])],
    with: to === names.proxy ? FORWARD : {},
    where: fromProxy ? FORWARD : {},
    given: givenFor(names, to),
  };
}

function everySource(): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (const names of NAMES) {
    for (const from of allNames(names)) {
      const others = allNames(names).filter((to) => to !== from);
      const given = givenFor(names, from);
      for (const suffix of names.suffixes ?? ['']) {
        sources.set(from + suffix, {
          translations: others.map((to) => translate(names, from, to, suffix)),
          left: (['current', 'legacy'] as const).filter((one) => !given.includes(one)),
        });
      }
    }
  }
  for (const [from, translations] of Object.entries(SUMS)) {
    const source = sources.get(from)!;
    sources.set(from, { ...source, translations: [...source.translations, ...translations] });
  }
  return sources;
}

const sum = (to: string, without: readonly string[], more: Partial<Translation> = {}): Translation => ({
  family: to,
  to,
  without,
  with: {},
  where: {},
  given: ['both', 'legacy'],
  ...more,
});
const REQUESTS = { where: FORWARD, counts: 'Counter of requests made per upstream.' };
const RESPONSES = { where: FORWARD, counts: 'Counter of responses received per upstream.' };

/** Counters that are now part of another metric. */
const SUMS: Readonly<Record<string, readonly Translation[]>> = {
  coredns_dns_requests_total: [sum('coredns_dns_request_type_count_total', ['proto', 'family'])],
  coredns_proxy_request_duration_seconds_count: [
    sum('coredns_forward_requests_total', ['proxy_name', 'rcode'], REQUESTS),
    sum('coredns_forward_request_count_total', ['proxy_name', 'rcode'], REQUESTS),
    sum('coredns_forward_responses_total', ['proxy_name'], RESPONSES),
    sum('coredns_forward_response_rcode_count_total', ['proxy_name'], RESPONSES),
  ],
};

/** By the name of a series on the page. */
export const SOURCES: ReadonlyMap<string, Source> = everySource();

/** Every name that a translation can give. */
export const TARGETS: ReadonlySet<string> = new Set(
  [...SOURCES.values()].flatMap(({ translations }) => translations.map(({ to }) => to)),
);
