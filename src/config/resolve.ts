/** From a tree to what the pipelines are made of: every component found, read by its schema, and every reference followed. */
import type { Factory, Kind } from '#component';
import type { Issue } from './issue.ts';
import type { ConfigNode, MapNode } from './node.ts';
import type { Telemetry } from './service.ts';

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

export interface ResolvedPipeline {
  /** `metrics` or `metrics/name`. */
  readonly id: string;
  readonly receivers: readonly string[];
  /** In the order in which batches pass them. */
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

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
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  readonly tree: MapNode;
}
