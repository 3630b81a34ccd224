import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { Socket as TcpSocket } from 'node:net';
import { libc, whyNoLibc } from '../libc.ts';
import { startThread } from './thread.ts';
import { type Answer, END, type Visit } from './visits.ts';

/** Where to make a socket: the file of a network namespace and its inode, as `findNamespaces` gives them. */
export interface NamespaceFile {
  readonly file: string;
  readonly inode: number;
}

/**
 * Makes sockets in other network namespaces, by one thread that is started when the first is asked for. Once made, a socket
 * is an ordinary one of this process, and whoever asked for it closes it.
 */
export interface NamespaceSockets {
  /** Why namespaces cannot be entered here, in words for the user; '' when they can. Starts the thread. */
  whyNot(): Promise<string>;
  /**
   * An unconnected socket, bound to a port that the kernel chose. Rejects with a `code`: `ENOENT`, `ESRCH` or `ESTALE` when
   * the namespace is gone, `EACCES` or `EPERM` when it may not be entered.
   */
  udp(where: NamespaceFile, family: 4 | 6): Promise<UdpSocket>;
  /** A socket to call `connect` on, once. Rejects as `udp` does. */
  tcp(where: NamespaceFile, family: 4 | 6): Promise<TcpSocket>;
  /** The descriptor of a UDP socket, for calls on it such as `ioctl`; the caller closes it. Rejects as `udp` does. */
  descriptor(where: NamespaceFile): Promise<number>;
  /** Ends the thread. Sockets that were handed out stay open. */
  close(): Promise<void>;
}

interface Asked {
  resolve(fd: number): void;
  reject(error: Error): void;
}

interface Thread {
  readonly why: Promise<string>;
  visit(visit: Omit<Visit, 'id'>): Promise<number>;
  end(): Promise<void>;
}

export function namespaceSockets(): NamespaceSockets {
  let thread: Thread | undefined;
  let closed = false;
  const running = (): Thread => {
    if (closed) throw new Error('no more sockets in namespaces: closed');
    if (!libc()) throw new Error(whyNoLibc());
    thread ??= runThread(() => {
      thread = undefined;
    });
    return thread;
  };
  const visit = async (where: NamespaceFile, protocol: Visit['protocol'], family: 4 | 6): Promise<number> => {
    const { file, inode } = where;
    return running().visit({ file, inode, protocol, family });
  };
  return {
    async whyNot() {
      if (!libc()) return `entering network namespaces needs node:ffi: ${whyNoLibc()}`;
      const why = await running().why;
      return why && `entering network namespaces needs CAP_SYS_ADMIN (${why})`;
    },
    udp: async (where, family) => udpOf(await visit(where, 'udp', family), family),
    tcp: async (where, family) => tcpOf(await visit(where, 'tcp', family)),
    descriptor: (where) => visit(where, 'udp', 4),
    async close() {
      closed = true;
      await thread?.end();
    },
  };
}

function runThread(onEnd: () => void): Thread {
  const worker = startThread();
  const asked = new Map<number, Asked>();
  let lastId = 0;
  let trouble: Error | undefined;
  let tell: (why: string) => void = () => {};
  const why = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      onEnd();
      const error = new Error('the thread that visits network namespaces ended', { cause: trouble });
      tell(trouble?.message ?? error.message);
      for (const one of asked.values()) one.reject(error);
      resolve();
    });
  });
  worker.on('error', (error: Error) => {
    trouble = error;
  });
  worker.on('message', (answer: Answer) => {
    if ('why' in answer) tell(answer.why);
    else settle(asked, answer);
    // Waiting for an answer keeps the process alive, an idle thread does not.
    if (!asked.size) worker.unref();
  });
  return {
    why,
    visit: (visit) =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        asked.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage({ ...visit, id } satisfies Visit);
      }),
    end() {
      worker.ref();
      // It first answers what it was asked: a socket made but not handed over would never be closed.
      worker.postMessage(END);
      return ended;
    },
  };
}

function settle(asked: Map<number, Asked>, answer: Exclude<Answer, { why: string }>): void {
  const one = asked.get(answer.id)!;
  asked.delete(answer.id);
  if ('fd' in answer) one.resolve(answer.fd);
  else one.reject(Object.assign(new Error(answer.error), { code: answer.code }));
}

function udpOf(fd: number, family: 4 | 6): Promise<UdpSocket> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      closeSync(fd);
      reject(error);
    });
    socket.bind({ fd, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** `manualStart` keeps it from being read, and from failing, before it is connected; it is missing in the types. */
function tcpOf(fd: number): TcpSocket {
  try {
    return new TcpSocket({ fd, manualStart: true } as { fd: number });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
