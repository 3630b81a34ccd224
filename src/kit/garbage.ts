import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Collects all garbage, now; blocks for as long as that takes. */
export function collectGarbage(): void {
  collect ??= collector();
  collect();
}

/** `gc` exists only behind a flag, which may be set while running; a new context then has it. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return found;
}
