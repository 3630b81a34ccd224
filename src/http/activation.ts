/** Listening sockets that a service manager hands to the process (systemd's sd_listen_fds(3)). */

/** Sockets begin behind standard input, output and error. */
const FIRST = 3;
/** More than any unit has; a number beyond it is a mistake. */
const MOST = 64;

let passed: number[] = [];
let next = 0;

/** Told once, by who starts the agent. Variables that are meant for another process than `pid` are passed over. */
export function setListenSockets(environment: Readonly<Record<string, string | undefined>>, pid: number): void {
  const { LISTEN_PID = '', LISTEN_FDS = '' } = environment;
  const count = LISTEN_PID === String(pid) && /^\d{1,2}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
  passed = Array.from({ length: Math.min(count, MOST) }, (_, i) => FIRST + i);
  next = 0;
}

/**
 * The file descriptor of the next socket, in the order of the units; undefined when none were passed. Throws when all are
 * taken: a server that is closed has closed its socket, too, and only the service manager holds another end of it.
 */
export function takeListenSocket(): number | undefined {
  if (passed.length === 0) return undefined;
  const fd = passed[next++];
  if (fd === undefined)
    throw new Error('the sockets from systemd are used up: restart the agent in place of reloading');
  return fd;
}
