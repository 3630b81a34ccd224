import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where the outside suites lie: beside the project, never in it. Reading what is not there fails the run. */
export const SUITES = resolve(import.meta.dirname, '../../../shared/suites');

export interface Suite {
  /** The path of one of the suite's files. */
  path(...parts: string[]): string;
  json<T>(...parts: string[]): T;
  /** Declares a case. One that is listed as not held must fail: when it passes, the list is out of date. */
  holds(id: string, check: () => void | Promise<void>): void;
  /** Declares that every case on the list exists. To be called last. */
  listIsCurrent(): void;
}

/** `test/suites/not-held/<name>.json` lists the cases that are not held: `{ "case": "why" }`. It need not be there. */
export function suite(name: string): Suite {
  const notHeld = readList(resolve(import.meta.dirname, '../suites/not-held', `${name}.json`));
  const seen = new Set<string>();
  const path = (...parts: string[]) => join(SUITES, name, ...parts);
  return {
    path,
    json: (...parts) => JSON.parse(readFileSync(path(...parts), 'utf8')),
    holds(id, check) {
      seen.add(id);
      const why = notHeld[id];
      if (why === undefined) it(id, check);
      else it(`${id} (not held: ${why})`, () => failing(id, check));
    },
    listIsCurrent() {
      it(`${name} has every case that is listed as not held`, () => {
        const gone = Object.keys(notHeld).filter((id) => !seen.has(id));
        if (gone.length > 0) throw new Error(`no such cases: ${gone.join(', ')}`);
      });
    },
  };
}

function readList(path: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

async function failing(id: string, check: () => void | Promise<void>): Promise<void> {
  try {
    await check();
  } catch {
    return;
  }
  throw new Error(`${id} is held now: take it off the list`);
}
