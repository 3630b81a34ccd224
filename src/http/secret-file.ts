import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '#clock';
import type { Secret } from '#config';

export interface SecretFile {
  /** The file's text without blanks around it. Looks at the file each time. Throws when it never held anything. */
  current(): string;
  /** Looks again, and takes what is there even if it may be half-written. True when it differs from `current` before. */
  reread(): boolean;
}

export interface SecretFileOptions {
  /** For messages: `the bearer token`. */
  what: string;
  clock: Clock;
  /** The file changed but cannot be used, so that the old text stays. */
  onBad?(error: Error): void;
}

/** How long a file that was written over and got shorter may still be growing. Milliseconds. */
const SETTLE = 1000;

/**
 * A token or password that others write into a file, and rotate. A new text is used from the next call on. One that is
 * missing or empty leaves the old in use, and so does, for a second, one that is shorter than before and was written in
 * place: its writer may not be done.
 */
export function secretFile(path: string, { what, clock, onBad }: SecretFileOptions): SecretFile {
  let text: string | undefined;
  let stamp: string | undefined;
  let inode: bigint | undefined;

  function look(impatient: boolean): void {
    const stat = statSync(path, { bigint: true });
    const now = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
    if (now === stamp) return;
    const read = readFileSync(path, 'utf8').trim();
    if (read === '') throw new Error('it is empty');
    const age = clock.now() - Number(stat.mtimeMs);
    const growing = stat.ino === inode && read.length < (text?.length ?? 0) && age >= 0 && age < SETTLE;
    if (growing && !impatient) return;
    [text, stamp, inode] = [read, now, stat.ino];
  }

  function current(impatient: boolean): string {
    try {
      look(impatient);
    } catch (cause) {
      const error = new Error(`cannot read ${what} from ${path}`, { cause });
      if (text === undefined) throw error;
      onBad?.(error);
    }
    return text!;
  }

  return {
    current: () => current(false),
    reread() {
      const before = text;
      return current(true) !== before;
    },
  };
}

/** A text that is given as it is or in a file; the file wins. */
export interface TextSource {
  value?: string | Secret | undefined;
  file?: string | undefined;
}

/** How to read that text at each use; undefined where there is neither. */
export function textReader(source: TextSource, options: SecretFileOptions): SecretFile | undefined {
  const { value, file } = source;
  if (file) return secretFile(file, options);
  if (value === undefined) return undefined;
  const text = typeof value === 'string' ? value : value.reveal();
  return { current: () => text, reread: () => false };
}
