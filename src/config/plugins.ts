/** `plugins:` in the YAML: modules from outside that bring factories. */
import { createRequire } from 'node:module';
import { dirname, isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Factory } from '#component';
import { list } from './collections.ts';
import { type Components, KINDS } from './factories.ts';
import type { Report } from './issue.ts';
import type { ConfigNode } from './node.ts';
import { string } from './scalars.ts';
import { INVALID } from './schema.ts';

/** Imports a plugin module: `./file.ts` from the folder of the configuration file that names it, else a package. */
export type ImportPlugin = (name: string, configFile: string) => Promise<unknown>;

export const importPlugin: ImportPlugin = async (name, configFile) => {
  const folder = dirname(resolve(configFile));
  if (name.startsWith('.') || isAbsolute(name)) return import(pathToFileURL(resolve(folder, name)).href);
  return import(pathToFileURL(createRequire(resolve(folder, 'x.js')).resolve(name)).href);
};

const moduleName = string({ nonEmpty: true, typeName: 'module' });
const names = list(moduleName);

/** The components and those of the plugins. A plugin that cannot be had is an issue at its place. */
export async function withPlugins(
  components: Components,
  node: ConfigNode | undefined,
  report: Report,
  importIt: ImportPlugin,
): Promise<Components> {
  if (!node) return components;
  if (node.kind !== 'list') {
    names.read(node, 'plugins', report);
    return components;
  }
  const all = Object.fromEntries(KINDS.map((kind) => [kind, { ...components[kind] }])) as Components;
  for (const [i, item] of node.items.entries()) {
    const name = moduleName.read(item, `plugins[${i}]`, report);
    if (name === INVALID) continue;
    const { place } = item;
    const complain = (message: string) => report.issue(`plugins[${i}]`, message, place);
    try {
      for (const factory of factoriesOf(await importIt(name, place.file))) register(all, factory, complain);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      complain(`cannot be loaded: ${code?.endsWith('MODULE_NOT_FOUND') ? 'there is no such module' : message}`);
    }
  }
  return all;
}

/** A module's default export: one factory or several. */
function factoriesOf(module: unknown): Factory[] {
  const exported = (module as { default?: unknown }).default;
  const all = Array.isArray(exported) ? exported : [exported];
  if (!all.length || !all.every(isFactory)) throw new Error('its default export is not a factory, nor a list of them');
  return all;
}

function isFactory(value: unknown): value is Factory {
  const factory = value as Partial<Factory> | undefined;
  return (
    KINDS.includes(factory?.kind as Factory['kind']) &&
    typeof factory?.type === 'string' &&
    typeof factory.create === 'function' &&
    typeof factory.config?.read === 'function'
  );
}

function register(components: Components, factory: Factory, complain: (message: string) => void): void {
  const known = components[factory.kind] as Record<string, () => Promise<{ default: Factory }>>;
  if (Object.hasOwn(known, factory.type))
    complain(`brings the ${factory.kind} ${factory.type}, which is there already`);
  else known[factory.type] = async () => ({ default: factory });
}
