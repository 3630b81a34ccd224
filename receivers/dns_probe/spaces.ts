import { readlinkSync } from 'node:fs';
import { ownSockets, type SocketFactory } from '#dns';
import {
  codeOf,
  findNamespaces,
  type HostRoot,
  labelsOfNamespace,
  type Namespace,
  type NamespaceSockets,
  namespaceSockets,
  readInside,
} from '#linux';

/** A place to ask from: a network namespace. */
export interface ProbeSpace {
  /** Tells spaces apart, and the same space from one collection to the next. */
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sockets: SocketFactory;
  /** The text of its resolv.conf; undefined when there is none, or when it may not be read. */
  resolvConf(path: string): string | undefined;
  /** It turned out to have vanished, or not to let us in: nothing can be said of its DNS. */
  readonly lost: boolean;
}

export interface ProbeSpaces {
  /** Those that there are now, the own one first. */
  list(signal: AbortSignal): Promise<ProbeSpace[]>;
  /** Why others than the own cannot be entered, in words for the user; '' when all is well. */
  readonly trouble: string;
  close(): Promise<void>;
}

const ownSpace = (root: HostRoot, labels: Readonly<Record<string, string>>): ProbeSpace => ({
  key: 'own',
  labels,
  sockets: ownSockets,
  resolvConf: (path) => readInside(root.path, path),
  lost: false,
});

/** The own network namespace alone; its resolv.conf is the one under the root path. */
export function ownSpaceOnly(root: HostRoot): ProbeSpaces {
  const space = ownSpace(root, {});
  return { list: async () => [space], trouble: '', close: async () => {} };
}

/** The own network namespace, and those of the pods, or of all processes, that are seen under the root path. */
export function allSpaces(root: HostRoot, whose: 'pods' | 'all'): ProbeSpaces {
  const sockets = namespaceSockets();
  let namespaces: Namespace[] = [];
  let known = new Map<Namespace, ProbeSpace>();
  let trouble = '';
  return {
    async list(signal) {
      trouble = await sockets.whyNot();
      if (trouble) return [ownSpace(root, { netns: 'own' })];
      namespaces = await findNamespaces(root, 'net', namespaces, signal);
      const inode = ownInode();
      const own = namespaces.find((one) => one.inode === inode);
      const others = namespaces.filter((one) => one !== own && isWanted(one, whose));
      const made = others.map((one) => [one, keep(known.get(one)) ?? otherSpace(root, one, sockets)] as const);
      known = new Map(made);
      return [ownSpace(root, own ? labelsOfNamespace('net', own) : { netns: 'own' }), ...known.values()];
    },
    get trouble() {
      return trouble;
    },
    close: () => sockets.close(),
  };
}

/** What was lost may be found again, by another process. */
const keep = (space: ProbeSpace | undefined) => (space?.lost ? undefined : space);

const isWanted = ({ isHost, owner }: Namespace, whose: 'pods' | 'all') =>
  isHost || whose === 'all' || owner.pod_uid !== undefined;

function ownInode(): number {
  return Number(/\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? Number.NaN);
}

function otherSpace(root: HostRoot, namespace: Namespace, sockets: NamespaceSockets): ProbeSpace {
  let lost = false;
  const entering = async <T>(socket: Promise<T>): Promise<T> => {
    try {
      return await socket;
    } catch (error) {
      lost ||= ['ENOENT', 'ESRCH', 'ESTALE', 'EACCES', 'EPERM'].includes(codeOf(error));
      throw error;
    }
  };
  return {
    key: namespace.key,
    labels: labelsOfNamespace('net', namespace),
    sockets: {
      udp: (family) => entering(sockets.udp(namespace, family)),
      tcp: (family) => entering(sockets.tcp(namespace, family)),
    },
    resolvConf(path) {
      const top = namespace.isHost ? root.path : `${root.path}/proc/${namespace.pid}/root`;
      return readInside(top, path);
    },
    get lost() {
      return lost;
    },
  };
}
