import type { Factory, Kind } from '#component';
import { components } from '../components.ts';
import { SECTIONS } from '../config/define.ts';
import { writeYaml } from '../config/yaml.ts';
import { version } from '../version.ts';
import { type Io, OK, readArgs } from './io.ts';

/** `dnscol components`: what is built in, as YAML in the Collector's shape. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  readArgs(args, {});
  const sections: Record<string, unknown> = {};
  for (const { key, kind } of SECTIONS) sections[key] = await described(kind);
  io.stdout.write(
    writeYaml({
      buildinfo: { command: 'dnscol', description: 'Tells whether DNS is sick here, and why', version },
      ...sections,
      providers: ['env', 'file', 'yaml'].map((scheme) => ({ scheme })),
    }),
  );
  return OK;
}

async function described(kind: Kind): Promise<unknown[]> {
  const loaded = await Promise.all(Object.values(components[kind]).map((load) => load()));
  return loaded.map(({ default: factory }) => describe(factory)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function describe({ kind, type, aliases, summary, stability }: Factory) {
  const level = stability.charAt(0).toUpperCase() + stability.slice(1);
  return {
    name: type,
    ...(aliases?.length ? { aliases } : {}),
    summary,
    stability: { [kind === 'extension' ? 'extension' : 'metrics']: level },
  };
}
