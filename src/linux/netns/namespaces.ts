import { statSync } from 'node:fs';
import { posix } from 'node:path';
import type { Owner } from '../owner.ts';
import { isStillThere, listProcesses, lookAtOne, ownerOfProcess, readProcess } from '../process.ts';
import { codeOf, type HostRoot } from '../root.ts';
import type { NamespaceFile } from './sockets.ts';

export type NamespaceKind = 'net' | 'mnt';

/** A namespace and the process that stands for it. The same object from one look to the next while that process lives. */
export interface Namespace extends NamespaceFile {
  /** Tells namespaces of one kind apart, also where their inodes may not be seen. */
  readonly key: string;
  /** Of the namespace itself; 0 where the kernel does not let us see it (same user or CAP_SYS_PTRACE). */
  readonly inode: number;
  /** `/proc/PID/ns/net` or `…/mnt`, under the root path. */
  readonly file: string;
  readonly pid: number;
  readonly startTicks: number;
  /** The one that process 1 is in. */
  readonly isHost: boolean;
  /** The pod, container or unit of its process. */
  readonly owner: Owner;
}

/** What a metric's labels say of a namespace: `netns` or `mntns` is `host`, else the inode; then its owner. */
export function labelsOfNamespace(
  kind: NamespaceKind,
  { key, inode, isHost, owner }: Namespace,
): Record<string, string> {
  const name = isHost ? 'host' : inode ? String(inode) : key;
  return { [`${kind}ns`]: name, ...(isHost ? {} : owner) };
}

/** Milliseconds of looking after which everything else in the agent gets its turn. */
const SLICE = 10;

/**
 * All namespaces of a kind that some process under the root is in, that of process 1 first. `before` is what the last look
 * found. A mount namespace that we may not see is left out, and a process that cannot be read stands for none.
 */
export async function findNamespaces(
  root: HostRoot,
  kind: NamespaceKind,
  before: readonly Namespace[] = [],
  signal?: AbortSignal,
): Promise<Namespace[]> {
  const found = new Map<string, Namespace>();
  // Process 1 may be closed to us, and what we see under `/` is then where we are ourselves.
  const hostKey = namespaceKey(root, kind, 1) ?? (root.path === '/' ? namespaceKey(root, kind, 'self') : undefined);
  for (const one of before) {
    const isThere = () => isStillThere(root, one) && namespaceKey(root, kind, one.pid) === one.key;
    if (lookAtOne(isThere, passOver)) found.set(one.key, one);
  }
  let began = performance.now();
  for (const pid of listProcesses(root)) {
    const made = lookAtOne(() => standsFor(root, kind, pid, found, hostKey), passOver);
    if (made) found.set(made.key, made);
    if (performance.now() - began > SLICE) {
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      began = performance.now();
    }
  }
  return [...found.values()].sort((a, b) => Number(b.isHost) - Number(a.isHost) || a.pid - b.pid);
}

/** Another process may stand for its namespace; where none can, there is nothing to be read of it. */
const passOver = () => {};

/** The namespace of a process, unless another stands for it already as well. */
function standsFor(
  root: HostRoot,
  kind: NamespaceKind,
  pid: number,
  found: ReadonlyMap<string, Namespace>,
  hostKey: string | undefined,
): Namespace | undefined {
  const key = namespaceKey(root, kind, pid);
  const known = key === undefined ? undefined : found.get(key);
  // One whose file may be opened stands for the namespace rather than one that came before it.
  if (key === undefined || known?.inode) return undefined;
  const inode = namespaceInode(root, kind, pid) ?? 0;
  return known && !inode ? undefined : namespaceOf(root, kind, pid, { key, inode, isHost: key === hostKey });
}

function namespaceOf(
  root: HostRoot,
  kind: NamespaceKind,
  pid: number,
  known: Pick<Namespace, 'key' | 'inode' | 'isHost'>,
): Namespace | undefined {
  const stat = readProcess(root, pid);
  if (!stat) return undefined;
  const file = posix.join(root.path, `proc/${pid}/ns/${kind}`);
  return { ...known, file, pid, startTicks: stat.startTicks, owner: ownerOfProcess(root, pid) };
}

/**
 * The link that names a namespace may be read by the same user or with CAP_SYS_PTRACE only. But each network namespace has
 * files of its own under /proc/PID/net, which everybody may look at: their inodes tell namespaces apart just as well.
 */
export function namespaceKey(root: HostRoot, kind: NamespaceKind, pid: number | 'self'): string | undefined {
  const own = kind === 'net' ? fileInode(posix.join(root.path, `proc/${pid}/net/udp`)) : undefined;
  if (own !== undefined) return `proc:${own}`;
  const inode = namespaceInode(root, kind, pid);
  return inode === undefined ? undefined : `${kind}:${inode}`;
}

function fileInode(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

function namespaceInode(root: HostRoot, kind: NamespaceKind, pid: number | 'self'): number | undefined {
  try {
    const digits = /^[a-z]+:\[(\d+)\]$/.exec(root.link(`/proc/${pid}/ns/${kind}`) ?? '')?.[1];
    return digits === undefined ? undefined : Number(digits);
  } catch (error) {
    if (['EACCES', 'EPERM'].includes(codeOf(error))) return undefined;
    throw error;
  }
}
