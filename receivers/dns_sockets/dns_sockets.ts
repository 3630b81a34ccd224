import { receiver } from '#component';
import { duration, int, list, object, oneOf, optional, string, strings, withDefault } from '#config';
import { poll, sampling } from '#kit';
import { createRoot } from '#linux';
import { DnsSocketsCollector } from './collector.ts';
import { METRICS } from './metrics.ts';
import { SERVERS } from './servers.ts';

const config = object({
  collection_interval: withDefault(duration({ min: 1 }), '1m', 'Time between the starts of two collections.'),
  initial_delay: withDefault(duration(), '1s', 'Time before the first collection.'),
  timeout: withDefault(duration(), '0s', 'Ends a collection that takes longer; `0s`: never.'),
  root_path: withDefault(
    string({ nonEmpty: true }),
    '/',
    "Where the host's file system is seen, such as `/hostfs` in a pod that mounts it there.",
  ),
  namespaces: withDefault(
    oneOf('host', 'pods', 'all'),
    'all',
    'Which network namespaces: that of the host, also those of pods, or those of every process.',
  ),
  ports: withDefault(list(int({ min: 1, max: 65535 }), { min: 1 }), [53], 'Ports that DNS is spoken on.'),
  hanging_after: withDefault(
    duration({ min: 1 }),
    '1s',
    'A lookup that takes longer hangs. A collection takes as long when there is one to look at twice.',
  ),
  dns_servers: withDefault(
    strings(),
    SERVERS,
    'Programs, by comm (at most 15 bytes), whose own sockets to other servers are no lookups.',
  ),
  sampling_interval: optional(
    duration({ min: 10 }),
    'Look this often between collections, `1s` usually, for the metrics whose names say `peak`; without it not at all.',
  ),
});

export default receiver({
  type: 'dns_sockets',
  summary: 'DNS sockets of every network namespace: drops, queues, TCP states, and lookups that hang right now',
  stability: 'beta',
  config,
  metrics: Object.values(METRICS),
  create(options, host, next) {
    const interval = options.sampling_interval;
    const collector = new DnsSocketsCollector(createRoot(options.root_path), host, {
      ports: new Set(options.ports),
      namespaces: options.namespaces,
      servers: new Set(options.dns_servers),
      hangingAfter: options.hanging_after,
      isSampled: interval !== undefined,
    });
    const samples = interval && sampling(host.clock, interval, (now) => collector.sample(now));
    const rounds = poll({
      clock: host.clock,
      interval: options.collection_interval,
      initialDelay: options.initial_delay,
      timeout: options.timeout,
      async round(signal) {
        const batch = await collector.collect(signal);
        if (batch.length) await next.consume(batch, signal);
      },
      onError: (error) => host.log.warn('this collection of DNS sockets could not be made or handed on', { error }),
    });
    return {
      async start() {
        rounds.start();
        if (samples) samples.start();
      },
      stop() {
        if (samples) samples.stop();
        return rounds.stop();
      },
    };
  },
});
