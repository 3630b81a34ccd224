/**
 * `npm run docs`: fills the generated tables of the components' READMEs and writes config/schema.json, from the components'
 * own declarations. `--check` only says what is stale, and fails when something is.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { Factory } from '#component';
import { components } from '../src/components.ts';
import { KINDS } from '../src/config/factories.ts';
import { wholeSchema } from '../src/config/json-schema.ts';
import { fillMarkers, metricTable, optionTable } from './tables.ts';

export interface Generated {
  readonly path: string;
  readonly have: string | undefined;
  /** Undefined where it cannot be made; `problem` says why. */
  readonly want: string | undefined;
  readonly problem?: string;
}

/** Every generated file, as it is and as it should be. */
export async function generate(): Promise<Generated[]> {
  const schema = `${JSON.stringify(await wholeSchema(components), null, 2)}\n`;
  const files: Generated[] = [{ path: 'config/schema.json', have: await textOf('config/schema.json'), want: schema }];
  for (const kind of KINDS) {
    for (const [type, load] of Object.entries(components[kind])) {
      const { default: factory } = await load();
      files.push(await readme(`${kind}s/${type}/README.md`, factory));
    }
  }
  return files;
}

async function readme(path: string, factory: Factory): Promise<Generated> {
  const have = await textOf(path);
  if (have === undefined) return { path, have, want: undefined, problem: 'is missing: every component has a README' };
  const { config, metrics = [] } = factory;
  const tables = { options: optionTable(config.rows?.('') ?? []), metrics: metricTable(metrics) };
  const filled = fillMarkers(have, tables, metrics.length ? ['options', 'metrics'] : ['options']);
  return typeof filled === 'string' ? { path, have, want: filled } : { path, have, want: undefined, ...filled };
}

const textOf = (path: string) => readFile(path, 'utf8').catch(() => undefined);

async function main(check: boolean): Promise<number> {
  let failed = false;
  for (const { path, have, want, problem } of await generate()) {
    if (want !== undefined && want === have) continue;
    failed ||= check || want === undefined;
    if (!check && want !== undefined) await writeFile(path, want);
    process.stdout.write(`${path} ${problem ?? (check ? 'is stale: run npm run docs' : 'written')}\n`);
  }
  return failed ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = await main(process.argv.includes('--check'));
}
