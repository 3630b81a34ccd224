import { executable, type HostRoot, listProcesses, lookAtOne, type ProcessStat, readProcess } from '#linux';

const NAME = 'dnsmasq';
/** Milliseconds of looking after which everything else in the agent gets its turn. */
const SLICE = 10;

/** Is told of a process that could not be read; the others go on. */
export type OnTrouble = (pid: number, error: unknown) => void;

/** Every process of any dnsmasq. A zombie answers nobody and is none; dnsmasq-nanny and the like are other programs. */
export async function findDnsmasqs(root: HostRoot, signal: AbortSignal, onTrouble: OnTrouble): Promise<ProcessStat[]> {
  const found: ProcessStat[] = [];
  let began = performance.now();
  for (const pid of listProcesses(root)) {
    const stat = lookAtOne(
      () => dnsmasqAt(root, pid),
      (error) => onTrouble(pid, error),
    );
    if (stat) found.push(stat);
    if (performance.now() - began > SLICE) {
      await new Promise(setImmediate);
      signal.throwIfAborted();
      began = performance.now();
    }
  }
  return found;
}

function dnsmasqAt(root: HostRoot, pid: number): ProcessStat | undefined {
  const stat = readProcess(root, pid);
  return stat && isAlive(stat) && isDnsmasq(root, stat) ? stat : undefined;
}

const isAlive = ({ state }: ProcessStat) => state !== 'Z' && state !== 'X' && state !== 'x';

/** The comm is what the process calls itself; the program's file tells one that was renamed, where we may see it. */
function isDnsmasq(root: HostRoot, { pid, comm }: ProcessStat): boolean {
  if (comm === NAME) return true;
  const path = executable(root, pid);
  return path?.slice(path.lastIndexOf('/') + 1) === NAME;
}

/** Those that no other of them is the parent of, each with its children, for one child a TCP connection is made. */
export function families(found: readonly ProcessStat[]): { parent: ProcessStat; children: number }[] {
  const byPid = new Map(found.map((one) => [one.pid, one]));
  const children = new Map<number, number>();
  for (const one of found) {
    const top = topOf(one, byPid);
    if (top !== one) children.set(top.pid, (children.get(top.pid) ?? 0) + 1);
  }
  return found
    .filter((one) => !byPid.has(one.parent))
    .map((parent) => ({ parent, children: children.get(parent.pid) ?? 0 }));
}

function topOf(one: ProcessStat, byPid: ReadonlyMap<number, ProcessStat>): ProcessStat {
  let top = one;
  // PIDs that are read one after the other may, by reuse, seem to be each other's parents.
  for (let steps = 0; steps < byPid.size; steps++) {
    const parent = byPid.get(top.parent);
    if (!parent) return top;
    top = parent;
  }
  return top;
}
