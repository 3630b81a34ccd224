import { type HostRoot, listInside, type Namespace, parseInterfaces, readInside } from '#linux';

/** IFF_UP of linux/if.h. */
const IFF_UP = 1;

/**
 * Is the interface of a network namespace up, with a carrier? That stands in /sys only, and each mount of /sys shows the
 * namespace it was mounted in: the host's own, and a container's as its processes see it, which takes CAP_SYS_PTRACE.
 * Undefined when it cannot be told.
 */
export function isInterfaceUp(root: HostRoot, { pid, isHost }: Namespace, name: string): boolean | undefined {
  const top = isHost ? root.path : `${root.path}/proc/${pid}/root`;
  try {
    if (!isHost && !showsItsOwn(root, pid, top)) return undefined;
    const flags = readInside(top, `/sys/class/net/${name}/flags`);
    const state = readInside(top, `/sys/class/net/${name}/operstate`)?.trim();
    if (flags === undefined || state === undefined) return undefined;
    // Drivers that know of no carrier (tunnels, most virtual ones) say unknown (Documentation/networking/operstates.rst).
    return (Number(flags) & IFF_UP) !== 0 && (state === 'up' || state === 'unknown');
  } catch {
    return undefined;
  }
}

/** A process in a namespace of its own that kept another's /sys sees interfaces there that it has not. */
function showsItsOwn(root: HostRoot, pid: number, top: string): boolean {
  const own = parseInterfaces(root.read(`/proc/${pid}/net/dev`) ?? '');
  const shown = listInside(top, '/sys/class/net').sort();
  return own.length === shown.length && own.every((name, i) => name === shown[i]);
}
