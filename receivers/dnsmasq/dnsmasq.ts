import { receiver } from '#component';
import { bool, duration, int, object, optional, withDefault } from '#config';
import { collecting, collectionFields, rootPathField, sampling } from '#kit';
import { createRoot } from '#linux';
import { DnsmasqCollector } from './collector.ts';
import { METRICS } from './metrics.ts';

const config = object({
  ...collectionFields,
  root_path: rootPathField,
  sampling_interval: optional(
    duration({ min: 10 }),
    'Count the processes this often between collections, `100ms` usually; without it not at all.',
  ),
  port: optional(
    int({ min: 1, max: 65535 }),
    'The port to read sockets of; without it the one that each dnsmasq was told, or 53.',
  ),
  statistics: withDefault(bool(), true, 'Whether to ask dnsmasq for its cache statistics, where it can be reached.'),
  query_timeout: withDefault(duration({ min: 1 }), '2s', 'Time to wait for each answer about statistics.'),
  kube_dns_names: withDefault(
    bool(),
    false,
    "Also make the `kubedns_dnsmasq_*` metrics of kube-dns' sidecar, of dnsmasq in our own network namespace.",
  ),
});

export default receiver({
  type: 'dnsmasq',
  summary: 'Every dnsmasq of the node: processes and their limit, sockets, cache statistics',
  stability: 'beta',
  config,
  metrics: METRICS,
  create(options, host, next) {
    const { sampling_interval: interval } = options;
    const collector = new DnsmasqCollector(createRoot(options.root_path), createRoot('/'), host, {
      port: options.port,
      isSampled: interval !== undefined,
      asksStatistics: options.statistics,
      queryTimeout: options.query_timeout,
      kubeDnsNames: options.kube_dns_names,
    });
    const looks = interval === undefined ? undefined : sampling(host.clock, interval, (now) => collector.look(now));
    const rounds = collecting(options, host, next, 'dnsmasq', async (signal) => {
      const batch = await collector.collect(signal);
      host.report('ok');
      looks?.onlyIf(collector.isWatching);
      return batch;
    });
    return {
      async start() {
        rounds.start();
      },
      async stop() {
        await rounds.stop();
        looks?.stop();
        collector.close();
      },
    };
  },
});
