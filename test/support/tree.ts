import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A temporary folder with files in it. */
export interface Tree {
  readonly path: string;
  /** Writes files, making the folders on the way; `undefined` removes a file or a whole folder. */
  write(files: Readonly<Record<string, string | undefined>>): void;
  remove(): void;
}

export function makeTree(files: Readonly<Record<string, string | undefined>> = {}): Tree {
  const path = mkdtempSync(join(tmpdir(), 'dnscol-'));
  const tree: Tree = {
    path,
    write(some) {
      for (const [name, content] of Object.entries(some)) {
        const full = join(path, name);
        if (content === undefined) {
          rmSync(full, { recursive: true, force: true });
          continue;
        }
        mkdirSync(dirname(full), { recursive: true });
        writeFileSync(full, content);
      }
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
  tree.write(files);
  return tree;
}
