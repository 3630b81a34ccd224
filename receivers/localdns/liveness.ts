import { statSync } from 'node:fs';
import { posix } from 'node:path';
import { confine, createRoot, type HostRoot, type ProcessStat, readProcess } from '#linux';

/** Bytes of a PID file; what is longer is none. */
const LONGEST = 1024;

export type Life = 'alive' | 'dead' | 'no PID file';

/** Tells whether the process that a PID file names is alive. */
export class Liveness {
  readonly #root: HostRoot;
  readonly #pidFile: string;
  /** A PID comes back after its process has gone: which process this PID file meant, once seen; none when that was dead. */
  #meant: { file: string; startTicks: number | undefined } | undefined;

  constructor(root: HostRoot, pidFile: string) {
    this.#root = root;
    this.#pidFile = pidFile;
  }

  /** Throws when the PID file is there and cannot be read. */
  look(): Life {
    // Links are followed: /var/run is one.
    const files = confine(this.#root.path, '/', LONGEST);
    if (!files.exists(this.#pidFile)) return 'no PID file';
    const text = files.read(this.#pidFile).trim();
    return /^[1-9]\d{0,9}$/.test(text) && this.#isAlive(Number(text)) ? 'alive' : 'dead';
  }

  #isAlive(pid: number): boolean {
    const stat = this.#process(pid);
    if (stat === 'hidden') return true;
    const file = `${pid} ${this.#stamp()}`;
    const startTicks = isRunning(stat) ? stat.startTicks : undefined;
    if (this.#meant?.file !== file) this.#meant = { file, startTicks };
    if (startTicks === undefined) this.#meant.startTicks = undefined;
    return startTicks !== undefined && this.#meant.startTicks === startTicks;
  }

  /** The process as the host sees it where the host's own /proc is mounted under the root; as we see it otherwise. */
  #process(pid: number): ProcessStat | 'hidden' | undefined {
    if (this.#root.path !== '/' && this.#root.isDirectory('/proc/1')) return readProcess(this.#root, pid);
    return seen(() => readProcess(createRoot('/'), pid)) ?? (exists(pid) ? 'hidden' : undefined);
  }

  /** Another one when the file is written anew. */
  #stamp(): string {
    const full = posix.join(this.#root.path, posix.join('/', this.#pidFile));
    const stat = statSync(full, { bigint: true, throwIfNoEntry: false });
    return `${stat?.ino} ${stat?.mtimeNs}`;
  }
}

/** A zombie waits to be buried. */
const isRunning = (stat: ProcessStat | undefined): stat is ProcessStat =>
  stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';

/** /proc may hide other users' processes (`hidepid`, proc(5)). */
function seen(read: () => ProcessStat | undefined): ProcessStat | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Signal 0 is sent to nobody: a process of another user answers EPERM, one that has gone ESRCH. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
