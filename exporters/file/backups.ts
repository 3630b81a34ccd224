import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Rotation } from './options.ts';

const DAY = 86_400_000;

/** Moves `file` aside as `name-2026-01-31T09-05-00.000.ext`, the way lumberjack names what the Collector rotates. */
export async function moveAside(file: string, { localtime }: Rotation, now: number): Promise<void> {
  let at = now;
  while (await exists(backupName(file, at, localtime))) at++;
  await rename(file, backupName(file, at, localtime));
}

/** Deletes old files beyond `max_backups` and `max_days`. */
export async function prune(file: string, { localtime, max_backups, max_days }: Rotation, now: number): Promise<void> {
  const { dir, name, ext } = path.parse(file);
  const oldest = max_days ? stamp(now - max_days * DAY, localtime) : '';
  const stamps = (await readdir(dir || '.'))
    .filter((entry) => entry.startsWith(`${name}-`) && entry.endsWith(ext))
    .map((entry) => entry.slice(name.length + 1, entry.length - ext.length))
    .filter((text) => /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/.test(text))
    .sort()
    .reverse();
  const doomed = stamps.filter((text, i) => text < oldest || (max_backups > 0 && i >= max_backups));
  for (const text of doomed) await rm(path.join(dir, `${name}-${text}${ext}`), { force: true });
}

function backupName(file: string, at: number, localtime: boolean): string {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}-${stamp(at, localtime)}${ext}`);
}

/** Sorts as time does, within one of the two ways to count it. */
function stamp(at: number, localtime: boolean): string {
  const shift = localtime ? new Date(at).getTimezoneOffset() * 60_000 : 0;
  return new Date(at - shift).toISOString().slice(0, -1).replaceAll(':', '-');
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
