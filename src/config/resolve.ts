/** From a tree to what the pipelines are made of: every component found, read by its schema, and every reference followed. */
import type { Factory, Kind } from '#component';
import { Complaints } from './complaints.ts';
import { type Defined, readComponents, SECTIONS } from './define.ts';
import { type Excerpts, excerpts } from './excerpts.ts';
import type { Components } from './factories.ts';
import { fingerprint } from './fingerprint.ts';
import { didYouMean, type Issue } from './issue.ts';
import type { Loaded } from './load.ts';
import { type ConfigNode, type MapNode, nodeOf } from './node.ts';
import { type Configured, checkReference, type Pipeline, readIds, readPipelines } from './pipelines.ts';
import { type ImportPlugin, importPlugin, withPlugins } from './plugins.ts';
import { INVALID, parse, placeOf } from './schema.ts';
import { type Telemetry, telemetry } from './service.ts';

/** One component as the YAML has it, with its options read. */
export interface ResolvedComponent {
  readonly kind: Kind;
  /** As the user wrote it, trimmed: `type` or `type/name`. */
  readonly id: string;
  /** The factory's own type, also where the id uses another spelling. */
  readonly type: string;
  readonly factory: Factory;
  /** What the factory's schema read; hand it to `factory.create`. */
  readonly config: unknown;
  readonly node: ConfigNode;
  /** The same string for the same options, before and after a reload. Holds no secret in clear. */
  readonly fingerprint: string;
}

/** Ids in the order in which batches pass them; the pipeline's own is `metrics` or `metrics/name`. */
export type ResolvedPipeline = Pipeline;

/** Everything a run needs. Good to run only when `issues` is empty. */
export interface Resolved {
  /** Those that some pipeline uses, in the order of the file; what is only defined is checked and left out. */
  readonly receivers: readonly ResolvedComponent[];
  readonly processors: readonly ResolvedComponent[];
  readonly exporters: readonly ResolvedComponent[];
  /** Those that `service.extensions` lists, in its order. */
  readonly extensions: readonly ResolvedComponent[];
  readonly service: {
    readonly extensions: readonly string[];
    readonly pipelines: readonly ResolvedPipeline[];
    readonly telemetry: Telemetry;
  };
  /** All there is to mend, in the order of the files, those of loading among them. */
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** The source lines for `formatIssues`, secrets masked. */
  readonly excerpts: Excerpts;
  /** The nodes that hold secrets, for print-config. */
  readonly secrets: ReadonlySet<ConfigNode>;
  readonly tree: MapNode;
}

/** Reads what was loaded with the schemas of the components that it names. Rejects only when a component cannot be loaded. */
export async function resolveConfig(
  loaded: Loaded,
  components: Components,
  importIt: ImportPlugin = importPlugin,
): Promise<Resolved> {
  const { tree } = loaded;
  const complaints = new Complaints(loaded);
  checkSections(tree, complaints);
  const all = await withPlugins(components, tree.entries.get('plugins')?.value, complaints, importIt);
  const defined: Defined[] = [];
  for (const section of SECTIONS) defined.push(...(await readComponents(section, tree, all, complaints)));
  const service = readService(tree, configuredIds(defined), complaints);
  const used = usedIds(service);
  const found = defined.filter((component) => used[component.kind].has(component.id));
  for (const component of found) checkExtensions(component, used.extension, defined, complaints);

  for (const pipeline of service.pipelines) checkFirst(pipeline, found, tree, complaints);
  const made = (kind: Kind) => found.filter((c) => c.kind === kind).flatMap(resolvedComponent);
  const extensions = made('extension');
  return {
    receivers: made('receiver'),
    processors: made('processor'),
    exporters: made('exporter'),
    extensions: service.extensions.flatMap((id) => extensions.filter((e) => e.id === id)),
    service,
    issues: complaints.issues(),
    warnings: complaints.warnings(),
    excerpts: excerpts(loaded.texts, complaints.secrets, complaints.hidden()),
    secrets: complaints.secrets,
    tree,
  };
}

function resolvedComponent({ kind, id, factory, config, node }: Defined): ResolvedComponent[] {
  if (!factory || config === INVALID) return [];
  let digest: string | undefined;
  return [
    {
      ...{ kind, id, type: factory.type, factory, config, node },
      // Only a reload asks.
      get fingerprint() {
        digest ??= fingerprint(factory.type, node);
        return digest;
      },
    },
  ];
}

/** Warns of a processor that is of use only where a pipeline begins. */
function checkFirst(
  { id, processors }: ResolvedPipeline,
  found: readonly Defined[],
  tree: MapNode,
  complaints: Complaints,
) {
  const late = processors.slice(1).find((wanted) => {
    const factory = found.find((c) => c.kind === 'processor' && c.id === wanted)?.factory;
    return factory?.kind === 'processor' && factory.first;
  });
  if (late === undefined) return;
  const inner = `service.pipelines.${id}.processors`;
  complaints.warn(inner, `should begin with ${late}: what stands before it goes on taking data`, placeOf(tree, inner));
}

const TOP_LEVEL = [...SECTIONS.map((s) => s.key), 'service', 'plugins'];

function checkSections(tree: MapNode, complaints: Complaints): void {
  for (const [key, { keyPlace, value }] of tree.entries) {
    if (key === 'connectors') {
      const empty = value.kind === 'scalar' && value.value === null;
      if (!empty) complaints.issue(key, 'is not supported: let one pipeline export to two exporters', keyPlace);
    } else if (!TOP_LEVEL.includes(key)) {
      complaints.issue(key, `is not a section (known: ${TOP_LEVEL.join(', ')})${didYouMean(key, TOP_LEVEL)}`, keyPlace);
    }
  }
  for (const kind of ['receiver', 'exporter']) {
    const entry = tree.entries.get(`${kind}s`);
    const empty = !entry || (entry.value.kind === 'scalar' ? entry.value.value === null : isEmptyMap(entry.value));
    if (empty && tree.entries.size) {
      complaints.absence('', `no ${kind} configuration specified in config`, entry?.keyPlace ?? tree.place);
    }
  }
}

const isEmptyMap = (node: ConfigNode) => node.kind === 'map' && node.entries.size === 0;

type Service = Resolved['service'];
const SERVICE_KEYS = ['extensions', 'pipelines', 'telemetry'];

function readService(tree: MapNode, configured: Configured, complaints: Complaints): Service {
  const entry = tree.entries.get('service');
  const node = entry && !(entry.value.kind === 'scalar' && entry.value.value === null) ? entry.value : nodeOf({});
  const place = entry?.keyPlace ?? tree.place;
  if (node.kind !== 'map') {
    complaints.issue('service', 'must be a map with pipelines, extensions and telemetry', node.place);
    return { extensions: [], pipelines: [], telemetry: parse(telemetry, {}) };
  }
  for (const [key, { keyPlace }] of node.entries) {
    if (SERVICE_KEYS.includes(key)) continue;
    complaints.issue(`service.${key}`, `is not an option${didYouMean(key, SERVICE_KEYS)}`, keyPlace);
  }
  const listed = readIds(node.entries.get('extensions')?.value, 'service.extensions', complaints);
  for (const ref of listed) {
    checkReference(ref, 'service.extensions', 'extension', configured, complaints.references());
  }
  const written = node.entries.get('telemetry')?.value ?? nodeOf({}, place);
  const read = telemetry.read(written, 'service.telemetry', complaints);
  return {
    extensions: [...new Set(listed.map(({ id }) => id))],
    pipelines: tree.entries.size
      ? readPipelines(node.entries.get('pipelines')?.value, place, configured, complaints.references())
      : [],
    telemetry: read === INVALID ? parse(telemetry, {}) : read,
  };
}

function configuredIds(defined: readonly Defined[]): Configured {
  const ids = (kind: Kind) => new Set(defined.filter((c) => c.kind === kind).map((c) => c.id));
  return {
    receiver: ids('receiver'),
    processor: ids('processor'),
    exporter: ids('exporter'),
    extension: ids('extension'),
  };
}

function usedIds({ extensions, pipelines }: Service): Configured {
  const of = (key: 'receivers' | 'processors' | 'exporters') => new Set(pipelines.flatMap((p) => p[key]));
  return {
    receiver: of('receivers'),
    processor: of('processors'),
    exporter: of('exporters'),
    extension: new Set(extensions),
  };
}

function checkExtensions(
  { references }: Defined,
  started: ReadonlySet<string>,
  defined: readonly Defined[],
  complaints: Complaints,
): void {
  for (const { path, id, place, need } of references) {
    if (!checkReference({ id, place }, path, 'extension', configuredIds(defined), complaints.references())) continue;
    const factory = defined.find((one) => one.kind === 'extension' && one.id === id)?.factory;
    if (need && factory?.kind === 'extension' && !factory.stores) {
      complaints.issue(path, `references extension "${id}", which cannot store anything`, place);
      continue;
    }
    if (!started.has(id)) {
      complaints.issue(path, `references extension "${id}", which service.extensions does not list`, place);
    }
  }
}
