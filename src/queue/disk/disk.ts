import fs from 'node:fs';
import { makeFolder } from '#kit';

/** A file of the queue. Every call may reject with an errno's `code`. */
export interface DiskFile {
  size(): Promise<number>;
  /** Bytes read into `into`; fewer than its length at the end of the file only. */
  read(into: Buffer, position: number): Promise<number>;
  /** Writes at `position`, and gives how many bytes it wrote, which may be less than asked for. */
  write(parts: readonly Uint8Array[], position: number): Promise<number>;
  truncate(length: number): Promise<void>;
  /** Data and length are safe from a power cut when it resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The few things a queue does with a file system; tests hand in one that fails. */
export interface Disk {
  list(folder: string): Promise<string[]>;
  makeFolder(folder: string): Promise<void>;
  /** `create` fails where the file is there already; `update` makes it or takes what is there. None follows a link. */
  open(path: string, how: 'read' | 'create' | 'update'): Promise<DiskFile>;
  remove(path: string): Promise<void>;
  /** The names in a folder are safe from a power cut when it resolves. */
  syncFolder(folder: string): Promise<void>;
}

type Callback<T> = (error: NodeJS.ErrnoException | null, result?: T) => void;

function promised<T = void>(run: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => run((error, result) => (error ? reject(error) : resolve(result as T))));
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = fs.constants;
const HOW = {
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  create: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
  update: O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK,
};

/** The real one. Nothing in it waits on the event loop's own thread. */
export const realDisk: Disk = {
  list: (folder) => promised<string[]>((done) => fs.readdir(folder, done)),
  makeFolder: (folder) => makeFolder(folder, 0o750),
  open: async (path, how) => fileOf(await promised<number>((done) => fs.open(path, HOW[how], 0o640, done))),
  remove: (path) => promised((done) => fs.unlink(path, done)),
  async syncFolder(folder) {
    const fd = await promised<number>((done) => fs.open(folder, O_RDONLY, done));
    try {
      await promised((done) => fs.fsync(fd, done));
    } finally {
      await promised((done) => fs.close(fd, done));
    }
  },
};

/** Closing waits for what is under way: the number of a closed file may already be another file's. */
function fileOf(fd: number): DiskFile {
  let busy = 0;
  let closed = false;
  let idle = () => {};
  async function use<T>(run: () => Promise<T>): Promise<T> {
    if (closed) throw Object.assign(new Error('the file is closed'), { code: 'EBADF' });
    busy++;
    try {
      return await run();
    } finally {
      if (--busy === 0) idle();
    }
  }
  return {
    size: () => use(() => sizeOf(fd)),
    read: (into, position) => use(() => readAll(fd, into, position)),
    write: (parts, position) => use(() => promised<number>((done) => fs.writev(fd, parts, position, done))),
    truncate: (length) => use(() => promised((done) => fs.ftruncate(fd, length, done))),
    sync: () => use(() => promised((done) => fs.fdatasync(fd, done))),
    async close() {
      if (closed) return;
      closed = true;
      if (busy) {
        await new Promise<void>((resolve) => {
          idle = resolve;
        });
      }
      await promised((done) => fs.close(fd, done));
    },
  };
}

async function sizeOf(fd: number): Promise<number> {
  const stat = await promised<fs.Stats>((done) => fs.fstat(fd, done));
  if (!stat.isFile()) throw new Error('is not a file');
  return stat.size;
}

async function readAll(fd: number, into: Buffer, position: number): Promise<number> {
  let got = 0;
  while (got < into.length) {
    const n = await promised<number>((done) => fs.read(fd, into, got, into.length - got, position + got, done));
    if (n === 0) break;
    got += n;
  }
  return got;
}
