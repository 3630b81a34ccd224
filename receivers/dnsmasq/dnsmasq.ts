import { receiver } from '#component';
import { bool, duration, int, object, optional, string, withDefault } from '#config';
import { poll, sampling } from '#kit';
import { createRoot } from '#linux';
import { DnsmasqCollector } from './collector.ts';
import { METRICS } from './metrics.ts';

const config = object({
  collection_interval: withDefault(duration({ min: 1 }), '1m', 'Time between the starts of two collections.'),
  initial_delay: withDefault(duration(), '1s', 'Time before the first collection.'),
  timeout: withDefault(duration(), '0s', 'Ends a collection that takes longer; `0s`: never.'),
  root_path: withDefault(
    string({ nonEmpty: true }),
    '/',
    "Where the host's file system is seen, such as `/hostfs` in a pod that mounts it there.",
  ),
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
    const rounds = poll({
      clock: host.clock,
      interval: options.collection_interval,
      initialDelay: options.initial_delay,
      timeout: options.timeout,
      async round(signal) {
        const batch = await collector.collect(signal);
        host.report('ok');
        // To wake up for nothing costs as much as for something.
        if (collector.isWatching) looks?.start();
        else looks?.stop();
        if (batch.length) await next.consume(batch, signal);
      },
      onError: (error) => host.log.warn('this collection of dnsmasq could not be made or handed on', { error }),
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
