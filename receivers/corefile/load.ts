import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { type Corefile, type Environment, MAX_COREFILE, parseCorefile, parseResolvConf } from '#dns';
import { type ConfinedFiles, confine, globDirectories, type HostRoot, matchesGlob } from '#linux';
import type { Nameservers } from './samples.ts';

/** Corefiles that one pattern finds, before it is taken for a mistake. */
const MAX_COREFILES = 100;

/** The paths of the Corefiles that these paths and patterns name, each once, sorted. A path without `*` and `?` is there always. */
export function findCorefiles(root: HostRoot, patterns: readonly string[]): string[] {
  const all = new Set<string>();
  for (const pattern of patterns) {
    const found = /[*?]/.test(pattern) ? expand(root, pattern) : [posix.normalize(pattern)];
    if (found.length > MAX_COREFILES) throw new Error(`${pattern} matches more than ${MAX_COREFILES} files`);
    for (const path of found) all.add(path);
  }
  return [...all].sort();
}

function expand(root: HostRoot, pattern: string): string[] {
  const name = posix.basename(pattern);
  const files = confine(root.path, '/', MAX_COREFILE);
  const found: string[] = [];
  for (const folder of globDirectories(root, '/', posix.dirname(pattern))) {
    for (const one of files.list(folder)) if (matchesGlob(name, one)) found.push(posix.join(folder, one));
    if (found.length > MAX_COREFILES) break;
  }
  return found;
}

export interface LoadOptions {
  readonly rootPath: string;
  /** '': each Corefile's own folder. */
  readonly importRoot: string;
  readonly env: Environment;
}

export interface Loaded {
  readonly corefile: Corefile;
  /** The same while the Corefile and all that it imports are the same. */
  readonly fingerprint: string;
}

/** Reads and parses one Corefile with its imports; undefined when it is not there. Throws a sentence that names the place. */
export function loadCorefile(path: string, { rootPath, importRoot, env }: LoadOptions): Loaded | undefined {
  const folder = posix.dirname(path);
  const hash = createHash('sha256');
  const main = hashed(confine(rootPath, '/', MAX_COREFILE), hash);
  if (!main.exists(path)) return undefined;
  const text = main.read(path);
  const files = hashed(confine(rootPath, importRoot || folder, MAX_COREFILE), hash);
  const corefile = parseCorefile(text, { file: path, folder, env, files });
  return { corefile, fingerprint: hash.digest('hex') };
}

function hashed(files: ConfinedFiles, hash: { update(text: string): unknown }): ConfinedFiles {
  return {
    ...files,
    read(path) {
      const text = files.read(path);
      hash.update(`${path}\0${text}\0`);
      return text;
    },
  };
}

/** The nameservers in files that `forward` names, each file read once. CoreDNS takes every one, not only libc's three. */
export function createNameservers(rootPath: string): Nameservers {
  const files = confine(rootPath, '/', MAX_COREFILE);
  const known = new Map<string, ReturnType<Nameservers>>();
  return (path) => {
    const servers = known.get(path) ?? readNameservers(files, path);
    known.set(path, servers);
    return servers;
  };
}

function readNameservers(files: ConfinedFiles, path: string): ReturnType<Nameservers> {
  if (!path.startsWith('/')) return { reason: 'is a relative path' };
  try {
    if (!files.exists(path)) return { reason: 'is not there' };
    const { allNameservers } = parseResolvConf(files.read(path));
    return allNameservers.length ? allNameservers : { reason: 'names no nameserver' };
  } catch {
    return { reason: 'cannot be read' };
  }
}
