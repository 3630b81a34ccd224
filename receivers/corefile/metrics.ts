import type { MetricDeclaration } from '#component';
import { type Family, makeFamily } from '#metrics';

export interface CorefileMetric extends MetricDeclaration {
  readonly family: Family;
  /** In the order in which samples give their values. */
  readonly labels: readonly string[];
}

const FILE = ['corefile'];
const BLOCK = [...FILE, 'block', 'bind'];
const FORWARD = [...BLOCK, 'from'];
const CACHE_TYPE = [...BLOCK, 'type'];

function gauge(name: string, labels: readonly string[], help: string): CorefileMetric {
  return { name, type: 'gauge', help, labels, family: makeFamily(name, 'gauge', help) };
}

export const METRICS = {
  parseSuccess: gauge('corefile_parse_success', FILE, 'Whether the Corefile, as it is now, could be read and parsed.'),
  lastLoad: gauge(
    'corefile_last_load_timestamp_seconds',
    FILE,
    'When the Corefile and its imports, as they are reported, were first read with success.',
  ),
  blocks: gauge('corefile_blocks', FILE, 'Server blocks.'),
  server: gauge(
    'corefile_server_info',
    [...BLOCK, 'transport', 'zone', 'port'],
    'A zone that a block answers, and where; reverse zones for networks. Always 1.',
  ),
  bind: gauge('corefile_bind_info', [...BLOCK, 'address'], 'An address or interface that a block binds to. Always 1.'),
  plugin: gauge('corefile_plugin_info', [...BLOCK, 'plugin'], 'A plugin that a block uses. Always 1.'),
  upstream: gauge(
    'corefile_forward_upstream_info',
    [...FORWARD, 'to', 'transport', 'address', 'port', 'server_name'],
    'A server that a block forwards to; to is as written, and a file gives each of its nameservers. Always 1.',
  ),
  upstreams: gauge('corefile_forward_upstreams', FORWARD, 'Servers forwarded to, those of files included.'),
  unresolved: gauge(
    'corefile_forward_unresolved_info',
    [...FORWARD, 'to', 'reason'],
    'An upstream that is no address and no file that could be read. Always 1.',
  ),
  policy: gauge('corefile_forward_policy_info', [...FORWARD, 'policy'], 'How an upstream is chosen. Always 1.'),
  except: gauge('corefile_forward_except_info', [...FORWARD, 'zone'], 'A zone that is not forwarded. Always 1.'),
  expire: gauge('corefile_forward_expire_seconds', FORWARD, 'How long an idle connection to an upstream is kept.'),
  readTimeout: gauge('corefile_forward_read_timeout_seconds', FORWARD, 'How long an upstream may take to answer.'),
  maxConcurrent: gauge(
    'corefile_forward_max_concurrent',
    FORWARD,
    'Queries under way beyond which more are refused; absent when there is no limit.',
  ),
  forceTcp: gauge('corefile_forward_force_tcp', FORWARD, 'Whether upstreams are asked by TCP only.'),
  preferUdp: gauge('corefile_forward_prefer_udp', FORWARD, 'Whether upstreams are asked by UDP first for TCP clients.'),
  healthCheck: gauge(
    'corefile_forward_health_check_interval_seconds',
    FORWARD,
    'Time between checks of an upstream that failed; 0 when it is never checked.',
  ),
  maxFails: gauge(
    'corefile_forward_max_fails',
    FORWARD,
    'Failed checks after which an upstream counts as down; 0: it never does.',
  ),
  failfast: gauge(
    'corefile_forward_failfast_all_unhealthy_upstreams',
    FORWARD,
    'Whether SERVFAIL is answered at once while all upstreams are down.',
  ),
  cacheCapacity: gauge('corefile_cache_capacity', CACHE_TYPE, 'Answers that the cache holds at most.'),
  cacheMaxTtl: gauge('corefile_cache_max_ttl_seconds', CACHE_TYPE, 'The longest that an answer is kept.'),
  cacheMinTtl: gauge('corefile_cache_min_ttl_seconds', CACHE_TYPE, 'The shortest that an answer is kept.'),
  cacheServfail: gauge('corefile_cache_servfail_ttl_seconds', BLOCK, 'How long a SERVFAIL is kept; 0: not at all.'),
  cacheStale: gauge(
    'corefile_cache_serve_stale_seconds',
    [...BLOCK, 'mode'],
    'How long an answer is served after its TTL; absent when none is.',
  ),
  cachePrefetch: gauge(
    'corefile_cache_prefetch_requests',
    BLOCK,
    'Requests of a name after which it is asked again before its TTL ends; absent when prefetch is off.',
  ),
} as const satisfies Record<string, CorefileMetric>;

export const ALL_METRICS: readonly CorefileMetric[] = Object.values(METRICS);
