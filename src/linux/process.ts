import { parseProcCgroup } from './cgroup.ts';
import { parseCount, parseFlatKeyed } from './keyed.ts';
import { type Owner, ownerOfCgroup } from './owner.ts';
import { codeOf, type HostRoot } from './root.ts';

/** Ticks a second in everything that /proc tells user space: 100 on every architecture that Node runs on. */
export const USER_HZ = 100;

/** A /proc/PID/stat (proc_pid_stat(5)). A PID comes back after its process has gone: `pid` and `startTicks` tell one apart. */
export interface ProcessStat {
  readonly pid: number;
  /** At most 15 bytes, chosen by the process itself: parentheses, line feeds and broken UTF-8 are all possible. */
  readonly comm: string;
  /** `R` running, `S` sleeping, `D` waiting for a disk, `T` stopped, `Z` zombie, `X` dead … */
  readonly state: string;
  readonly parent: number;
  /** CPU seconds in user mode and in the kernel; of the children only of those that ended and were waited for. */
  readonly cpu: number;
  readonly childrenCpu: number;
  /** Ticks between the boot and its start. */
  readonly startTicks: number;
}

/** Undefined when the text is not that of a stat file. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  // The comm may hold anything, `) R 1` included; after the last parenthesis come numbers only.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const pid = parseCount(text.slice(0, Math.max(open, 0)));
  if (pid === undefined || close < open) return undefined;
  const [state, parent, ...rest] = text
    .slice(close + 1)
    .trim()
    .split(' ');
  const field = (number: number) => parseCount(rest[number - 5] ?? '');
  const ticks = [14, 15, 16, 17, 22].map(field);
  if (!/^[A-Za-z]$/.test(state ?? '') || parseCount(parent ?? '') === undefined || ticks.includes(undefined)) {
    return undefined;
  }
  const [user, kernel, childrenUser, childrenKernel, startTicks] = ticks as number[];
  return {
    pid,
    comm: text.slice(open + 1, close),
    state: state!,
    parent: Number(parent),
    cpu: (user! + kernel!) / USER_HZ,
    childrenCpu: (childrenUser! + childrenKernel!) / USER_HZ,
    startTicks: startTicks!,
  };
}

/** 0 for whatever else stands in /proc. A node may have 100,000 of them: no regular expression. */
function pidOf(name: string): number {
  let pid = 0;
  for (let i = 0; i < name.length; i++) {
    const digit = name.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9 || (digit === 0 && i === 0)) return 0;
    pid = pid * 10 + digit;
  }
  return pid;
}

/** The PIDs of all processes, ascending. */
export function listProcesses(root: HostRoot): number[] {
  const pids: number[] = [];
  let isSorted = true;
  for (const name of root.names('/proc')) {
    const pid = pidOf(name);
    if (pid === 0) continue;
    isSorted &&= pid > (pids.at(-1) ?? 0);
    pids.push(pid);
  }
  // The kernel lists them in order.
  return isSorted ? pids : pids.sort((a, b) => a - b);
}

/** Undefined when there is no such process, or no longer. */
export function readProcess(root: HostRoot, pid: number): ProcessStat | undefined {
  const stat = parseProcessStat(root.read(`/proc/${pid}/stat`) ?? '');
  return stat?.pid === pid ? stat : undefined;
}

/** Is it the very process that was seen before, and not another that got its PID, nor a zombie? */
export function isStillThere(root: HostRoot, { pid, startTicks }: { pid: number; startTicks: number }): boolean {
  const now = readProcess(root, pid);
  return now?.startTicks === startTicks && now.state !== 'Z' && now.state !== 'X';
}

/** The arguments, the program's name first; empty for a zombie or a thread of the kernel. */
export function commandLine(root: HostRoot, pid: number): string[] {
  const text = root.read(`/proc/${pid}/cmdline`) ?? '';
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/**
 * The program's path in its own file system, also after the file was replaced. Undefined where the kernel does not let us
 * see it: that takes the same user or CAP_SYS_PTRACE.
 */
export function executable(root: HostRoot, pid: number): string | undefined {
  return permitted(() => root.link(`/proc/${pid}/exe`))?.replace(/ \(deleted\)$/, '');
}

/**
 * The inode of the network namespace; processes with the same share their sockets. Undefined where the kernel does not let
 * us see it (same user or CAP_SYS_PTRACE).
 */
export function networkNamespace(root: HostRoot, pid: number | 'self'): number | undefined {
  const link = permitted(() => root.link(`/proc/${pid}/ns/net`)) ?? '';
  return parseCount(/^net:\[(\d+)\]$/.exec(link)?.[1] ?? '');
}

/** The inodes of the sockets it has open. Undefined where the kernel does not let us see (same user or CAP_SYS_PTRACE). */
export function socketsOfProcess(root: HostRoot, pid: number): Set<number> | undefined {
  return permitted(() => {
    const inodes = new Set<number>();
    for (const fd of root.names(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(root.link(`/proc/${pid}/fd/${fd}`) ?? '')?.[1];
      if (inode) inodes.add(Number(inode));
    }
    return inodes;
  });
}

/** The text of a /proc/PID/task/TID/children: PIDs, zombies among them until they are waited for. */
export function parseChildren(text: string): number[] {
  return text.split(' ').filter(Boolean).map(Number).filter(Number.isSafeInteger);
}

/** Resident memory in bytes; undefined for a zombie or a thread of the kernel. */
export function residentMemory(root: HostRoot, pid: number): number | undefined {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(root.read(`/proc/${pid}/status`) ?? '')?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** Seconds since the epoch at which the machine booted, to which start ticks are added. */
export function bootTime(root: HostRoot): number | undefined {
  return parseCount(parseFlatKeyed(root.read('/proc/stat') ?? '').get('btime') ?? '');
}

/** The pod, container or systemd unit that a process belongs to. */
export function ownerOfProcess(root: HostRoot, pid: number): Owner {
  const paths = parseProcCgroup(root.read(`/proc/${pid}/cgroup`) ?? '');
  const owners = [...paths.values()].map(ownerOfCgroup);
  // In version 1 and hybrid layouts not every tree holds the process as deep.
  return (
    owners.find((one) => one.container_id) ?? owners.find((one) => one.pod_uid) ?? owners.find((one) => one.unit) ?? {}
  );
}

/**
 * A look at one process among many: what cannot be read of it costs nobody the others. Undefined when it could not. That the
 * kernel hides it from us (`hidepid`, proc(5)) is no trouble.
 */
export function lookAtOne<T>(look: () => T, onTrouble: (error: unknown) => void): T | undefined {
  try {
    return permitted(look);
  } catch (error) {
    onTrouble(error);
    return undefined;
  }
}

function permitted<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['EACCES', 'EPERM'].includes(codeOf(error))) return undefined;
    throw error;
  }
}
