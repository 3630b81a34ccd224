import { isIP } from 'node:net';
import { receiver } from '#component';
import { duration, object, oneOf, string, strings, withDefault } from '#config';
import { nameFault } from '#dns';
import { poll } from '#kit';
import { createRoot } from '#linux';
import { ResolvConfCollector } from './collector.ts';
import { METRICS } from './metrics.ts';

const address = string({ check: (text) => (isIP(text) ? undefined : 'is not an IP address') });
const name = string({
  nonEmpty: true,
  check(text) {
    const fault = nameFault(text);
    return fault && `is no domain name: ${fault}`;
  },
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
  namespaces: withDefault(
    oneOf('host', 'pods', 'all'),
    'all',
    'Whose to read: those of the host, of the host and every pod, or of every process.',
  ),
  expected_nameservers: withDefault(
    strings(address),
    [],
    'Addresses that may stand in the files, such as that of the cluster DNS. Empty: none is judged.',
  ),
  external_name: withDefault(
    name,
    'www.example.com',
    'The name whose queries are counted, as a program would write it. It is not asked.',
  ),
});

export default receiver({
  type: 'resolv_conf',
  summary: "What every container's resolv.conf says, what a name costs by it, and whether there is a default route",
  stability: 'beta',
  config,
  metrics: Object.values(METRICS),
  create(options, host, next) {
    const collector = new ResolvConfCollector(createRoot(options.root_path), host, {
      namespaces: options.namespaces,
      nameservers: options.expected_nameservers,
      externalName: options.external_name,
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
      onError: (error) =>
        host.log.warn('this collection of resolv.conf files could not be made or handed on', { error }),
    });
    return {
      async start() {
        rounds.start();
      },
      stop: () => rounds.stop(),
    };
  },
});
