import * as s from '#config';
import { given, laxString } from '../config/lax.ts';

/**
 * Targets that share labels, as a discovery found them. Labels here are before relabelling, `__meta_*` among them. While
 * nothing changes, a discovery hands out the same object: what is derived from it is kept by its identity.
 */
export interface TargetGroup {
  /** Where it comes from, for messages: `static_configs[0]`, `targets/a.json:2`. */
  readonly source: string;
  /** One map a target; `__address__` is in each. A target's own label wins over the group's. */
  readonly targets: readonly ReadonlyMap<string, string>[];
  readonly labels: ReadonlyMap<string, string>;
}

/** Finds targets and goes on looking. */
export interface Discovery {
  /**
   * Resolves after the first look, or at once where that may take long because others are asked. `update` gets ALL groups
   * that this discovery knows, whenever they have changed; never the same list twice in a row.
   */
  start(update: (groups: readonly TargetGroup[]) => void): Promise<void>;
  stop(): Promise<void>;
  /** Milliseconds since what it says was last known to hold; 0 while it is known to. Where others are asked. */
  stale?(): number;
}

const labelName = s.string({
  typeName: 'label name',
  check: (name) => (name === '' || /\p{Surrogate}/u.test(name) ? 'is not a label name' : undefined),
});

export interface WrittenGroup {
  targets: string[];
  labels: Map<string, string>;
}

/** A group as static_configs and file_sd files have it. `text` reads an address and a label's value. */
export function groupSchema(text: s.Schema<string>): s.Schema<WrittenGroup> {
  return given(
    s.object({
      targets: s.withDefault(s.list(text), [], 'Addresses, `host` or `host:port`.'),
      labels: s.withDefault(s.mapOf(text, labelName), {}, 'Labels for all of these targets.'),
    }),
    'target group',
  );
}

/** As YAML writes it: a label's value may be a number. */
export const writtenGroup = groupSchema(laxString());

export function toGroup(
  written: WrittenGroup,
  source: string,
  more: readonly (readonly [string, string])[] = [],
): TargetGroup {
  return {
    source,
    targets: written.targets.map((address) => new Map([['__address__', address]])),
    labels: new Map([...written.labels, ...more]),
  };
}
