import { type Consumer, type Host, type Receiver, receiver } from '#component';
import { bool, duration, type Infer, object, oneOf, optional, string, strings, withDefault } from '#config';
import { collecting, collectionFields, sampling } from '#kit';
import { createRoot, libc } from '#linux';
import { EthtoolCollector } from './collector.ts';
import { chooser, listDevices } from './devices.ts';
import { METRICS } from './metrics.ts';
import { allPlaces, ownPlaceOnly, type Places } from './places.ts';
import { openSource, type Source } from './source.ts';

const filter = (what: string, include: readonly string[] = []) =>
  object({
    include: withDefault(strings(), include, `Only these ${what}; \`*\` and \`?\` match within a name. Empty: all.`),
    exclude: withDefault(strings(), [], 'And not these.'),
  });

const config = object({
  ...collectionFields,
  root_path: withDefault(
    string({ nonEmpty: true }),
    '/',
    "Where the host's file system is seen; its `sys/class/net` lists the interfaces.",
  ),
  naming: withDefault(
    oneOf('ethtool_exporter', 'node_exporter'),
    'ethtool_exporter',
    'Names as the exporter of the AWS blog has them, or as node_exporter has.',
  ),
  devices: withDefault(filter('interfaces'), {}, ''),
  virtual_devices: withDefault(bool(), false, 'Also interfaces without hardware: lo, veth, bridges, bonds.'),
  network_namespaces: withDefault(
    oneOf('host', 'pods', 'all'),
    'host',
    'Whose interfaces: of the own network namespace, of every pod too, or of every process. Needs CAP_SYS_ADMIN but for `host`.',
  ),
  statistics: withDefault(filter('statistics'), {}, ''),
  sampling_interval: optional(
    duration({ min: 10 }),
    'Look at the sampled statistics this often between collections, `100ms` usually; without it not at all.',
  ),
  sampled_statistics: withDefault(
    filter('statistics', ['*_allowance_exceeded']),
    {},
    'Statistics that count up and are looked at between collections.',
  ),
});

export default receiver({
  type: 'ethtool',
  summary: 'Statistics of network interfaces, the ENA allowance counters of AWS among them, and their bursts',
  stability: 'beta',
  config,
  metrics: METRICS,
  create(options, host, next) {
    const { source, fallback } = openSource();
    if (fallback) host.log.warn('libc cannot be reached: runs the ethtool program, without sampling', { fallback });
    return readFrom(source, options, host, next);
  },
});

type Options = Infer<typeof config>;

/** The receiver on any source: the kernel, the program, or a test's. */
export function readFrom(source: Source, options: Options, host: Host, next: Consumer): Receiver {
  const interval = options.sampling_interval;
  const isDevice = chooser(options.devices.include, options.devices.exclude);
  const isSampled = chooser(options.sampled_statistics.include, options.sampled_statistics.exclude);
  const own = ownPlaceOnly(source, () => listDevices(options.root_path, options.virtual_devices).filter(isDevice));
  const places = placesFor(options, own, host, (name) => name !== 'lo' && isDevice(name));
  const collector = new EthtoolCollector(host, {
    naming: options.naming,
    isWanted: chooser(options.statistics.include, options.statistics.exclude),
    isSampled: (name) => interval !== undefined && isSampled(name),
  });
  const looks =
    interval !== undefined && source.kernel ? sampling(host.clock, interval, (now) => collector.look(now)) : undefined;
  const rounds = collecting(options, host, next, 'interfaces', async (signal) => {
    const batch = await collector.collect(await places.list(signal), signal);
    looks?.onlyIf(collector.isWatching);
    if (places.trouble) host.report('recoverable', places.trouble);
    else host.report('ok');
    return batch;
  });
  return {
    async start() {
      rounds.start();
    },
    async stop() {
      await rounds.stop();
      looks?.stop();
      await places.close();
    },
  };
}

function placesFor(
  { network_namespaces, root_path }: Options,
  own: Places,
  host: Host,
  wanted: (name: string) => boolean,
) {
  if (network_namespaces === 'host') return own;
  const door = libc();
  if (door) return allPlaces(createRoot(root_path), door, own, network_namespaces, wanted);
  host.log.warn('reads the own network namespace only: libc cannot be reached', { network_namespaces });
  return own;
}
