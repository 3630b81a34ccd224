import { isIP } from 'node:net';

/** The resource attributes that `job` and `instance` tell of a target, as the Collector's `prometheus` receiver names them. */
export function serviceAttributes(job: string, instance: string): Map<string, string> {
  const all = new Map<string, string>();
  if (job) all.set('service.name', job);
  if (!instance) return all;
  all.set('service.instance.id', instance);
  const { host, port } = splitHostPort(instance);
  if (tellsHosts(host)) all.set('server.address', host);
  if (port) all.set('server.port', port);
  return all;
}

function splitHostPort(instance: string): { host: string; port: string } {
  const parts = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(instance);
  return parts ? { host: parts[1] ?? parts[2] ?? '', port: parts[3]! } : { host: instance, port: '' };
}

/** Not for an address that every machine has. */
function tellsHosts(host: string): boolean {
  if (!host || host === 'localhost') return false;
  return isIP(host) ? !/^(127\.|0\.0\.0\.0$|::1?$)/.test(host) : true;
}
