import type { Factory, Kind } from '#component';

type Load = () => Promise<{ default: Factory }>;

/**
 * Every component, by kind and type. Literal imports: typed, greppable, and only what the YAML names is loaded. Deleting a
 * component is deleting its folder and its line here.
 */
export const components: Record<Kind, Record<string, Load>> = {
  receiver: {
    cgroup: () => import('../receivers/cgroup/cgroup.ts'),
    conntrack: () => import('../receivers/conntrack/conntrack.ts'),
    coredns: () => import('../receivers/coredns/coredns.ts'),
    corefile: () => import('../receivers/corefile/corefile.ts'),
    dns_probe: () => import('../receivers/dns_probe/dns_probe.ts'),
    dns_sockets: () => import('../receivers/dns_sockets/dns_sockets.ts'),
    dnsmasq: () => import('../receivers/dnsmasq/dnsmasq.ts'),
    ethtool: () => import('../receivers/ethtool/ethtool.ts'),
    localdns: () => import('../receivers/localdns/localdns.ts'),
    prometheus: () => import('../receivers/prometheus/prometheus.ts'),
    resolv_conf: () => import('../receivers/resolv_conf/resolv_conf.ts'),
  },
  processor: {
    batch: () => import('../processors/batch/batch.ts'),
    memory_limiter: () => import('../processors/memory_limiter/memory_limiter.ts'),
    relabel: () => import('../processors/relabel/relabel.ts'),
  },
  exporter: {
    debug: () => import('../exporters/debug/debug.ts'),
    file: () => import('../exporters/file/file.ts'),
    otlphttp: () => import('../exporters/otlphttp/otlphttp.ts'),
    prometheus: () => import('../exporters/prometheus/prometheus.ts'),
    prometheusremotewrite: () => import('../exporters/prometheusremotewrite/prometheusremotewrite.ts'),
  },
  extension: {
    basicauth: () => import('../extensions/basicauth/basicauth.ts'),
    bearertokenauth: () => import('../extensions/bearertokenauth/bearertokenauth.ts'),
    file_storage: () => import('../extensions/file_storage/file_storage.ts'),
    health_check: () => import('../extensions/health_check/health_check.ts'),
    oauth2client: () => import('../extensions/oauth2client/oauth2client.ts'),
    sigv4auth: () => import('../extensions/sigv4auth/sigv4auth.ts'),
  },
};
