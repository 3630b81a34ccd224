import type { HostRoot } from './root.ts';

/** One mounted tree of cgroups. Version 2 has one for everything; version 1 one for each controller or group of them. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Where it is mounted, absolute within the root. */
  readonly mount: string;
  /** Version 1: what it controls (`cpu`, `cpuacct`, `memory`, …, `name=systemd`). Version 2: empty, see cgroup.controllers. */
  readonly controllers: readonly string[];
}

/** `v2`, `v1`, or `hybrid`: controllers of version 1 with a tree of version 2 beside them. */
export type CgroupLayout = 'v2' | 'v1' | 'hybrid';

export function layoutOf(hierarchies: readonly Hierarchy[]): CgroupLayout | undefined {
  const versions = new Set(hierarchies.map((one) => one.version));
  if (versions.size === 2) return 'hybrid';
  return versions.has(2) ? 'v2' : versions.has(1) ? 'v1' : undefined;
}

/** Where the v1 controllers that carry numbers usually stand, below /sys/fs/cgroup. */
const USUAL_CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids', 'blkio'];
const USUAL = '/sys/fs/cgroup';

/**
 * The cgroup trees of a host, version 2 first; empty when there are none. Under another root than `/` the host's own table
 * of mounts (that of its process 1) tells best; a container may not read that, or may have mounted nothing but /sys, so
 * the usual places are looked at last.
 */
export function findHierarchies(root: HostRoot): Hierarchy[] {
  const mounted = parseMountinfo(mountTable(root)).filter((one) => root.isDirectory(one.mount));
  return mounted.length ? mounted : usualHierarchies(root);
}

function mountTable(root: HostRoot): string {
  try {
    return root.read(root.path === '/' ? '/proc/self/mountinfo' : '/proc/1/mountinfo') ?? '';
  } catch {
    return '';
  }
}

function usualHierarchies(root: HostRoot): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const mount of [USUAL, `${USUAL}/unified`]) {
    if (root.read(`${mount}/cgroup.procs`) !== undefined || root.read(`${mount}/cgroup.controllers`) !== undefined) {
      found.push({ version: 2, mount, controllers: [] });
    }
  }
  if (found[0]?.mount === USUAL) return [found[0]];
  for (const controller of USUAL_CONTROLLERS) {
    const mount = `${USUAL}/${controller}`;
    if (root.isDirectory(mount)) found.push({ version: 1, mount, controllers: [controller] });
  }
  return found;
}

/**
 * The cgroup mounts of a /proc/PID/mountinfo, version 2 first; of several mounts of one tree the first counts. Format:
 * `36 35 98:0 /root /mount/point options… - type source super-options` (proc(5)).
 */
export function parseMountinfo(text: string): Hierarchy[] {
  const found = new Map<string, Hierarchy>();
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ', 2);
    const mount = before?.split(' ')[4];
    const [type, , options] = after?.split(' ') ?? [];
    if (!mount || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    const version = type === 'cgroup2' ? 2 : 1;
    const controllers = version === 2 ? [] : (options ?? '').split(',').filter((o) => !MOUNT_OPTIONS.has(o));
    const key = version === 2 ? 'v2' : controllers.join(',');
    if (!found.has(key)) found.set(key, { version, mount: unescapeOctal(mount), controllers });
  }
  return [...found.values()].sort((a, b) => b.version - a.version);
}

/** Super options of a version 1 mount that name no controller (kernel/cgroup/cgroup-v1.c). */
const MOUNT_OPTIONS = new Set(['rw', 'ro', 'noprefix', 'xattr', 'clone_children', 'cpuset_v2_mode', 'favordynmods']);

/** mountinfo writes space, tab, newline and backslash as `\040` and so on. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * A /proc/PID/cgroup: the process' cgroup in each tree, by its controllers joined with commas, version 2 under ''.
 * Lines are `ID:CONTROLLERS:PATH`, and a path may hold colons.
 */
export function parseProcCgroup(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers !== undefined && path !== undefined) paths.set(controllers, path);
  }
  return paths;
}
