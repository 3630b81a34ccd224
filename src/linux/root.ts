import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { posix } from 'node:path';

/** No file of the kernel that we read is longer; what is longer is cut here, at the end of a line. */
export const MAX_READ = 1 << 20;

/**
 * A host's file system as seen from `path`: `/`, or where a pod mounts the host's (`/hostfs`). Every path given is absolute
 * within it, and `..` does not lead out of it.
 *
 * All calls are synchronous: files of the kernel do not wait for a disk, and a trip through the thread pool costs more than
 * the read. Who reads many of them gives the event loop its turn in between.
 */
export interface HostRoot {
  readonly path: string;
  /**
   * A small text file, at most `MAX_READ` bytes of it; undefined when it is not there, or no longer (a cgroup or process
   * that vanished while it was read). A symbolic link, FIFO, device or directory is not read. Everything else that goes
   * wrong throws, with the attempt in words and the cause.
   */
  read(path: string): string | undefined;
  /** The names of the real directories inside, sorted; symbolic links are none. Empty when it is not there. */
  directories(path: string): string[];
  /** The names of everything inside, in no order. Empty when it is not there. */
  names(path: string): string[];
  isDirectory(path: string): boolean;
  /** What a symbolic link says, not followed; undefined when there is none. */
  link(path: string): string | undefined;
  /** Keeps a file open that is read again and again; undefined when it is not there. Refuses and throws as `read` does. */
  open(path: string): OpenFile | undefined;
}

/** An open file of the kernel. One of a process stays that process' when its PID goes to another. */
export interface OpenFile {
  /**
   * What it says now, at most 64 KiB, cut at the end of a word. Undefined when its process has gone, except that a
   * `children` file is then empty.
   */
  read(): string | undefined;
  /** How many spaces that has, without making a string of it: PIDs in a `children` file. */
  spaces(): number | undefined;
  close(): void;
}

/** Not there, gone meanwhile, or switched off in this kernel (`psi=0` answers EOPNOTSUPP). */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ESRCH', 'EOPNOTSUPP', 'ENOTSUP']);
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

export function createRoot(rootPath = '/'): HostRoot {
  const root = posix.normalize(rootPath).replace(/\/+$/, '');
  // Joined with `/` first, so that `..` stops there.
  const within = (path: string): string => root + posix.join('/', path);
  return {
    path: root || '/',
    read: (path) => attempt('read', within(path), readSmall),
    directories: (path) => attempt('list', within(path), realDirectories) ?? [],
    names: (path) => attempt('list', within(path), (full) => readdirSync(full)) ?? [],
    isDirectory: (path) => attempt('look at', within(path), (full) => lstatSync(full).isDirectory()) ?? false,
    link: (path) => attempt('read the link', within(path), readLink),
    open: (path) => attempt('open', within(path), openRegular),
  };
}

function attempt<T>(what: string, full: string, run: (full: string) => T): T | undefined {
  try {
    return run(full);
  } catch (error) {
    if (ABSENT.has(codeOf(error))) return undefined;
    const why = codeOf(error) === 'ELOOP' ? 'it is a symbolic link' : (error as Error).message;
    throw new Error(`cannot ${what} ${full}: ${why}`, { cause: error });
  }
}

/** The errno's name, such as `EACCES`, of an error or of what caused it; '' when there is none. */
export function codeOf(error: unknown): string {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { code } = e as NodeJS.ErrnoException;
    if (code) return code;
  }
  return '';
}

// One for all: reads are synchronous, so no two overlap.
let shared: Buffer | undefined;

function openFd(full: string): number {
  const fd = openSync(full, FLAGS);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error('it is not a regular file');
}

function openRegular(full: string): OpenFile {
  const fd = openFd(full);
  return {
    read: () => attempt('read', full, () => textOf(readAgain(fd))),
    spaces: () => attempt('read', full, () => spacesIn(readAgain(fd))),
    close: () => closeSync(fd),
  };
}

// The kernel gives whole records up to a page a call; what is well below a page was all.
const FULL = 4096 - 64;
const again = Buffer.allocUnsafeSlow(64 << 10);

/** Into `again`; gives the length. */
function readAgain(fd: number): number {
  let length = 0;
  for (let n = FULL; n >= FULL && length < again.length; length += n) {
    n = readSync(fd, again, length, again.length - length, length);
  }
  return length;
}

function textOf(length: number): string {
  const text = again.toString('utf8', 0, length);
  return length < again.length ? text : text.slice(0, text.search(/\S*$/));
}

function spacesIn(length: number): number {
  let spaces = 0;
  for (let i = 0; i < length; i++) if (again[i] === 0x20) spaces++;
  return spaces;
}

function readSmall(full: string): string {
  shared ??= Buffer.allocUnsafeSlow(MAX_READ);
  const fd = openFd(full);
  try {
    let length = 0;
    while (length < MAX_READ) {
      // A kernel file gives at most one page a call, and nothing at its end.
      const n = readSync(fd, shared, length, MAX_READ - length, null);
      if (n === 0) return shared.toString('utf8', 0, length);
      length += n;
    }
    return shared.toString('utf8', 0, shared.lastIndexOf(0x0a, length - 1) + 1);
  } finally {
    closeSync(fd);
  }
}

function realDirectories(full: string): string[] {
  return readdirSync(full, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function readLink(full: string): string | undefined {
  try {
    return readlinkSync(full);
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return undefined;
    throw error;
  }
}
