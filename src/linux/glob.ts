import { posix } from 'node:path';
import type { HostRoot } from './root.ts';

/** Deeper than any real tree of cgroups. */
const MAX_DEPTH = 64;

/**
 * Does a path match a pattern? `*` and `?` stand for characters within one step of the path, `**` as a whole step for any
 * number of steps, none included. Nothing else is special: systemd's names are full of backslashes and brackets. Both may
 * begin with `/` or not.
 */
export function matchesGlob(pattern: string, path: string): boolean {
  return matchSteps(stepsOf(pattern), stepsOf(path));
}

/** The directories below `base` that match, each once, as `/a/b` relative to `base`; symbolic links are not followed. */
export function* globDirectories(root: HostRoot, base: string, pattern: string): Generator<string> {
  const seen = new Set<string>();
  for (const found of expand(root, base, '/', stepsOf(pattern), 0)) {
    if (!seen.has(found)) yield found;
    seen.add(found);
  }
}

function stepsOf(path: string): string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.');
}

function* expand(root: HostRoot, base: string, at: string, steps: readonly string[], depth: number): Generator<string> {
  const here = posix.join(base, at);
  const [step, ...rest] = steps;
  if (step === undefined) {
    if (root.isDirectory(here)) yield at;
    return;
  }
  if (depth > MAX_DEPTH) return;
  if (step === '**') yield* expand(root, base, at, rest, depth);
  if (!/[*?]/.test(step)) {
    if (step !== '..' && root.isDirectory(posix.join(here, step))) {
      yield* expand(root, base, posix.join(at, step), rest, depth + 1);
    }
    return;
  }
  for (const name of root.directories(here)) {
    const inside = posix.join(at, name);
    if (step === '**') yield* expand(root, base, inside, steps, depth + 1);
    else if (matchStep(step, name)) yield* expand(root, base, inside, rest, depth + 1);
  }
}

function matchSteps(pattern: readonly string[], path: readonly string[]): boolean {
  return matchSequence(
    pattern.length,
    path.length,
    (i) => pattern[i] === '**',
    (i, j) => matchStep(pattern[i]!, path[j]!),
  );
}

function matchStep(pattern: string, name: string): boolean {
  return matchSequence(
    pattern.length,
    name.length,
    (i) => pattern[i] === '*',
    (i, j) => pattern[i] === '?' || pattern[i] === name[j],
  );
}

/** Greedy with one way back, to the last star: no pattern takes more than pattern × length steps. */
function matchSequence(
  patternLength: number,
  length: number,
  isStar: (i: number) => boolean,
  fits: (i: number, j: number) => boolean,
): boolean {
  let i = 0;
  let j = 0;
  let star = -1;
  let resume = 0;
  while (j < length) {
    if (i < patternLength && isStar(i)) {
      star = i++;
      resume = j;
    } else if (i < patternLength && fits(i, j)) {
      i++;
      j++;
    } else if (star >= 0) {
      i = star + 1;
      j = ++resume;
    } else return false;
  }
  while (i < patternLength && isStar(i)) i++;
  return i === patternLength;
}
