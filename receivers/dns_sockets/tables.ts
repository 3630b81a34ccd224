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
  const inUse = readInUse(root, pid);
  if (inUse === undefined) return undefined;
  return tables(root, pid, 'udp', inUse).flatMap((text) => parseUdpSockets(text, wanted));
}

export function readTcp(root: HostRoot, pid: number, wanted: PortFilter): Socket[] {
  const inUse = readInUse(root, pid) ?? '';
  return tables(root, pid, 'tcp', inUse).flatMap((text) => parseTcpSockets(text, wanted));
}

/**
 * A /proc/PID/net/sockstat and sockstat6: how many sockets of each kind the namespace has. Undefined when the process is gone.
 * For a table the kernel goes through those of all namespaces, some 4 ms for TCP: one that is empty had better not be read.
 */
function readInUse(root: HostRoot, pid: number): string | undefined {
  const ipv4 = root.read(`/proc/${pid}/net/sockstat`);
  // A kernel without IPv6 has no such file.
  return ipv4 === undefined ? undefined : ipv4 + (root.read(`/proc/${pid}/net/sockstat6`) ?? '');
}

function tables(root: HostRoot, pid: number, protocol: 'tcp' | 'udp', inUse: string): string[] {
  return [protocol, `${protocol}6`]
    .filter((name) => {
      // `tw` counts what waits for its end, which is not in use. It stands in the line of IPv4, for both.
      const line = new RegExp(`^${name.toUpperCase()}: inuse (\\d+)(?:.* tw (\\d+))?`, 'm').exec(inUse);
      return Number(line?.[1] ?? 0) + Number(line?.[2] ?? 0) > 0;
    })
    .map((name) => root.read(`/proc/${pid}/net/${name}`) ?? '');
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
