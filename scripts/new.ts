/** `npm run new -- receiver NAME`: a component that does nothing yet and passes `npm run check`. */
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Kind } from '#component';
import { KINDS } from '../src/config/factories.ts';
import { registered, sources } from './templates.ts';

const LIST = 'src/components.ts';

/** Writes the files of a new component and its line in the list. Rejects with a sentence when it cannot. */
export async function scaffold(kind: string, type: string): Promise<string[]> {
  if (!KINDS.includes(kind as Kind)) throw new Error(`a kind is one of ${KINDS.join(', ')}, not ${kind}`);
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(type)) throw new Error('a name is in lower_snake_case, such as kube_dns');
  const files = sources(kind as Kind, type);
  for (const path of Object.keys(files)) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) throw new Error(`${path} is there already`);
  }
  const list = registered(await readFile(LIST, 'utf8'), kind as Kind, type);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  await writeFile(LIST, list);
  return [...Object.keys(files), LIST];
}

async function main([kind, type]: string[]): Promise<number> {
  if (kind === undefined || type === undefined) {
    process.stderr.write(`Usage: npm run new -- ${KINDS.join('|')} NAME\n`);
    return 2;
  }
  try {
    process.stdout.write(`${(await scaffold(kind, type)).join('\n')}\nNow: npm run docs && npm run check\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main(process.argv.slice(2));
