/** What the kernel knows of a process, from /proc. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const MIB = 1024 * 1024;
const TICKS_PER_SECOND = 100;

function status(pid: number, key: string): number {
  const kib = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / MIB;
}

/** Resident memory now, and at most since `forgetPeak`, in MiB. */
export const resident = (pid: number): number => status(pid, 'VmRSS');
export const peak = (pid: number): number => status(pid, 'VmHWM');
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

/** CPU time of all its threads, in seconds. */
export function cpu(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Bytes that it got from read(2), of files and sockets alike. */
export const bytesRead = (pid: number): number =>
  Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);

export const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
