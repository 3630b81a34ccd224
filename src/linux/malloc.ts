import type * as Ffi from 'node:ffi';

let trim: (() => void) | undefined;

/**
 * Gives back to the kernel what glibc's malloc keeps of freed memory: after a start that is some megabytes that nobody asks
 * for again. Does nothing where there is no glibc (musl keeps little), or no way to it. Takes about a millisecond.
 */
export function trimMalloc(): void {
  trim ??= load();
  trim();
}

function load(): () => void {
  try {
    const ffi = process.getBuiltinModule?.('node:ffi') as typeof Ffi | undefined;
    // Without a path: the symbols of the running program.
    const loaded = ffi?.dlopen(null, { malloc_trim: { arguments: ['uint64'], return: 'int32' } });
    return () => void loaded?.functions.malloc_trim(0n);
  } catch {
    return () => {};
  }
}
