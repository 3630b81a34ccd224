import { turns } from '#kit';
import { type HostRoot, listProcesses, lookAtOne, namespaceKey, readProcess, socketsOfProcess } from '#linux';

/** Programs that answer DNS questions themselves and keep sockets to other servers open, by comm (at most 15 bytes). */
export const SERVERS: readonly string[] = [
  'adguardhome',
  'blocky',
  'cilium-agent',
  'cilium-envoy',
  'coredns',
  'dnscrypt-proxy',
  'dnsdist',
  'dnsmasq',
  'envoy',
  'kresd',
  'kube-dns',
  'named',
  'node-cache',
  'pdns_recursor',
  'smartdns',
  'stubby',
  'systemd-resolve',
  'unbound',
];

/** Says whether a socket of a namespace belongs to a DNS server. */
export type ServerSockets = (namespace: string, socket: { readonly inode: number; readonly uid: number }) => boolean;

/**
 * Finds the DNS servers among all processes. Which sockets a process holds may be seen by its user or with CAP_SYS_PTRACE;
 * where not, all sockets of the server's user in its namespace count as the server's. `onTrouble` is told of a process that
 * could not be read; the others go on.
 */
export async function serverSockets(
  root: HostRoot,
  comms: ReadonlySet<string>,
  onTrouble: (error: unknown) => void,
  signal?: AbortSignal,
): Promise<ServerSockets> {
  const turn = turns(signal);
  const inodes = new Set<number>();
  const uids = new Set<string>();
  for (const pid of listProcesses(root)) {
    await turn();
    lookAtOne(() => {
      const comm = readProcess(root, pid)?.comm;
      if (comm === undefined || !comms.has(comm)) return;
      const sockets = socketsOfProcess(root, pid);
      for (const inode of sockets ?? []) inodes.add(inode);
      const namespace = namespaceKey(root, 'net', pid);
      const uid = sockets ? undefined : userOf(root, pid);
      if (namespace !== undefined && uid !== undefined) uids.add(`${namespace} ${uid}`);
    }, onTrouble);
  }
  return (namespace, { inode, uid }) => inodes.has(inode) || uids.has(`${namespace} ${uid}`);
}

/** The effective user id; /proc/PID/net tells the same of a socket. */
function userOf(root: HostRoot, pid: number): number | undefined {
  const digits = /^Uid:\s+\d+\s+(\d+)/m.exec(root.read(`/proc/${pid}/status`) ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}
