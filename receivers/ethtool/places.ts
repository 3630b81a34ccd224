import { closeSync } from 'node:fs';
import {
  createEthtool,
  findNamespaces,
  type HostRoot,
  type Libc,
  labelsOfNamespace,
  type Namespace,
  namespaceKey,
  namespaceSockets,
  parseInterfaces,
} from '#linux';
import { kernelSource, type Source } from './source.ts';

/** A network namespace whose interfaces are read. */
export interface Place {
  /** The same from one collection to the next. */
  readonly key: string;
  /** On every series from here; none where only the own namespace is read. */
  readonly labels: Readonly<Record<string, string>>;
  readonly source: Source;
  /** The interfaces of now. */
  devices(): string[];
}

export interface Places {
  list(signal: AbortSignal): Promise<Place[]>;
  /** Why other namespaces cannot be entered, in words for the user; '' when all is well. */
  readonly trouble: string;
  close(): Promise<void>;
}

export function ownPlaceOnly(source: Source, devices: () => string[]): Places {
  const own: Place = { key: 'own', labels: {}, source, devices };
  return {
    list: async () => [own],
    trouble: '',
    async close() {
      source.close();
    },
  };
}

type Wanted = (device: string) => boolean;

/**
 * The own namespace and those of the pods, or of all processes, that are seen under the root. A socket that was made in a
 * namespace asks there, from whatever thread: one each is kept open while the namespace lives.
 */
export function allPlaces(root: HostRoot, libc: Libc, own: Places, whose: 'pods' | 'all', wanted: Wanted): Places {
  const sockets = namespaceSockets();
  let known = new Map<Namespace, Place>();
  let trouble = '';
  const open = async (namespace: Namespace): Promise<Place | undefined> => {
    try {
      const fd = await sockets.descriptor(namespace);
      const source = { ...kernelSource(createEthtool(libc, fd)), close: () => closeSync(fd) };
      const devices = () => parseInterfaces(root.read(`/proc/${namespace.pid}/net/dev`) ?? '').filter(wanted);
      return { key: namespace.key, labels: labelsOfNamespace('net', namespace), source, devices };
    } catch {
      // Gone meanwhile, or closed to us: the next collection looks again.
      return undefined;
    }
  };
  return {
    async list(signal) {
      trouble = await sockets.whyNot();
      const home = async (labels: Place['labels']) => (await own.list(signal)).map((place) => ({ ...place, labels }));
      if (trouble) return home({ netns: 'own' });
      const ownKey = namespaceKey(root, 'net', 'self');
      const found = await findNamespaces(root, 'net', [...known.keys()], signal);
      const mine = found.find((one) => one.key === ownKey);
      const before = known;
      known = new Map();
      for (const one of found) {
        const isWanted = one.isHost || whose === 'all' || one.owner.pod_uid !== undefined;
        if (one.key === ownKey || !isWanted) continue;
        const place = before.get(one) ?? (await open(one));
        if (place) known.set(one, place);
      }
      for (const [namespace, { source }] of before) if (!known.has(namespace)) source.close();
      return [...(await home(mine ? labelsOfNamespace('net', mine) : { netns: 'own' })), ...known.values()];
    },
    get trouble() {
      return trouble;
    },
    async close() {
      for (const { source } of known.values()) source.close();
      known.clear();
      await Promise.all([own.close(), sockets.close()]);
    },
  };
}
