import {
  type HostRoot,
  type PortFilter,
  parseProtocolCounters,
  parseSnmp6,
  parseTcpSockets,
  parseUdpSockets,
  type Socket,
  type UdpSocket,
} from '#linux';

/** The UDP sockets of a process' network namespace; undefined when the process is gone. */
export function readUdp(root: HostRoot, pid: number, wanted: PortFilter): UdpSocket[] | undefined {
  const ipv4 = root.read(`/proc/${pid}/net/udp`);
  if (ipv4 === undefined) return undefined;
  // A kernel without IPv6 has no such file.
  const ipv6 = root.read(`/proc/${pid}/net/udp6`) ?? '';
  return [...parseUdpSockets(ipv4, wanted), ...parseUdpSockets(ipv6, wanted)];
}

export function readTcp(root: HostRoot, pid: number, wanted: PortFilter): Socket[] {
  return ['tcp', 'tcp6'].flatMap((table) => parseTcpSockets(root.read(`/proc/${pid}/net/${table}`) ?? '', wanted));
}

/** UDP counters by the kernel's names (`InDatagrams`), of both families. */
export interface UdpCounters {
  readonly ipv4: ReadonlyMap<string, number>;
  readonly ipv6: ReadonlyMap<string, number>;
}

const NONE: ReadonlyMap<string, number> = new Map();

export function readCounters(root: HostRoot, pid: number): UdpCounters {
  const ipv4 = parseProtocolCounters(root.read(`/proc/${pid}/net/snmp`) ?? '').get('Udp') ?? NONE;
  const ipv6 = new Map<string, number>();
  for (const [name, value] of parseSnmp6(root.read(`/proc/${pid}/net/snmp6`) ?? '')) {
    if (name.startsWith('Udp6')) ipv6.set(name.slice(4), value);
  }
  return { ipv4, ipv6 };
}

/** Of both families together. */
export function total({ ipv4, ipv6 }: UdpCounters, name: string): number {
  return (ipv4.get(name) ?? 0) + (ipv6.get(name) ?? 0);
}
