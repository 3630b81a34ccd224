import { basename, dirname } from 'node:path';
import type { Disk, DiskFile } from '../../src/queue/disk/disk.ts';

/** What a disk does wrong. */
export interface Faults {
  /** Bytes that all files together may have. */
  room: number;
  /** The code that this call fails with, or undefined. */
  fail(call: 'write' | 'read' | 'sync' | 'open' | 'remove' | 'truncate' | 'list'): string | undefined;
  /** How many of so many bytes a write takes. */
  take(bytes: number): number;
}

/** Files in memory, on a disk that fails as told. */
export interface MemoryDisk extends Disk {
  readonly files: Map<string, Buffer>;
  readonly faults: Faults;
  /** The same files for the next process; for the one that has this disk, nothing happens any more. */
  crash(): MemoryDisk;
  bytes(): number;
}

const never = new Promise<never>(() => {});

export function memoryDisk(files = new Map<string, Buffer>(), faults = soundFaults()): MemoryDisk {
  let dead = false;
  const bytes = () => [...files.values()].reduce((sum, { length }) => sum + length, 0);

  async function call<T>(name: Parameters<Faults['fail']>[0], run: () => T): Promise<T> {
    await Promise.resolve();
    if (dead) return never;
    const code = faults.fail(name);
    if (code) throw errno(code, name);
    return run();
  }

  function fileOf(path: string): DiskFile {
    const read = () => files.get(path) ?? Buffer.alloc(0);
    const put = (content: Buffer) => {
      // A file that was deleted while it is open takes no room in a folder.
      if (files.has(path)) files.set(path, content);
    };
    return {
      size: () => call('read', () => read().length),
      read: (into, position) => call('read', () => read().copy(into, 0, position)),
      write: (parts, position) =>
        call('write', () => {
          const wanted = Buffer.concat(parts);
          const now = read();
          const free = Math.max(0, faults.room - bytes());
          const taken = Math.min(faults.take(wanted.length), now.length - position + free);
          if (taken <= 0 && wanted.length) throw errno('ENOSPC', 'write');
          const next = Buffer.alloc(Math.max(now.length, position + taken));
          now.copy(next);
          wanted.copy(next, position, 0, taken);
          put(next);
          return taken;
        }),
      truncate: (length) => call('truncate', () => put(Buffer.from(read().subarray(0, length)))),
      sync: () => call('sync', () => {}),
      close: async () => {},
    };
  }

  return {
    files,
    faults,
    bytes,
    crash() {
      dead = true;
      return memoryDisk(files, faults);
    },
    list: (folder) =>
      call('list', () => [...files.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path))),
    makeFolder: () => call('open', () => {}),
    open: (path, how) =>
      call('open', () => {
        if (how === 'read' && !files.has(path)) throw errno('ENOENT', 'open');
        if (how === 'create' && files.has(path)) throw errno('EEXIST', 'open');
        if (!files.has(path)) files.set(path, Buffer.alloc(0));
        return fileOf(path);
      }),
    remove: (path) =>
      call('remove', () => {
        if (!files.delete(path)) throw errno('ENOENT', 'unlink');
      }),
    syncFolder: () => call('sync', () => {}),
  };
}

export const soundFaults = (): Faults => ({
  room: Number.POSITIVE_INFINITY,
  fail: () => undefined,
  take: (bytes) => bytes,
});

function errno(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
}
