/** Milliseconds of CPU that this thread has used: what a bound on work is held against, on a machine that others use as well. */
export function cpuTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
