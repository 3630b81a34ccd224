import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '#clock';
import { makeFolder } from '#kit';
import { createRoot, isStillThere, LOCK_EX, LOCK_NB, libc, readProcess } from '#linux';

/** A folder that no other process may have meanwhile. */
export interface FolderLock {
  release(): Promise<void>;
}

export interface LockOptions {
  /** How long to wait for another to let go, in milliseconds. */
  timeout: number;
  clock: Clock;
  signal: AbortSignal;
}

const NAME = 'lock';
const PAUSE = 100;

/**
 * Takes a folder for this process. The kernel lets go of the lock however the process ends, and knows nothing of the PID
 * namespaces that pods with one volume have. Where flock(2) cannot be called, the file says which process has it.
 * Rejects with a sentence when another has it, and with the file system's error when the lock cannot be made.
 */
export async function lockFolder(folder: string, options: LockOptions): Promise<FolderLock> {
  const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
  const file = await open(join(folder, NAME), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o640);
  try {
    await take(file, folder, options);
    await write(file, JSON.stringify(self()));
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    async release() {
      // Others may wait with the file open: it is emptied, not deleted.
      await file.truncate(0).catch(() => {});
      await file.close();
    },
  };
}

async function take(file: FileHandle, folder: string, { timeout, clock, signal }: LockOptions): Promise<void> {
  const until = clock.monotonic() + timeout;
  while (!(await isFree(file))) {
    if (clock.monotonic() >= until) {
      const pid = holder(await text(file))?.pid;
      const who = pid === undefined ? 'another process' : `another process (PID ${pid} where it runs)`;
      throw new Error(`${who} uses ${folder}: every instance needs a directory of its own`);
    }
    await sleep(clock, PAUSE, signal);
  }
}

async function isFree(file: FileHandle): Promise<boolean> {
  const c = libc();
  if (!c) return !isAlive(holder(await text(file)));
  try {
    c.flock(file.fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    // A file system without locks.
    return !isAlive(holder(await text(file)));
  }
}

interface Holder {
  pid: number;
  startTicks: number;
  /** Which PIDs those are, and of which boot. */
  namespace: string;
  boot: string;
}

function self(): Partial<Holder> {
  const root = createRoot('/');
  const stat = readProcess(root, process.pid);
  return { pid: process.pid, ...(stat && { startTicks: stat.startTicks }), ...surroundings() };
}

function surroundings(): { namespace: string; boot: string } {
  const root = createRoot('/');
  return {
    namespace: root.link('/proc/self/ns/pid') ?? '',
    boot: root.read('/proc/sys/kernel/random/boot_id')?.trim() ?? '',
  };
}

function holder(written: string): Holder | undefined {
  try {
    const value = JSON.parse(written) as Holder | null;
    return typeof value?.pid === 'number' ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder | undefined): boolean {
  if (!holder || holder.pid === process.pid) return false;
  const { namespace, boot } = surroundings();
  if (holder.namespace !== namespace || holder.boot !== boot) return false;
  return isStillThere(createRoot('/'), holder);
}

async function text(file: FileHandle): Promise<string> {
  const bytes = Buffer.alloc(512);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return bytes.toString('utf8', 0, bytesRead);
}

async function write(file: FileHandle, content: string): Promise<void> {
  await file.truncate(0);
  await file.write(content, 0);
}

/** No room, or a disk that fails: no reason not to start, because the queue goes on in memory. */
const DISK_TROUBLE = ['ENOSPC', 'EDQUOT', 'EIO'];

/**
 * Makes a folder ready for queues and takes it. `lock` is undefined, and `trouble` says why, where the disk is full or fails:
 * that must not keep anybody from starting. Rejects with a sentence for everything else.
 */
export async function takeFolder(
  folder: string,
  { create, mode, ...options }: LockOptions & { create: boolean; mode: number },
): Promise<{ lock?: FolderLock; trouble?: unknown }> {
  try {
    if (create) await makeFolder(folder, mode);
    return { lock: await lockFolder(folder, options) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (DISK_TROUBLE.includes(code ?? '')) return { trouble: error };
    if (!code) throw error;
    throw new Error(`cannot use the directory ${folder}`, { cause: error });
  }
}
