import { posix } from 'node:path';

/** Where imports find files. Paths are absolute and free of `..`. All may throw, with a sentence, for what must not be read. */
export interface ImportFiles {
  /** The text of a file. Throws when it is none. */
  read(path: string): string;
  /** The names in a folder; empty when it is none. */
  list(path: string): readonly string[];
  exists(path: string): boolean;
}

const META = /[*?[\\]/;

/**
 * The files that an import names. Like CoreDNS, it takes at most one `*` and one `?`, and no `[…]`. A pattern that matches
 * nothing gives nothing; undefined says that a plain path is not there.
 */
export function findImports(pattern: string, folder: string, files: ImportFiles): string[] | undefined {
  if (pattern.includes('\0')) return undefined;
  if (count(pattern, '*') > 1 || count(pattern, '?') > 1 || (pattern.includes('[') && pattern.includes(']'))) {
    throw new Error(`a pattern may have one * and one ?, and no [ ]: ${pattern}`);
  }
  const isAbsolute = pattern.startsWith('/');
  const path = isAbsolute ? posix.normalize(pattern) : posix.join(folder, pattern);
  if (!META.test(pattern)) return files.exists(path) ? [path] : undefined;
  // What stands before the pattern in the path is a folder's name, whatever signs it has.
  const literal = isAbsolute ? '/' : commonFolder(folder, path);
  const steps = path.slice(literal.length).split('/').filter(Boolean);
  const found = steps.reduce<string[]>(
    (paths, step) => paths.flatMap((one) => expandStep(one, step, files)),
    [literal],
  );
  return found.length || /[*?[\]]/.test(pattern) ? found : undefined;
}

function expandStep(folder: string, step: string, files: ImportFiles): string[] {
  if (!META.test(step)) {
    const path = posix.join(folder, step);
    return files.exists(path) ? [path] : [];
  }
  const pattern = stepPattern(step);
  return [...files.list(folder)]
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => posix.join(folder, name));
}

/** Go's path.Match for one step, without its classes. */
function stepPattern(step: string): RegExp {
  let source = '';
  for (let i = 0; i < step.length; i++) {
    const c = step[i]!;
    if (c === '*') source += '.*';
    else if (c === '?') source += '.';
    else if (c === '[' || (c === '\\' && i + 1 === step.length)) throw new Error(`the pattern does not end: ${step}`);
    else source += (c === '\\' ? step[++i]! : c).replace(/[\\^$.*+?()[\]{}|]/u, '\\$&');
  }
  return new RegExp(`^${source}$`, 'su');
}

/** The longest folder above both. */
function commonFolder(folder: string, path: string): string {
  let common = folder;
  while (common !== '/' && path !== common && !path.startsWith(`${common}/`)) common = posix.dirname(common);
  return common;
}

const count = (text: string, sign: string): number => text.split(sign).length - 1;
