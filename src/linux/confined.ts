import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { posix } from 'node:path';
import { codeOf } from './root.ts';

/**
 * The files of a host's folder that may be read, symbolic links included as long as they end within it: a Kubernetes ConfigMap
 * volume is made of such links, which kubelet swaps (`Corefile → ..data/Corefile`, `..data → ..2026_05_04_…`). Paths are absolute
 * as the host sees them.
 */
export interface ConfinedFiles {
  /** The text of a regular file. Throws, with a sentence, for anything else, and for what is longer than the limit. */
  read(path: string): string;
  /** The names of what lies in a folder, unsorted; empty when it is none. */
  list(path: string): string[];
  exists(path: string): boolean;
}

/** As many as the kernel follows. */
const MAX_LINKS = 40;
const MAX_NAMES = 10_000;
/** A link is swapped by a rename, so that at most the file found before it is gone: looking again finds the new one. */
const ATTEMPTS = 3;
/** The kernel's own file systems hold no configuration, and much that must not be opened. */
const KERNEL = /^\/(proc|sys|dev)(\/|$)/;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The files of the host seen at `root` that lie in its folder `within`. Links are followed as the host would follow them: an
 * absolute one starts at `root`, and `..` does not lead out of it.
 */
export function confine(root: string, within: string, limit: number): ConfinedFiles {
  const base = posix.normalize(root).replace(/\/+$/, '');

  /** The path without links; undefined when it is not there. Throws when it leads out of `within`. */
  function find(path: string): { path: string; full: string; stats: Stats } | undefined {
    const found = follow(base, path);
    const allowed = follow(base, within)?.path ?? posix.normalize(within);
    const isAllowed = found
      ? isWithin(found.path, allowed)
      : [allowed, posix.normalize(within)].some((folder) => isWithin(posix.resolve('/', path), folder));
    if (!isAllowed) throw new Error(`${path} is outside of ${within}`);
    return found && { ...found, full: base + found.path };
  }

  return {
    read(path) {
      for (let attempt = 1; ; attempt++) {
        const found = find(path);
        if (!found) throw new Error(`there is no ${path}`);
        if (found.stats.isDirectory()) throw new Error(`${path} is a folder`);
        if (!found.stats.isFile()) throw new Error(`${path} is not a regular file`);
        try {
          return readRegular(found.full, path, limit);
        } catch (error) {
          if (codeOf(error) !== 'ENOENT' || attempt === ATTEMPTS) throw error;
        }
      }
    },
    list(path) {
      const found = find(path);
      if (!found?.stats.isDirectory()) return [];
      const names = readdirSync(found.full);
      if (names.length > MAX_NAMES) throw new Error(`${path} holds more than ${MAX_NAMES} files`);
      return names;
    },
    exists: (path) => find(path) !== undefined,
  };
}

function follow(base: string, path: string): { path: string; stats: Stats } | undefined {
  if (path.includes('\0')) return undefined;
  const ahead = path.split('/').reverse();
  let at = '';
  let stats = lookAt(base || '/');
  let links = 0;
  for (let step = ahead.pop(); step !== undefined; step = ahead.pop()) {
    if (step === '' || step === '.') continue;
    const next = step === '..' ? at.slice(0, Math.max(0, at.lastIndexOf('/'))) : `${at}/${step}`;
    if (KERNEL.test(next)) throw new Error(`${path} leads to ${next}, which is not read`);
    stats = lookAt(base + next || '/');
    if (!stats) return undefined;
    if (!stats.isSymbolicLink()) {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) throw new Error(`${path} leads through more than ${MAX_LINKS} symbolic links`);
    const target = readlinkSync(base + next);
    if (target.startsWith('/')) at = '';
    ahead.push(...target.split('/').reverse());
  }
  return stats && { path: at || '/', stats };
}

function lookAt(full: string): Stats | undefined {
  try {
    return lstatSync(full, { throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) === 'ENAMETOOLONG' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

const isWithin = (path: string, folder: string): boolean =>
  folder === '/' || path === folder || path.startsWith(`${folder}/`);

function readRegular(full: string, path: string, limit: number): string {
  const fd = openSync(full, FLAGS);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error(`${path} is not a regular file`);
    if (stats.size > limit) throw new Error(`${path} is longer than ${limit} bytes`);
    const buffer = Buffer.allocUnsafe(stats.size);
    let length = 0;
    while (length < buffer.length) {
      const n = readSync(fd, buffer, length, buffer.length - length, null);
      if (n === 0) break;
      length += n;
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}
