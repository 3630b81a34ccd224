import { receiver } from '#component';
import { list, mapOf, object, string, withDefault } from '#config';
import { collecting, collectionFields, rootPathField } from '#kit';
import { CorefileCollector } from './collector.ts';
import { ALL_METRICS } from './metrics.ts';

const absolute = string({
  nonEmpty: true,
  check: (path) => (path.startsWith('/') ? undefined : 'must be an absolute path, as the host sees it'),
});

const config = object({
  ...collectionFields,
  root_path: rootPathField,
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
    const rounds = collecting(options, host, next, 'Corefiles', (signal) => collector.collect(signal));
    return {
      async start() {
        rounds.start();
      },
      stop: () => rounds.stop(),
    };
  },
});
