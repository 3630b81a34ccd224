/** Statistics and link state of network interfaces by `ioctl(SIOCETHTOOL)`: no program is run, no capability is needed. */
import { AF_INET, type Libc, SOCK_CLOEXEC, SOCK_DGRAM } from './libc.ts';

/** include/uapi/linux/ethtool.h and sockios.h. */
const SIOCETHTOOL = 0x8946;
const REQUEST = BigInt(SIOCETHTOOL);
const GDRVINFO = 0x03;
const GLINK = 0x0a;
const GSTRINGS = 0x1b;
const GSTATS = 0x1d;
const GSSET_INFO = 0x37;
const GLINKSETTINGS = 0x4c;
const STATS_SET = 1;
const STATS_BIT = 1n << BigInt(STATS_SET);
const STRING_LENGTH = 32;
/** struct ifreq: 16 bytes of name, then a union that holds our pointer; 40 bytes on 64-bit kernels. */
const IFREQ_LENGTH = 40;
const NAME_LENGTH = 16;
/** No driver has so many; a count above is a broken answer. */
const MAX_STATISTICS = 65_536;

export interface Statistic {
  readonly name: string;
  /** A u64 of the kernel; above 2^53 to the nearest double. */
  readonly value: number;
}

export interface DriverInfo {
  driver: string;
  version: string;
  firmwareVersion: string;
  expansionRomVersion: string;
  busInfo: string;
}

export interface LinkInfo {
  /** Bits a second; undefined when the driver does not know. */
  speed?: number;
  duplex?: string;
  port?: string;
  /** Whether there is a link. */
  detected?: boolean;
}

export interface Ethtool {
  /** In the driver's order. Empty when the interface has none; throws with `code` ENODEV when it has gone. */
  statistics(device: string): Statistic[];
  /** The way to read the values alone, again and again: what sampling needs. `n` is how many there are. */
  values(device: string, n: number): Values;
  /** Undefined when the driver does not say. */
  driver(device: string): DriverInfo | undefined;
  link(device: string): LinkInfo;
  close(): void;
}

/** The values of one interface's statistics, in the driver's order. */
export interface Values {
  /** Reads them anew: false when there are no longer so many. Throws with `code` ENODEV when the interface has gone. */
  read(): boolean;
  /** The value read last. */
  at(i: number): number;
}

/**
 * Reads in the network namespace in which the socket was made: this thread's, or that of `socket` when one is given, which
 * is then the caller's to close.
 */
export function createEthtool(libc: Libc, socket?: number): Ethtool {
  const fd = socket ?? libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const request = new Uint8Array(IFREQ_LENGTH);
  const view = new DataView(request.buffer);

  /** Gives `data` to the kernel, which writes its answer into it. */
  const call: Call = (device, command, data) => {
    request.fill(0);
    request.set(Buffer.from(device).subarray(0, NAME_LENGTH - 1));
    data.setUint32(0, command, true);
    view.setBigUint64(NAME_LENGTH, libc.addressOf(new Uint8Array(data.buffer)), true);
    libc.ioctl(fd, SIOCETHTOOL, request);
    return data;
  };
  const values = (device: string, n: number): Values => {
    const ask = prepared(libc, fd, device, GSSET_INFO, 24);
    const stats = prepared(libc, fd, device, GSTATS, 8 + n * 8);
    const words = new Uint32Array(stats.data.buffer);
    stats.data.setUint32(4, n, true);
    return {
      // The kernel writes as many values as the driver has now, whatever we have room for: so they are counted first.
      read() {
        ask.data.setBigUint64(8, STATS_BIT, true);
        ask.data.setUint32(16, 0, true);
        unlessUnsupported(ask.call);
        if (ask.data.getUint32(16, true) !== n) return false;
        stats.call();
        return true;
      },
      at: (i) => words[3 + 2 * i]! * 2 ** 32 + words[2 + 2 * i]!,
    };
  };
  return {
    values,
    statistics(device) {
      const n = count(call, device);
      if (n === 0) return [];
      const names = namesOf(call, device, n);
      const now = values(device, n);
      return now.read() ? names.map((name, i) => ({ name, value: now.at(i) })) : [];
    },
    driver: (device) => driverOf(call, device),
    link: (device) => ({ ...settingsOf(call, device), ...detectedOf(call, device) }),
    close() {
      if (socket === undefined) libc.close(fd);
    },
  };
}

/** A request whose structures stay where they are, so that asking again makes nothing. */
function prepared(libc: Libc, fd: number, device: string, command: number, bytes: number) {
  const data = buffer(bytes);
  data.setUint32(0, command, true);
  const request = new Uint8Array(new ArrayBuffer(IFREQ_LENGTH));
  request.set(Buffer.from(device).subarray(0, NAME_LENGTH - 1));
  new DataView(request.buffer).setBigUint64(NAME_LENGTH, libc.addressOf(new Uint8Array(data.buffer)), true);
  const address = libc.addressOf(request);
  // With `request`, which must live as long as its address is used.
  return { data, request, call: () => libc.ioctlAt(fd, REQUEST, address) };
}

type Call = (device: string, command: number, data: DataView) => DataView;

const buffer = (bytes: number) => new DataView(new ArrayBuffer(bytes));

/** What a driver does not support is no error. */
function unlessUnsupported<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EOPNOTSUPP' || code === 'ENOTSUP' || code === 'EINVAL') return undefined;
    throw error;
  }
}

function count(call: Call, device: string): number {
  const ask = buffer(24);
  ask.setBigUint64(8, STATS_BIT, true);
  const info = unlessUnsupported(() => call(device, GSSET_INFO, ask));
  // The kernel clears the bit of a set that the driver does not have.
  if (!info || info.getBigUint64(8, true) === 0n) return 0;
  return Math.min(info.getUint32(16, true), MAX_STATISTICS);
}

function namesOf(call: Call, device: string, n: number): string[] {
  const strings = buffer(12 + n * STRING_LENGTH);
  strings.setUint32(4, STATS_SET, true);
  strings.setUint32(8, n, true);
  call(device, GSTRINGS, strings);
  return Array.from({ length: n }, (_, i) => text(strings, 12 + i * STRING_LENGTH, STRING_LENGTH).trim());
}

function driverOf(call: Call, device: string): DriverInfo | undefined {
  const info = unlessUnsupported(() => call(device, GDRVINFO, buffer(196)));
  if (!info) return undefined;
  const field = (i: number) => text(info, 4 + i * 32, 32);
  return {
    driver: field(0),
    version: field(1),
    firmwareVersion: field(2),
    busInfo: field(3),
    expansionRomVersion: field(4),
  };
}

const DUPLEX: Readonly<Record<number, string>> = { 0: 'Half', 1: 'Full' };
const PORT: Readonly<Record<number, string>> = {
  0: 'Twisted Pair',
  1: 'AUI',
  2: 'MII',
  3: 'FIBRE',
  4: 'BNC',
  5: 'Direct Attach Copper',
};
const SPEED_UNKNOWN = 0xffffffff;

/** struct ethtool_link_settings: speed at 4, duplex at 8, port at 9, the number of mask words at 15, masks at 48. */
function settingsOf(call: Call, device: string): LinkInfo {
  return (
    unlessUnsupported(() => {
      // The first call answers with the negative number of mask words that the second must have room for.
      const words = -call(device, GLINKSETTINGS, buffer(48)).getInt8(15);
      if (words <= 0) return {};
      const ask = buffer(48 + words * 12);
      ask.setInt8(15, words);
      const told = call(device, GLINKSETTINGS, ask);
      const speed = told.getUint32(4, true);
      const duplex = DUPLEX[told.getUint8(8)];
      const port = PORT[told.getUint8(9)];
      return {
        ...(speed === SPEED_UNKNOWN ? {} : { speed: speed * 1e6 }),
        ...(duplex ? { duplex } : {}),
        ...(port ? { port } : {}),
      };
    }) ?? {}
  );
}

function detectedOf(call: Call, device: string): LinkInfo {
  const told = unlessUnsupported(() => call(device, GLINK, buffer(8)));
  return told ? { detected: told.getUint32(4, true) !== 0 } : {};
}

/** A C string in a field of `length` bytes; bytes above ASCII are taken as UTF-8. */
function text(view: DataView, offset: number, length: number): string {
  const bytes = Buffer.from(view.buffer, offset, length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? length : end);
}
