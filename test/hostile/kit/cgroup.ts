/** A memory limit of the kernel's, where a cgroup can be made. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { Lab } from './threat.ts';
import { sleep } from './threat.ts';

export interface MemoryGroup {
  /** Puts whatever is run by it into the group. */
  readonly wrapper: readonly string[];
  /** How often the kernel killed something in it. */
  kills(): number;
}

const V1 = '/sys/fs/cgroup/memory';
const V2 = '/sys/fs/cgroup';

/** A group with this limit in bytes; undefined where none can be made. */
export function memoryGroup(lab: Lab, limit: number): MemoryGroup | undefined {
  const isV1 = existsSync(`${V1}/memory.limit_in_bytes`);
  const path = `${isV1 ? V1 : V2}/dnscol-hostile-${process.pid}`;
  try {
    mkdirSync(path);
    writeFileSync(`${path}/${isV1 ? 'memory.limit_in_bytes' : 'memory.max'}`, String(limit));
    if (!isV1) writeFileSync(`${path}/memory.swap.max`, '0');
  } catch {
    if (existsSync(path)) rmdirSync(path);
    return undefined;
  }
  lab.defer(async () => {
    // The kernel takes a moment to forget a process that has ended.
    for (let attempt = 0; attempt < 50 && existsSync(path); attempt++) {
      try {
        rmdirSync(path);
      } catch {
        await sleep(100);
      }
    }
  });
  const events = `${path}/${isV1 ? 'memory.oom_control' : 'memory.events'}`;
  return {
    wrapper: ['/bin/sh', '-c', `echo $$ > ${path}/cgroup.procs && exec "$@"`, 'sh'],
    kills: () => Number(/^oom_kill (\d+)/m.exec(readFileSync(events, 'utf8'))?.[1] ?? Number.NaN),
  };
}
