import { receiver } from '#component';
import { poll } from '#kit';
import { createRoot } from '#linux';
import { config } from './config.ts';
import { ALL_METRICS } from './metrics.ts';
import { Prober } from './prober.ts';
import { allSpaces, ownSpaceOnly } from './spaces.ts';

export default receiver({
  type: 'dns_probe',
  aliases: ['dns_check'],
  summary: 'Asks DNS servers real questions, from the host and from inside of pods, and says what became of them',
  stability: 'beta',
  config,
  metrics: ALL_METRICS,
  create(options, host, next) {
    const root = createRoot(options.root_path);
    const whose = options.network_namespaces;
    const spaces = whose === 'host' ? ownSpaceOnly(root) : allSpaces(root, whose);
    const prober = new Prober(host, options, spaces);
    const rounds = poll({
      clock: host.clock,
      interval: options.collection_interval,
      initialDelay: options.initial_delay,
      async round(signal) {
        const batch = await prober.collect(signal);
        if (batch.length) await next.consume(batch, signal);
      },
      onError: (error) => host.log.warn('this collection of DNS probes could not be made or handed on', { error }),
    });
    return {
      async start() {
        rounds.start();
      },
      async stop() {
        await rounds.stop();
        prober.close();
        await spaces.close();
      },
    };
  },
});
