import { receiver } from '#component';
import { bool, object, string, withDefault } from '#config';
import { collecting, collectionFields, rootPathField } from '#kit';
import { LocaldnsCollector } from './collector.ts';
import { METRICS } from './metrics.ts';

const absolute = string({
  nonEmpty: true,
  check: (path) => (path.startsWith('/') ? undefined : 'must be an absolute path, as the host sees it'),
});

const config = object({
  ...collectionFields,
  root_path: rootPathField,
  corefile: withDefault(
    absolute,
    '/opt/azure/containers/localdns/updated.localdns.corefile',
    "CoreDNS's configuration, with the upstreams that it really uses.",
  ),
  pid_file: withDefault(absolute, '/run/localdns.pid', "The file that names CoreDNS's process."),
  cgroup: withDefault(
    absolute,
    '/sys/fs/cgroup/localdns.slice/localdns.service',
    'The cgroup (version 2) of the service.',
  ),
  missing_as_zero: withDefault(
    bool(),
    true,
    'Show memory and CPU time as 0 when the cgroup has gone, as the original does; false: make no sample of what is not known.',
  ),
});

export default receiver({
  type: 'localdns',
  summary: 'AKS localdns: its process, CPU, memory and upstreams, under the names of its own exporter',
  stability: 'beta',
  config,
  metrics: METRICS,
  create(options, host, next) {
    const collector = new LocaldnsCollector(host, {
      rootPath: options.root_path,
      corefile: options.corefile,
      pidFile: options.pid_file,
      cgroup: options.cgroup,
      missingAsZero: options.missing_as_zero,
    });
    const rounds = collecting(options, host, next, 'localdns', () => collector.collect());
    return {
      async start() {
        rounds.start();
      },
      stop: () => rounds.stop(),
    };
  },
});
