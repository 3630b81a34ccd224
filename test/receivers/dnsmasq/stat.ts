/** A /proc/PID/stat. */
export function stat(pid: number, comm: string, parent: number, state = 'S', start = 1000, ticks = 0): string {
  return `${pid} (${comm}) ${state} ${parent} 7 7 0 -1 4194560 100 0 0 0 ${ticks} 0 0 0 20 0 1 0 ${start} 8192000 300\n`;
}
