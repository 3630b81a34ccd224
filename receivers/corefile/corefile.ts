import { receiver } from '#component';
import { duration, list, mapOf, object, string, withDefault } from '#config';
import { poll } from '#kit';
import { CorefileCollector } from './collector.ts';
import { ALL_METRICS } from './metrics.ts';

const absolute = string({
  nonEmpty: true,
  check: (path) => (path.startsWith('/') ? undefined : 'must be an absolute path, as the host sees it'),
});

const config = object({
  collection_interval: withDefault(duration({ min: 1 }), '1m', 'Time between the starts of two collections.'),
  initial_delay: withDefault(duration(), '1s', 'Time before the first collection.'),
  timeout: withDefault(duration(), '0s', 'Ends a collection that takes longer; `0s`: never.'),
  root_path: withDefault(
    string({ nonEmpty: true }),
    '/',
    "Where the host's file system is seen, such as `/hostfs` in a pod that mounts it there.",
  ),
  paths: withDefault(
    list(absolute, { min: 1 }),
    ['/etc/coredns/Corefile'],
    'Corefiles. `*` and `?` match within one step, `**` any number of steps.',
  ),
  import_root: withDefault(
    string({ check: (path) => (path === '' || path.startsWith('/') ? undefined : 'must be an absolute path') }),
    '',
    "Files are imported from this folder only; empty: from each Corefile's own.",
  ),
  env: withDefault(
    mapOf(string()),
    {},
    "CoreDNS's environment, for `{$NAME}` in Corefiles; the agent's own is not used.",
  ),
});

export default receiver({
  type: 'corefile',
  summary: "CoreDNS's configuration: upstreams, binds, plugins, and the numbers that decide incidents",
  stability: 'beta',
  config,
  metrics: ALL_METRICS.map(({ name, type, help, labels }) => ({ name, type, help, labels })),
  create(options, host, next) {
    const collector = new CorefileCollector(host, {
      paths: options.paths,
      rootPath: options.root_path,
      importRoot: options.import_root,
      env: Object.fromEntries(options.env),
    });
    const rounds = poll({
      clock: host.clock,
      interval: options.collection_interval,
      initialDelay: options.initial_delay,
      timeout: options.timeout,
      async round(signal) {
        const batch = await collector.collect(signal);
        if (batch.length) await next.consume(batch, signal);
      },
      onError: (error) => host.log.warn('this collection of Corefiles could not be made or handed on', { error }),
    });
    return {
      async start() {
        rounds.start();
      },
      stop: () => rounds.stop(),
    };
  },
});
