import type { WatchEvent } from './api.ts';
import { type Kind, type KubernetesObject, keyOf } from './objects.ts';
import type { Raw } from './raw.ts';

export type Change = 'add' | 'update' | 'delete';

/** The objects of a kind, as lists and watches tell them. */
export interface Store<T extends KubernetesObject> {
  /** By `namespace/name`. */
  readonly objects: ReadonlyMap<string, T>;
  /** What is kept of an object; undefined for one without a name, of which nothing can be made. */
  keep(raw: Raw): T | undefined;
  apply(event: Exclude<WatchEvent, { type: 'BOOKMARK' }>): void;
  /** Makes `found` all there is, and tells only of what is not as it was. */
  replace(found: ReadonlyMap<string, T>): void;
}

export function createStore<T extends KubernetesObject>(
  kind: Kind<T>,
  changed: (key: string, change: Change) => void,
): Store<T> {
  const objects = new Map<string, T>();

  function keep(raw: Raw): T | undefined {
    const object = kind.keep(raw);
    return object.name && (object.namespace || !kind.namespaced) ? object : undefined;
  }

  function put(key: string, object: T): void {
    const change = objects.has(key) ? 'update' : 'add';
    objects.set(key, object);
    changed(key, change);
  }

  function remove(key: string): void {
    if (objects.delete(key)) changed(key, 'delete');
  }

  return {
    objects,
    keep,
    apply({ type, object: raw }) {
      const object = keep(raw);
      if (!object) return;
      if (type === 'DELETED') remove(keyOf(object));
      else put(keyOf(object), object);
    },
    replace(found) {
      for (const key of [...objects.keys()]) if (!found.has(key)) remove(key);
      for (const [key, object] of found) {
        const version = objects.get(key)?.version;
        if (!version || version !== object.version) put(key, object);
      }
    },
  };
}
