import { receiver } from '#component';
import { duration, object, optional } from '#config';
import { collecting, collectionFields, rootPathField, sampling } from '#kit';
import { createRoot } from '#linux';
import { ConntrackCollector } from './collector.ts';
import { METRICS } from './metrics.ts';

const config = object({
  ...collectionFields,
  root_path: rootPathField,
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
    const looks = interval === undefined ? undefined : sampling(host.clock, interval, (now) => collector.look(now));
    const rounds = collecting(options, host, next, 'connection tracking', () => {
      const batch = collector.collect();
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
      },
    };
  },
});
