/** Finds the factory behind a type, loading no more of them than it must. */
import type { Factory, Kind } from '#component';
import { didYouMean } from './issue.ts';

export type Load = () => Promise<{ default: Factory }>;
export type Components = Readonly<Record<Kind, Readonly<Record<string, Load>>>>;

export const KINDS: readonly Kind[] = ['receiver', 'processor', 'exporter', 'extension'];

const squeezed = (type: string) => type.replaceAll('_', '').toLowerCase();

/** The factory of that type or alias; undefined when there is none. */
export async function findFactory(components: Components, kind: Kind, type: string): Promise<Factory | undefined> {
  const all = components[kind];
  if (Object.hasOwn(all, type)) return (await all[type]!()).default;
  // The Collector's newer names differ from the older ones by underscores only: look there before loading everything.
  const alike = Object.keys(all).filter((known) => squeezed(known) === squeezed(type));
  const rest = Object.keys(all).filter((known) => !alike.includes(known));
  for (const known of [...alike, ...rest]) {
    const { default: factory } = await all[known]!();
    if (factory.aliases?.includes(type)) return factory;
  }
  return undefined;
}

/** The sentence for a type that is not there. */
export function unknownType(components: Components, kind: Kind, type: string): string {
  const known = Object.keys(components[kind]).sort();
  const other = KINDS.find((k) => k !== kind && Object.hasOwn(components[k], type));
  const hint = other ? `; it is ${/^[aeiou]/.test(other) ? 'an' : 'a'} ${other}` : didYouMean(type, known);
  return `is not a known ${kind} (known: ${known.join(', ') || 'none'})${hint}`;
}

/**
 * The name that the Collector now prefers, where `type` is the one that it deprecates. Its renamings all put underscores
 * into names that had none.
 */
export function newerName(factory: Factory, type: string): string | undefined {
  return [factory.type, ...(factory.aliases ?? [])].find(
    (name) => name !== type && squeezed(name) === squeezed(type) && name.includes('_') && !type.includes('_'),
  );
}
