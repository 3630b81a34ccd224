import {
  type Endpoint,
  type HostRoot,
  parseTcpSockets,
  parseUdpSockets,
  type Socket,
  type SocketState,
  socketsOfProcess,
  TCP_STATES,
} from '#linux';

/** What the kernel knows of one dnsmasq's port. */
export interface PortReading {
  /** Connections that wait to be accepted, by `address:port`. */
  readonly listeners: Map<string, number>;
  /** UDP sockets by `address:port`. */
  readonly datagrams: Map<string, { queue: number; drops: number; local: Endpoint }>;
  readonly connections: Map<SocketState, number>;
}

/** The states of a connection that somebody made to us. */
export const STATES = TCP_STATES.filter((state) => state !== 'listen' && state !== 'syn_sent');

/**
 * Reads the tables of the process' network namespace. Others may listen on the same port of other addresses
 * (systemd-resolved does): where we may see which sockets are the process' own (same user or CAP_SYS_PTRACE), only those
 * count, and connections to their addresses.
 */
export function readPort(root: HostRoot, pid: number, port: number): PortReading {
  const atPort = (local: number) => local === port;
  const read = (file: string) => root.read(`/proc/${pid}/net/${file}`) ?? '';
  const tcp = ['tcp', 'tcp6'].flatMap((file) => parseTcpSockets(read(file), atPort));
  const udp = ['udp', 'udp6'].flatMap((file) => parseUdpSockets(read(file), atPort));
  const own = socketsOfProcess(root, pid);
  const isOwn = ({ inode }: Socket) => !own?.size || own.has(inode);

  const listening = tcp.filter((socket) => socket.state === 'listen' && isOwn(socket));
  const listeners: PortReading['listeners'] = new Map();
  for (const { local, receiveQueue } of listening) {
    const name = nameOf(local);
    listeners.set(name, (listeners.get(name) ?? 0) + receiveQueue);
  }
  const datagrams: PortReading['datagrams'] = new Map();
  for (const { local, receiveQueue, drops } of udp.filter((socket) => socket.remote.port === 0 && isOwn(socket))) {
    const name = nameOf(local);
    const { queue = 0, drops: before = 0 } = datagrams.get(name) ?? {};
    datagrams.set(name, { queue: queue + receiveQueue, drops: before + drops, local });
  }
  const connections = new Map<SocketState, number>();
  const isToUs = addressFilter(listening.map(({ local }) => local.address));
  for (const { state, local } of tcp) {
    if (state !== 'listen' && isToUs(local.address)) connections.set(state, (connections.get(state) ?? 0) + 1);
  }
  return { listeners, datagrams, connections };
}

function addressFilter(addresses: readonly string[]): (address: string) => boolean {
  const set = new Set(addresses);
  const any4 = set.has('0.0.0.0');
  const any6 = set.has('::');
  return (address) => set.has(address) || (address.includes(':') ? any6 : any4 || any6);
}

function nameOf({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Where to ask: the first of its UDP sockets, IPv4 before IPv6. */
export function addressToAsk({ datagrams }: PortReading): Endpoint | undefined {
  const all = [...datagrams.values()].map(({ local }) => local);
  const local = all.find(({ address }) => !address.includes(':')) ?? all[0];
  if (!local) return undefined;
  if (local.address === '0.0.0.0') return { address: '127.0.0.1', port: local.port };
  return local.address === '::' ? { address: '::1', port: local.port } : local;
}
