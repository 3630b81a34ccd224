/**
 * The tables of sockets and counters in /proc/PID/net, each of that process' network namespace; anyone may read them
 * (Documentation/networking/proc_net_tcp.rst, snmp_counter.rst). Pure: text in, numbers out; a line of another shape is
 * left out.
 */
import { endianness } from 'node:os';

/** States as the kernel numbers them from 1 on (include/net/tcp_states.h); UDP uses `established` and `close`. */
export const TCP_STATES = [
  'established',
  'syn_sent',
  'syn_recv',
  'fin_wait1',
  'fin_wait2',
  'time_wait',
  'close',
  'close_wait',
  'last_ack',
  'listen',
  'closing',
] as const;
export type SocketState = (typeof TCP_STATES)[number];

export interface Endpoint {
  /** An IPv4 address mapped into IPv6 is written as IPv4; IPv6 as RFC 5952 has it. */
  readonly address: string;
  readonly port: number;
}

export interface Socket {
  readonly local: Endpoint;
  /** Port 0 when it is not connected. */
  readonly remote: Endpoint;
  readonly state: SocketState;
  /** Bytes that wait to be sent or acknowledged. */
  readonly sendQueue: number;
  /**
   * Bytes that wait to be read; for UDP with the kernel's own overhead. For `listen`: connections that wait to be accepted
   * (their most, the backlog, is not in /proc).
   */
  readonly receiveQueue: number;
  readonly uid: number;
  /** 0 for `time_wait`, and for a connection that no process holds. Unique on the machine while the socket lives. */
  readonly inode: number;
}

export interface UdpSocket extends Socket {
  /** Datagrams thrown away since the socket was made, mostly because its receive queue was full. */
  readonly drops: number;
}

/** Says by its ports whether a socket is wanted; what is not costs little. */
export type PortFilter = (local: number, remote: number) => boolean;

const all: PortFilter = () => true;

/** A /proc/PID/net/tcp or tcp6. Listening sockets come first. */
export function parseTcpSockets(text: string, wanted: PortFilter = all): Socket[] {
  return parseSockets(text, wanted, (socket) => socket);
}

/** A /proc/PID/net/udp or udp6 (or udplite). */
export function parseUdpSockets(text: string, wanted: PortFilter = all): UdpSocket[] {
  // Very old kernels have no such column.
  return parseSockets(text, wanted, (socket, [, , , , , , , , , , , , drops = '0']) => {
    const count = decimal(drops);
    return Number.isNaN(count) ? undefined : { ...socket, drops: count };
  });
}

function parseSockets<T>(
  text: string,
  wanted: PortFilter,
  make: (socket: Socket, fields: string[]) => T | undefined,
): T[] {
  const found: T[] = [];
  for (const line of text.split('\n')) {
    const [, local, remote] = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) /.exec(line) ?? [];
    if (!local || !remote || !wanted(Number.parseInt(local, 16), Number.parseInt(remote, 16))) continue;
    const fields = line.trim().split(/ +/);
    const socket = parseSocket(fields);
    const made = socket && make(socket, fields);
    if (made !== undefined) found.push(made);
  }
  return found;
}

function parseSocket(fields: readonly string[]): Socket | undefined {
  const [, local = '', remote = '', state = '', queues = '', , , uid, , inode] = fields;
  const [, sendQueue = '', receiveQueue = ''] = /^([0-9A-F]{8}):([0-9A-F]{8})$/.exec(queues) ?? [];
  const socket = {
    local: parseEndpoint(local),
    remote: parseEndpoint(remote),
    state: TCP_STATES[Number.parseInt(state, 16) - 1],
    sendQueue: Number.parseInt(sendQueue, 16),
    receiveQueue: Number.parseInt(receiveQueue, 16),
    uid: decimal(uid),
    inode: decimal(inode),
  };
  const isSound = socket.local && socket.remote && socket.state;
  const numbers = socket.sendQueue + socket.receiveQueue + socket.uid + socket.inode;
  return isSound && !Number.isNaN(numbers) ? (socket as Socket) : undefined;
}

const decimal = (text = '') => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN);

const LITTLE = endianness() === 'LE';

/** `0100007F:0035`: words of 32 bits in the machine's order, and the port. */
function parseEndpoint(text: string): Endpoint | undefined {
  const [, words, port] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text) ?? [];
  if (!words || !port) return undefined;
  const bytes = Buffer.from(words, 'hex');
  if (LITTLE) bytes.swap32();
  return { address: formatAddress(bytes), port: Number.parseInt(port, 16) };
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.subarray(0, 12).equals(MAPPED)) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  // RFC 5952: the first of the longest runs of two or more zero groups becomes `::`.
  const runs = `:${groups.join(':')}:`.match(/:(?:0:){2,}/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (!longest) return groups.join(':');
  const text = `:${groups.join(':')}:`.replace(longest, '::');
  return text.replace(/^:(?!:)/, '').replace(/([^:]):$/, '$1');
}

/** The counters of a /proc/PID/net/snmp or netstat by protocol and column: `Udp` → `RcvbufErrors` → 3. */
export function parseProtocolCounters(text: string): Map<string, Map<string, number>> {
  const protocols = new Map<string, Map<string, number>>();
  const headers = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [protocol, ...words] = line.trim().split(/ +/);
    if (!protocol?.endsWith(':')) continue;
    const names = headers.get(protocol);
    if (!names) {
      headers.set(protocol, words);
      continue;
    }
    headers.delete(protocol);
    protocols.set(protocol.slice(0, -1), new Map(pairs(names, words)));
  }
  return protocols;
}

function* pairs(names: readonly string[], words: readonly string[]): Generator<[string, number]> {
  for (const [i, name] of names.entries()) {
    const word = words[i] ?? '';
    if (/^-?\d+$/.test(word)) yield [name, Number(word)];
  }
}

/** A /proc/PID/net/snmp6: `Udp6RcvbufErrors` → 3. */
export function parseSnmp6(text: string): Map<string, number> {
  const counters = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, value, more] = line.trim().split(/\s+/);
    if (name && value && more === undefined && /^\d+$/.test(value)) counters.set(name, Number(value));
  }
  return counters;
}

/**
 * A /proc/PID/net/stat/nf_conntrack by column name, added up over the CPUs. `entries` is the table's own count, which
 * every line repeats, and is not added. Which columns there are depends on the kernel: never go by position.
 */
export function parseConntrackStat(text: string): Map<string, number> {
  const [header = '', ...lines] = text.split('\n');
  const names = header.trim().split(/ +/).filter(Boolean);
  const totals = new Map<string, number>();
  for (const line of lines) {
    const words = line.trim().split(/ +/);
    if (words.length !== names.length || !words.every((word) => /^[0-9a-f]{1,16}$/.test(word))) continue;
    for (const [i, name] of names.entries()) {
      const value = Number.parseInt(words[i]!, 16);
      totals.set(name, name === 'entries' ? value : (totals.get(name) ?? 0) + value);
    }
  }
  return totals;
}
