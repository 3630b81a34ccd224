/** `service.extensions` and `service.pipelines`: lists of ids, each of which must be configured. */
import type { Kind } from '#component';
import { parseId } from './id.ts';
import { didYouMean, type Report } from './issue.ts';
import { type ConfigNode, join, type MapNode, nodeOf, type Place } from './node.ts';

export interface Pipeline {
  readonly id: string;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

/** The ids that are configured, by kind: also those whose options are faulty. */
export type Configured = Readonly<Record<Kind, ReadonlySet<string>>>;

const SIGNALS = ['metrics', 'traces', 'logs', 'profiles'];
const LISTS = { receivers: 'receiver', processors: 'processor', exporters: 'exporter' } as const;

export function readPipelines(
  node: ConfigNode | undefined,
  servicePlace: Place,
  configured: Configured,
  report: Report,
): Pipeline[] {
  const path = 'service.pipelines';
  if (!node || isEmpty(node)) {
    report.issue(path, 'service must have at least one pipeline', node?.place ?? servicePlace);
    return [];
  }
  if (node.kind !== 'map') {
    report.issue(path, 'must be a map of pipelines', node.place);
    return [];
  }
  const pipelines = new Map<string, Pipeline>();
  for (const [key, { keyPlace, value }] of node.entries) {
    const id = pipelineId(key, join(path, key), keyPlace, report);
    if (id === undefined) continue;
    if (pipelines.has(id)) report.issue(join(path, key), `is given twice: ${id} is there already`, keyPlace);
    else pipelines.set(id, readPipeline(id, value, keyPlace, configured, report));
  }
  return [...pipelines.values()];
}

/** Nothing written, or an empty map or list. */
function isEmpty(node: ConfigNode | undefined): boolean {
  if (!node) return true;
  if (node.kind === 'scalar') return node.value === null || node.value === '';
  return node.kind === 'map' ? node.entries.size === 0 : node.items.length === 0;
}

function pipelineId(key: string, path: string, place: Place, report: Report): string | undefined {
  const id = parseId(key);
  if (typeof id === 'string') {
    report.issue(path, id, place);
    return undefined;
  }
  if (id.type === 'metrics') return id.id;
  if (SIGNALS.includes(id.type)) {
    report.issue(path, `is not supported: pipelines carry metrics here, not ${id.type}`, place);
  } else {
    report.issue(path, `is not a pipeline: begin it with metrics${didYouMean(id.type, SIGNALS)}`, place);
  }
  return undefined;
}

function readPipeline(id: string, node: ConfigNode, keyPlace: Place, configured: Configured, report: Report): Pipeline {
  const path = join('service.pipelines', id);
  const lists: Record<string, string[]> = { receivers: [], processors: [], exporters: [] };
  const map = asMap(node);
  if (!map) {
    report.issue(path, 'must be a map with receivers, processors and exporters', node.place);
    return { id, receivers: [], processors: [], exporters: [] };
  }
  for (const [key, entry] of map.entries) {
    if (!Object.hasOwn(LISTS, key)) {
      report.issue(join(path, key), `is not an option${didYouMean(key, Object.keys(LISTS))}`, entry.keyPlace);
      continue;
    }
    const kind = LISTS[key as keyof typeof LISTS];
    const ids = readIds(entry.value, join(path, key), report);
    for (const ref of ids) checkReference(ref, path, kind, configured, report);
    if (kind === 'processor') refuseTwice(ids, path, report);
    lists[key] = [...new Set(ids.map((ref) => ref.id))];
  }
  for (const [key, kind] of [
    ['receivers', 'receiver'],
    ['exporters', 'exporter'],
  ] as const) {
    const entry = map.entries.get(key);
    if (isEmpty(entry?.value)) report.issue(path, `must have at least one ${kind}`, entry?.keyPlace ?? keyPlace);
  }
  return { id, receivers: lists.receivers!, processors: lists.processors!, exporters: lists.exporters! };
}

const asMap = (node: ConfigNode): MapNode | undefined =>
  node.kind === 'map'
    ? node
    : node.kind === 'scalar' && node.value === null
      ? (nodeOf({}, node.place) as MapNode)
      : undefined;

interface Reference {
  readonly id: string;
  readonly place: Place;
}

function refuseTwice(references: readonly Reference[], path: string, report: Report): void {
  const seen = new Set<string>();
  for (const { id, place } of references) {
    if (seen.has(id)) report.issue(path, `references processor "${id}" multiple times`, place);
    seen.add(id);
  }
}

export function checkReference(
  { id, place }: Reference,
  path: string,
  kind: Kind,
  configured: Configured,
  report: Report,
): boolean {
  if (configured[kind].has(id)) return true;
  const hint = didYouMean(id, configured[kind]);
  report.issue(path, `references ${kind} "${id}" which is not configured${hint}`, place);
  return false;
}

/** A list of ids; a plain text is split at its commas, as the Collector does. */
export function readIds(node: ConfigNode | undefined, path: string, report: Report): Reference[] {
  if (!node || (node.kind === 'scalar' && node.value === null)) return [];
  if (node.kind === 'map') {
    report.issue(path, 'must be a list of ids, not a map', node.place);
    return [];
  }
  const items =
    node.kind === 'list'
      ? node.items
      : String(node.value)
          .split(',')
          .map((id) => nodeOf(id, node.place));
  return items.flatMap((item, i) => {
    const id = item.kind === 'scalar' && item.value !== null ? parseId(String(item.value)) : 'must be an id';
    if (typeof id !== 'string') return [{ id: id.id, place: item.place }];
    report.issue(node.kind === 'list' ? `${path}[${i}]` : path, id, item.place);
    return [];
  });
}
