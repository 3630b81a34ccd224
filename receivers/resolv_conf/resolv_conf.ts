import { isIP } from 'node:net';
import { receiver } from '#component';
import { object, oneOf, string, strings, withDefault } from '#config';
import { nameFault } from '#dns';
import { collecting, collectionFields, rootPathField } from '#kit';
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
  ...collectionFields,
  root_path: rootPathField,
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
    const rounds = collecting(options, host, next, 'resolv.conf files', (signal) => collector.collect(signal));
    return {
      async start() {
        rounds.start();
      },
      stop: () => rounds.stop(),
    };
  },
});
