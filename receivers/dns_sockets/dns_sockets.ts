import { receiver } from '#component';
import { duration, int, list, object, oneOf, optional, strings, withDefault } from '#config';
import { collecting, collectionFields, rootPathField, sampling } from '#kit';
import { createRoot } from '#linux';
import { DnsSocketsCollector } from './collector.ts';
import { METRICS } from './metrics.ts';
import { SERVERS } from './servers.ts';

const config = object({
  ...collectionFields,
  root_path: rootPathField,
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
    const rounds = collecting(options, host, next, 'DNS sockets', (signal) => collector.collect(signal));
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
