import { readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * The paths that a pattern names, sorted; `*`, `?` and `[…]` in its last element are wildcards, as in Go's filepath.Glob.
 * A directory that cannot be read holds nothing; a path without wildcards is given whether it exists or not.
 */
export async function globLast(pattern: string): Promise<string[]> {
  if (!hasWildcard(pattern)) return [pattern];
  return matching(pattern, await readdir(dirname(pattern)).catch(() => []));
}

/** The same at once, for when a configuration is read. */
export function globLastSync(pattern: string): string[] {
  if (!hasWildcard(pattern)) return [pattern];
  let names: string[] = [];
  try {
    names = readdirSync(dirname(pattern));
  } catch {
    // Holds nothing.
  }
  return matching(pattern, names);
}

const hasWildcard = (pattern: string): boolean => /[*?[]/.test(basename(pattern));

function matching(pattern: string, names: readonly string[]): string[] {
  const last = basename(pattern);
  const matches = wildcard(last);
  // The pattern's own spelling of the folder is kept: it ends up in labels and messages.
  const prefix = pattern.slice(0, pattern.length - last.length);
  return names
    .filter((name) => matches.test(name))
    .sort()
    .map((name) => (prefix === '' ? name : prefix.endsWith('/') ? prefix + name : join(prefix, name)));
}

function wildcard(pattern: string): RegExp {
  const source = pattern.replace(/\[(\^?)((?:\\.|[^\]\\])+)\]|\\?[\s\S]/g, (part, negated, members) => {
    if (members !== undefined) return `[${negated}${members.replace(/[[&]/g, '\\$&')}]`;
    if (part === '*') return '.*';
    if (part === '?') return '.';
    const plain = part.length > 1 ? part.slice(1) : part;
    return plain.replace(/[.*+?^${}()|[\]\\]/, '\\$&');
  });
  try {
    return new RegExp(`^${source}$`, 's');
  } catch {
    return /(?!)/;
  }
}
