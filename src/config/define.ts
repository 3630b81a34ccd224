/** The four sections of components: ids, factories, and options read by the factories' schemas. */
import type { Factory, Kind } from '#component';
import type { Complaints } from './complaints.ts';
import { type Components, findFactory, newerName, unknownType } from './factories.ts';
import { type Id, parseId } from './id.ts';
import { type ConfigNode, type Entry, join, type MapNode, type Place } from './node.ts';
import { INVALID } from './schema.ts';

export const SECTIONS = [
  { key: 'receivers', kind: 'receiver' },
  { key: 'processors', kind: 'processor' },
  { key: 'exporters', kind: 'exporter' },
  { key: 'extensions', kind: 'extension' },
] as const;
type Section = (typeof SECTIONS)[number];

export interface Reference {
  readonly path: string;
  readonly id: string;
  readonly place: Place;
  readonly need: 'storage' | undefined;
}

/** What one key of a section defines, used or not. */
export interface Defined {
  readonly kind: Kind;
  readonly id: string;
  readonly node: ConfigNode;
  /** Undefined when the type is unknown. */
  readonly factory: Factory | undefined;
  /** INVALID when its options are faulty. */
  readonly config: unknown;
  /** The extensions that its options name. */
  readonly references: readonly Reference[];
}

export async function readComponents(
  { key, kind }: Section,
  tree: MapNode,
  components: Components,
  complaints: Complaints,
): Promise<Defined[]> {
  const section = tree.entries.get(key)?.value;
  if (!section || (section.kind === 'scalar' && section.value === null)) return [];
  if (section.kind !== 'map') {
    complaints.issue(
      key,
      `must be a map of ${key}, not a ${section.kind === 'list' ? 'list' : 'value'}`,
      section.place,
    );
    return [];
  }
  const defined = new Map<string, Defined>();
  for (const [name, entry] of section.entries) {
    const id = parseId(name);
    if (typeof id === 'string') complaints.issue(join(key, name), id, entry.keyPlace);
    else if (defined.has(id.id)) complaints.issue(join(key, id.id), 'is given twice, once with blanks', entry.keyPlace);
    else defined.set(id.id, await readComponent(kind, id, join(key, id.id), entry, components, complaints));
  }
  return [...defined.values()];
}

async function readComponent(
  kind: Kind,
  { id, type }: Id,
  path: string,
  { keyPlace, value: node }: Entry,
  components: Components,
  complaints: Complaints,
): Promise<Defined> {
  const factory = await findFactory(components, kind, type);
  if (!factory) {
    complaints.issue(path, unknownType(components, kind, type), keyPlace);
    return { kind, id, node, factory, config: INVALID, references: [] };
  }
  const newer = newerName(factory, type);
  if (newer)
    complaints.warn(path, `${type} is deprecated in the Collector, in favour of ${newer}; both work`, keyPlace);
  const references: Reference[] = [];
  const config = factory.config.read(node, path, {
    issue: (at, message, place) => complaints.issue(at, message, place),
    warn: (at, message, place) => complaints.warn(at, message, place),
    secret: (secret) => complaints.secret(secret),
    reference: (at, _kind, extension, place, need) => references.push({ path: at, id: extension, place, need }),
  });
  return { kind, id, node, factory, config, references };
}
