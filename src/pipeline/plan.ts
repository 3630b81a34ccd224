import type { Factory, Kind } from '#component';

/** One component as the configuration asks for it. */
export interface Wanted {
  readonly kind: Kind;
  readonly id: string;
  readonly factory: Factory;
  readonly config: unknown;
  /** Equal fingerprints mean that a running instance may stay over a reload. */
  readonly fingerprint: string;
}

export interface WantedPipeline {
  readonly id: string;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

export interface WantedService {
  readonly receivers: readonly Wanted[];
  readonly processors: readonly Wanted[];
  readonly exporters: readonly Wanted[];
  readonly extensions: readonly Wanted[];
  /** The extensions to start, in this order. */
  readonly started: readonly string[];
  readonly pipelines: readonly WantedPipeline[];
}

/** One instance to be: a shared receiver, exporter or extension is one; a processor is one for each pipeline. */
export interface PlanNode {
  /** `receiver/prometheus`, `processor/metrics/batch`: the same over reloads. */
  readonly key: string;
  readonly wanted: Wanted;
  /** The pipelines it belongs to; none for an extension. */
  readonly pipelines: readonly string[];
  /** Keys of the nodes that it hands batches to. */
  readonly next: readonly string[];
}

/** In the order of starting; stopping goes the other way, receivers first. */
export type Plan = readonly PlanNode[];

/** Extensions as listed, then exporters, processors (nearest the exporters first), receivers. Pure; references must be sound. */
export function plan(service: WantedService): Plan {
  const pipelinesOf = (list: 'receivers' | 'exporters', id: string) =>
    service.pipelines.filter((p) => p[list].includes(id));
  const extensions = service.started.map((id) => node('extension', find(service.extensions, id), [], []));
  const exporters = service.exporters.flatMap((wanted) => {
    const used = pipelinesOf('exporters', wanted.id);
    return used.length ? [node('exporter', wanted, used, [])] : [];
  });
  const processors = service.pipelines.flatMap((pipeline) =>
    pipeline.processors
      .map((id, i) => {
        const wanted = find(service.processors, id);
        return node(`processor/${pipeline.id}`, wanted, [pipeline], entry(pipeline, i + 1));
      })
      .reverse(),
  );
  const receivers = service.receivers.flatMap((wanted) => {
    const used = pipelinesOf('receivers', wanted.id);
    const next = [...new Set(used.flatMap((pipeline) => entry(pipeline, 0)))];
    return used.length ? [node('receiver', wanted, used, next)] : [];
  });
  return [...extensions, ...exporters, ...processors, ...receivers];
}

/** What stands at position `at` of a pipeline: a processor, or all of its exporters. */
function entry(pipeline: WantedPipeline, at: number): string[] {
  const processor = pipeline.processors[at];
  return processor === undefined
    ? pipeline.exporters.map((id) => `exporter/${id}`)
    : [`processor/${pipeline.id}/${processor}`];
}

function node(prefix: string, wanted: Wanted, pipelines: WantedPipeline[], next: string[]): PlanNode {
  return { key: `${prefix}/${wanted.id}`, wanted, pipelines: pipelines.map((p) => p.id), next };
}

function find(list: readonly Wanted[], id: string): Wanted {
  const wanted = list.find((w) => w.id === id);
  if (!wanted) throw new Error(`no component ${id} in the plan`);
  return wanted;
}
