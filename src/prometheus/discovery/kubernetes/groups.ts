import type { KubernetesRole, KubernetesSdConfig } from '../../config/kubernetes-sd.ts';
import type { TargetGroup } from '../groups.ts';
import { ROLES } from './build.ts';
import type { Informer } from './informer.ts';
import type { Built, Surroundings } from './labels.ts';
import type { KindName, Kinds, KubernetesObject } from './objects.ts';

/** A target group for each object of a role, made anew when the object changes, or another that its labels come from. */
export interface GroupSource {
  /** An object has changed, come or gone. */
  changed(kind: KindName, key: string): void;
  /** Everything may have changed. */
  refresh(): void;
  /** All groups, when some are not what they were when it was last called; undefined otherwise. */
  take(): readonly TargetGroup[] | undefined;
}

/** As Prometheus names the sources of its groups. */
const SOURCES: Readonly<Record<KubernetesRole, string>> = {
  pod: 'pod',
  node: 'node',
  service: 'svc',
  endpoints: 'endpoints',
  endpointslice: 'endpointslice',
  ingress: 'ingress',
};

export function trackedGroups(
  { role, attach_metadata: attach }: KubernetesSdConfig,
  informers: ReadonlyMap<KindName, readonly Informer<KubernetesObject>[]>,
): GroupSource {
  const { kind, build } = ROLES[role]!;
  const groups = new Map<string, TargetGroup>();
  const dirty = new Set<string>();
  /** Who has looked for an object, by its kind and key, found or not. */
  const lookers = new Map<string, Set<string>>();
  const looked = new Map<string, Set<string>>();
  let first = true;

  function find<K extends KindName>(kind: K, key: string): Kinds[K] | undefined {
    for (const { objects } of informers.get(kind) ?? []) {
      const object = objects.get(key);
      if (object) return object as Kinds[K];
    }
    return undefined;
  }

  /** What the group of `key` sees of others; it is made again when any of that changes. */
  function around(key: string): Surroundings {
    forget(key);
    let mine: Set<string> | undefined;
    return {
      attach,
      find(kind, other) {
        const about = `${kind} ${other}`;
        mine ??= new Set();
        looked.set(key, mine.add(about));
        const others = lookers.get(about) ?? new Set();
        lookers.set(about, others.add(key));
        return find(kind, other);
      },
    };
  }

  function forget(key: string): void {
    for (const about of looked.get(key) ?? []) {
      const others = lookers.get(about);
      others?.delete(key);
      if (others?.size === 0) lookers.delete(about);
    }
    looked.delete(key);
  }

  function built(key: string): Built | undefined {
    const object = find(kind, key);
    return object && build(object, around(key));
  }

  return {
    changed(changedKind, key) {
      if (changedKind === kind) dirty.add(key);
      for (const other of lookers.get(`${changedKind} ${key}`) ?? []) dirty.add(other);
    },
    refresh() {
      for (const { objects } of informers.get(kind) ?? []) for (const key of objects.keys()) dirty.add(key);
    },
    take() {
      let different = first;
      first = false;
      for (const key of dirty) {
        if (find(kind, key)) groups.set(key, new LazyGroup(`${SOURCES[role]}/${key}`, key, built));
        else {
          forget(key);
          if (!groups.delete(key)) continue;
        }
        different = true;
      }
      dirty.clear();
      return different ? [...groups.values()] : undefined;
    },
  };
}

/**
 * A group whose labels are made when they are looked at, and let go of right after: all that is kept of an object is the
 * object, and what a job makes of it.
 */
class LazyGroup implements TargetGroup {
  readonly source: string;
  readonly #build: (key: string) => Built | undefined;
  readonly #key: string;
  #built: Built | undefined;

  constructor(source: string, key: string, build: (key: string) => Built | undefined) {
    this.source = source;
    this.#key = key;
    this.#build = build;
  }

  get targets(): TargetGroup['targets'] {
    return this.#now().targets;
  }

  get labels(): TargetGroup['labels'] {
    return this.#now().labels;
  }

  #now(): Built {
    if (!this.#built) {
      this.#built = this.#build(this.#key) ?? NOTHING;
      queueMicrotask(() => {
        this.#built = undefined;
      });
    }
    return this.#built;
  }
}

const NOTHING: Built = { labels: new Map(), targets: [] };
