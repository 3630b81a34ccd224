import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What it asks of a file system; tests hand in one that answers as others do. */
export interface FolderCalls {
  mkdir(path: string, mode: number): Promise<unknown>;
  isFolder(path: string): Promise<boolean>;
}

const REAL: FolderCalls = {
  mkdir: (path, mode) => mkdir(path, { mode }),
  isFolder: (path) =>
    stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    ),
};

/**
 * Makes a folder and those that it is in, where they are not there; each that is made gets `mode`. Node's own `recursive` never
 * ends where a folder that is there answers ENOENT, as those of /proc do, and tells ENOENT where a file system is read-only.
 * Rejects with the error of the first folder that cannot be made: its `path`, and an errno's `code`.
 */
export async function makeFolder(path: string, mode: number, calls: FolderCalls = REAL): Promise<void> {
  if (await made(path, mode, calls)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent, mode, calls);
  if (await made(path, mode, calls)) return;
  const message = `ENOENT: no folder can be made in ${parent}, mkdir '${path}'`;
  throw Object.assign(new Error(message), { code: 'ENOENT', path });
}

/** False where there is nothing to make it in. */
async function made(path: string, mode: number, calls: FolderCalls): Promise<boolean> {
  try {
    await calls.mkdir(path, mode);
    return true;
  } catch (error) {
    // Where it is there already, some file systems say first that they are read-only.
    if (await calls.isFolder(path)) return true;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
