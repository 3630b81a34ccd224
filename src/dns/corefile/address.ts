import { isIPv4 } from 'node:net';
import { addressBytes } from './ip.ts';

/** One zone that a server block answers, and where. */
export interface ServerAddress {
  /** `dns` unless the key has a scheme. */
  readonly transport: string;
  /** In lower case with a dot at its end; the reverse zone of a network such as `10.0.0.0/8`. */
  readonly zone: string;
  readonly port: string;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  dns: '53',
  tls: '853',
  quic: '853',
  grpc: '443',
  https: '443',
  https3: '443',
};

/** `tls://1.1.1.1` as `['tls', '1.1.1.1']`; `dns` where there is no scheme that CoreDNS knows. */
export function splitTransport(text: string): [transport: string, rest: string] {
  const scheme = /^(dns|tls|quic|grpc|https3?|unix):\/\//.exec(text);
  return scheme ? [scheme[1]!, text.slice(scheme[0].length)] : ['dns', text];
}

export const defaultPort = (transport: string): string => DEFAULT_PORTS[transport] ?? '';

/**
 * What a block's key stands for: several zones for a network that ends within an octet (IPv4) or a nibble (IPv6), none for a key
 * that CoreDNS refuses. Where no port is given, it is the transport's (CoreDNS's `-dns.port` is not seen here).
 */
export function serverAddresses(key: string): ServerAddress[] {
  const [transport, rest] = splitTransport(key);
  if (rest.endsWith(':')) return [];
  const colon = rest.lastIndexOf(':');
  const hasPort = colon >= 0 && /^[+-]?\d+$/.test(rest.slice(colon + 1));
  const host = hasPort ? rest.slice(0, colon) : rest;
  const port = hasPort ? String(Number(rest.slice(colon + 1))) : defaultPort(transport);
  if (host.length > 255) return [];
  const zones = reverseZones(host) ?? [host];
  return zones.map((zone) => ({ transport, zone: normalName(zone), port }));
}

/** A name in lower case, with a dot at its end. */
export function normalName(name: string): string {
  return name.endsWith('.') ? name.toLowerCase() : `${name.toLowerCase()}.`;
}

/** The zones below in-addr.arpa or ip6.arpa that make up a network; undefined when it is none. */
export function reverseZones(network: string): string[] | undefined {
  const [address, length, more] = network.split('/');
  const bytes = addressBytes(address!);
  const isV4 = isIPv4(address!);
  if (!bytes || more !== undefined || !length || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = Number(length);
  if (bits > bytes.length * 8) return undefined;
  const width = isV4 ? 8 : 4;
  const digits = isV4 ? [...bytes] : [...bytes].flatMap((byte) => [byte >> 4, byte & 15]);
  const suffix = isV4 ? 'in-addr.arpa.' : 'ip6.arpa.';
  const whole = Math.ceil(bits / width);
  const open = whole * width - bits;
  const kept = digits.slice(0, whole);
  const last = kept.pop();
  if (last === undefined) return [suffix];
  const first = (last >> open) << open;
  return Array.from({ length: 1 << open }, (_, i) =>
    [...kept, first + i]
      .reverse()
      .map((digit) => digit.toString(isV4 ? 10 : 16))
      .concat(suffix)
      .join('.'),
  );
}
