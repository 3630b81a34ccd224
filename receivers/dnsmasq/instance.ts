import { posix } from 'node:path';
import type { Host } from '#component';
import {
  commandLine,
  confine,
  type HostRoot,
  namespaceKey,
  networkNamespace,
  type OpenFile,
  type Owner,
  ownerOfProcess,
  type ProcessStat,
} from '#linux';
import { type ConfigFiles, type DnsmasqOptions, readOptions } from './options.ts';

/** One running dnsmasq: what is read once of it, and the file that counts its children. */
export interface Instance {
  readonly pid: number;
  readonly startTicks: number;
  /** Its PID and start: never another's. */
  readonly key: string;
  /** The same for one that was started again in the same way. */
  readonly command: string;
  readonly options: DnsmasqOptions;
  readonly owner: Owner;
  /** `host`, the inode of the network namespace, or what else tells it apart; undefined when nothing does. */
  readonly netns: string | undefined;
  /** Is its network namespace the one that we are in, so that it can be asked? */
  readonly isReachable: boolean;
  /** It and its children, zombies left out, as the last collection listed them. */
  processes: number;
  /** It and its children now; undefined where the kernel does not list children (CONFIG_PROC_CHILDREN). */
  count(): number | undefined;
  close(): void;
}

export function openInstance(root: HostRoot, own: HostRoot, host: Host, { pid, startTicks }: ProcessStat): Instance {
  const args = commandLine(root, pid);
  const owner = ownerOfProcess(root, pid);
  const children = openChildren(root, pid);
  return {
    pid,
    startTicks,
    key: `${pid} ${startTicks}`,
    command: args.join('\0'),
    options: readOptions(args, filesOf(root, host, pid, owner)),
    owner,
    netns: nameOfNamespace(root, pid),
    isReachable: isSameNamespace(root, pid, own, process.pid),
    processes: 1,
    count() {
      const spaces = children?.spaces();
      return spaces === undefined ? undefined : 1 + spaces;
    },
    close: () => children?.close(),
  };
}

function openChildren(root: HostRoot, pid: number): OpenFile | undefined {
  return root.open(`/proc/${pid}/task/${pid}/children`);
}

function nameOfNamespace(root: HostRoot, pid: number): string | undefined {
  if (isSameNamespace(root, pid, root, 1)) return 'host';
  return networkNamespace(root, pid)?.toString() ?? namespaceKey(root, 'net', pid);
}

function isSameNamespace(root: HostRoot, pid: number, otherRoot: HostRoot, other: number): boolean {
  const [a, b] = [networkNamespace(root, pid), networkNamespace(otherRoot, other)];
  if (a !== undefined && b !== undefined) return a === b;
  const key = namespaceKey(root, 'net', pid);
  return key !== undefined && key === namespaceKey(otherRoot, 'net', other);
}

const MAX_FILE = 1 << 20;

/** Its files in its own file system. To look into that takes CAP_SYS_PTRACE; outside of containers the host's are the same. */
function filesOf(root: HostRoot, host: Host, pid: number, owner: Owner): ConfigFiles {
  const inside = confine(posix.join(root.path, `proc/${pid}/root`), '/', MAX_FILE);
  const places = owner.container_id ? [inside] : [inside, confine(root.path, '/', MAX_FILE)];
  const first = <T>(path: string, look: (place: typeof inside) => T | undefined): T | undefined => {
    let trouble: unknown;
    for (const place of places) {
      try {
        const found = look(place);
        if (found !== undefined) return found;
      } catch (error) {
        trouble = error;
      }
    }
    if (trouble)
      host.log.warn("cannot read dnsmasq's configuration; its limit may be another", { pid, path, error: trouble });
    return undefined;
  };
  return {
    read: (path) => first(path, (place) => (place.exists(path) ? place.read(path) : undefined)),
    list: (folder) => first(folder, (place) => (place.exists(folder) ? place.list(folder) : undefined)) ?? [],
  };
}
