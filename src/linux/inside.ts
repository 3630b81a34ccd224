import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { MAX_READ } from './root.ts';

/** O_PATH of Linux, which Node has no name for: a place in the tree, not its content. */
const O_PATH = 0o10000000;
const AS_PLACE = O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY;
const AS_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
/** As many symbolic links as the kernel follows in one path (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * A small file as a process in another file system sees it: `top` is that system's root, such as `/proc/4711/root`, and
 * symbolic links lead where they lead in there, never out of it, whatever whoever owns it changes while this walks. (An
 * absolute link behind `/proc/PID/root` would else lead into our own file system.) Undefined when there is no such file;
 * throws for what is no regular file, and when it may not be read.
 */
export function readInside(top: string, path: string): string | undefined {
  return inside(top, path, (at, isFolder) => {
    if (isFolder) throw new Error(`cannot read ${path}: it is a directory`);
    return readFile(at, path);
  });
}

/** The names in a directory, found the same way. Empty when there is no such directory. */
export function listInside(top: string, path: string): string[] {
  return inside(top, path, (at, isFolder) => (isFolder ? readdirSync(at) : [])) ?? [];
}

type Use<T> = (at: string, isFolder: boolean) => T;

function inside<T>(top: string, path: string, use: Use<T>): T | undefined {
  const places: number[] = [];
  try {
    places.push(openSync(top, O_PATH | constants.O_DIRECTORY));
    return walk(places, path, use);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  } finally {
    for (const fd of places) closeSync(fd);
  }
}

/** `places` are open from the root down; each step is looked up in the last of them and nowhere else. */
function walk<T>(places: number[], path: string, use: Use<T>): T {
  const steps = path.split('/');
  let links = 0;
  for (;;) {
    const step = steps.shift();
    const here = `/proc/self/fd/${places[places.length - 1]}`;
    if (step === undefined) return use(here, true);
    if (step === '' || step === '.') continue;
    if (step === '..') {
      if (places.length > 1) closeSync(places.pop()!);
      continue;
    }
    const at = `${here}/${step}`;
    const stat = lstatSync(at);
    if (stat.isSymbolicLink()) {
      if (++links > MAX_LINKS) throw new Error(`cannot read ${path}: too many symbolic links`);
      const target = readlinkSync(at);
      if (target.startsWith('/')) for (const fd of places.splice(1)) closeSync(fd);
      steps.unshift(...target.split('/'));
    } else if (stat.isDirectory()) places.push(openSync(at, AS_PLACE));
    else if (steps.some((more) => more !== '')) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
    else return use(at, false);
  }
}

function readFile(at: string, path: string): string {
  const fd = openSync(at, AS_FILE);
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`cannot read ${path}: it is not a regular file`);
    const bytes = Buffer.allocUnsafe(Math.min(fstatSync(fd).size, MAX_READ));
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}
