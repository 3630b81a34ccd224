import { type SocketState, TCP_STATES } from '#linux';

const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');

/** A line of /proc/PID/net/tcp. `local` is as the kernel writes it, `0100007F:0035`. */
export function tcpLine(local: string, state: SocketState, { inode = 0, queue = 0 } = {}): string {
  const remote = state === 'listen' ? `${'0'.repeat(local.length - 5)}:0000` : `${'0'.repeat(local.length - 5)}:C350`;
  const number = hex(TCP_STATES.indexOf(state) + 1, 2);
  return `   0: ${local} ${remote} ${number} 00000000:${hex(queue, 8)} 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 5\n`;
}

/** A line of /proc/PID/net/udp of a socket that is bound and not connected. */
export function udpLine(local: string, { inode = 0, queue = 0, drops = 0 } = {}): string {
  const remote = `${'0'.repeat(local.length - 5)}:0000`;
  return `  77: ${local} ${remote} 07 00000000:${hex(queue, 8)} 00:00000000 00000000     0        0 ${inode} 2 0000000000000000 ${drops}\n`;
}
