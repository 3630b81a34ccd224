import { receiver } from '#component';
import { duration, object, optional, string, withDefault } from '#config';
import { poll, sampling } from '#kit';
import { createRoot } from '#linux';
import { ConntrackCollector } from './collector.ts';
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
    'Look this often between collections, `100ms` usually, and report peaks; without it not at all.',
  ),
});

export default receiver({
  type: 'conntrack',
  summary: "The host's connection tracking table: how full it is, and packets lost in it",
  stability: 'beta',
  config,
  metrics: METRICS,
  create(options, host, next) {
    const interval = options.sampling_interval;
    const collector = new ConntrackCollector(createRoot(options.root_path), host, interval !== undefined);
    const rounds = poll({
      clock: host.clock,
      interval: options.collection_interval,
      initialDelay: options.initial_delay,
      timeout: options.timeout,
      async round(signal) {
        const batch = collector.collect();
        if (batch.length) await next.consume(batch, signal);
      },
      onError: (error) =>
        host.log.warn('this collection of connection tracking could not be made or handed on', { error }),
    });
    const looks = interval === undefined ? undefined : sampling(host.clock, interval, (now) => collector.look(now));
    return {
      async start() {
        rounds.start();
        looks?.start();
      },
      async stop() {
        looks?.stop();
        await rounds.stop();
      },
    };
  },
});
