/**
 * The door to libc: `node:ffi`, which Node has built in from 26.10 on. Where it does not load (an older Node, musl without
 * the symbols, a permission), `libc()` is undefined, and what needs it degrades and says so.
 */
import type * as Ffi from 'node:ffi';
import { constants } from 'node:os';

export interface Libc {
  /** Runs one of the calls below; throws an Error with the call's name and `code` (`ENODEV`, …) when it gives -1. */
  socket(domain: number, type: number, protocol: number): number;
  close(fd: number): void;
  /** `address` is a `struct sockaddr_in` or the like, all of it. */
  bind(fd: number, address: Uint8Array): void;
  /** `argument` is read and written in place. */
  ioctl(fd: number, request: number, argument: Uint8Array): void;
  /** The same with everything made ready, for what is called ten times a second: `argument` is an address. */
  ioctlAt(fd: number, request: bigint, argument: bigint): void;
  /** flock(2); throws with code `EAGAIN` when `LOCK_NB` is set and somebody else has it. Closing the file lets go of it. */
  flock(fd: number, operation: number): void;
  /** Moves the calling thread, and no other, into the namespace behind `fd`. Only from a worker thread. */
  setns(fd: number, kind: number): void;
  /**
   * The address of the bytes, for a structure that points to them. They must outlive the call; so does the address, when they
   * have an ArrayBuffer that was made before them (V8 may move small arrays without one).
   */
  addressOf(bytes: Uint8Array): bigint;
}

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0o2000000;
export const CLONE_NEWNET = 0x40000000;
export const LOCK_EX = 2;
export const LOCK_NB = 4;

const SYMBOLS = {
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  close: { arguments: ['int32'], return: 'int32' },
  bind: { arguments: ['int32', 'pointer', 'uint32'], return: 'int32' },
  ioctl: { arguments: ['int32', 'uint64', 'pointer'], return: 'int32' },
  flock: { arguments: ['int32', 'int32'], return: 'int32' },
  setns: { arguments: ['int32', 'int32'], return: 'int32' },
  __errno_location: { arguments: [], return: 'pointer' },
} as const;

let loaded: { libc: Libc | undefined; why: string } | undefined;

/** libc, loaded at the first call. */
export function libc(): Libc | undefined {
  loaded ??= load();
  return loaded.libc;
}

/** Why `libc()` is undefined, for the one log line about it. */
export function whyNoLibc(): string {
  loaded ??= load();
  return loaded.why;
}

function load(): { libc: Libc | undefined; why: string } {
  try {
    const ffi = process.getBuiltinModule?.('node:ffi') as typeof Ffi | undefined;
    if (!ffi) return { libc: undefined, why: `Node ${process.versions.node} has no node:ffi` };
    return { libc: bind(ffi), why: '' };
  } catch (error) {
    return { libc: undefined, why: (error as Error).message };
  }
}

function bind(ffi: typeof Ffi): Libc {
  // Without a path: the symbols of the running program, libc's among them.
  const { functions } = ffi.dlopen(null, SYMBOLS);
  // The errno of this thread stays at one address.
  const errno = functions.__errno_location() as bigint;
  const checked = (call: string, result: number): number => {
    if (result !== -1) return result;
    const number = ffi.getInt32(errno);
    const code = codeFor(number);
    throw Object.assign(new Error(`${call}: ${code}`), { code, errno: number, syscall: call });
  };
  return {
    socket: (domain, type, protocol) => checked('socket', functions.socket(domain, type, protocol)),
    close: (fd) => void checked('close', functions.close(fd)),
    bind: (fd, address) => void checked('bind', functions.bind(fd, ffi.getRawPointer(address), address.length)),
    ioctl: (fd, request, argument) =>
      void checked('ioctl', functions.ioctl(fd, BigInt(request), ffi.getRawPointer(argument))),
    ioctlAt: (fd, request, argument) => void checked('ioctl', functions.ioctl(fd, request, argument)),
    flock: (fd, operation) => void checked('flock', functions.flock(fd, operation)),
    setns: (fd, kind) => void checked('setns', functions.setns(fd, kind)),
    addressOf: (bytes) => ffi.getRawPointer(bytes),
  };
}

function codeFor(errno: number): string {
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
}
