import { totalmem } from 'node:os';

/** Bytes that this process may use: its cgroup's limit, or the machine's memory. */
export function memoryLimit(): number {
  const machine = totalmem();
  // 0, or a number past all memory, when nothing constrains the process.
  const limit = process.constrainedMemory();
  return limit > 0 && limit < machine ? limit : machine;
}
