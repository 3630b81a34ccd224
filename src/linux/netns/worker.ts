/**
 * The one thread that visits other network namespaces. A socket belongs for good to the namespace it is made in, and file
 * descriptors belong to the whole process: so the thread goes in, makes a socket, comes back, and hands over a number. It
 * holds nothing between two visits, so it keeps no namespace of a dead pod alive.
 *
 * Loaded as a worker only; it imports no more than it needs, because the bundle carries it a second time.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { AF_INET, AF_INET6, CLONE_NEWNET, type Libc, libc, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_STREAM } from '../libc.ts';
import { type Answer, END, type Visit } from './visits.ts';

function begin(port: MessagePort): void {
  const calls = libc();
  if (!calls) throw new Error('started without libc');
  const home = openSync('/proc/thread-self/ns/net', constants.O_RDONLY);
  port.postMessage({ why: tryToStay(calls, home) } satisfies Answer);
  port.on('message', (message: Visit | typeof END) => {
    if (message === END) {
      closeSync(home);
      port.close();
    } else port.postMessage(visit(calls, home, message));
  });
}

/** Entering the namespace that the thread is in anyway needs the same privilege as entering any other. */
function tryToStay(calls: Libc, home: number): string {
  try {
    calls.setns(home, CLONE_NEWNET);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

function visit(calls: Libc, home: number, { id, file, inode, protocol, family }: Visit): Answer {
  try {
    const namespace = openSync(file, constants.O_RDONLY);
    try {
      if (fstatSync(namespace).ino !== inode) {
        throw Object.assign(new Error(`${file} is another namespace by now`), { code: 'ESTALE' });
      }
      calls.setns(namespace, CLONE_NEWNET);
    } finally {
      closeSync(namespace);
    }
  } catch (error) {
    return failed(id, error);
  }
  let answer: Answer;
  try {
    answer = { id, fd: makeSocket(calls, protocol, family) };
  } catch (error) {
    answer = failed(id, error);
  }
  // If this fails, the thread is of no more use: the error ends it, and the next visit gets a new one.
  calls.setns(home, CLONE_NEWNET);
  return answer;
}

function failed(id: number, error: unknown): Answer {
  return { id, error: (error as Error).message, code: (error as NodeJS.ErrnoException).code ?? '' };
}

function makeSocket(calls: Libc, protocol: Visit['protocol'], family: Visit['family']): number {
  const domain = family === 4 ? AF_INET : AF_INET6;
  const fd = calls.socket(domain, (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
  try {
    // Bound here, because libuv sets SO_REUSEADDR on what it is given: bound after that, two sockets may get one port.
    if (protocol === 'udp') calls.bind(fd, anyAddress(domain));
    return fd;
  } catch (error) {
    calls.close(fd);
    throw error;
  }
}

/** A `sockaddr_in` or `sockaddr_in6` of the unspecified address and port 0. The family is in the machine's byte order. */
function anyAddress(domain: number): Uint8Array {
  const bytes = new Uint8Array(domain === AF_INET ? 16 : 28);
  new Uint16Array(bytes.buffer, 0, 1)[0] = domain;
  return bytes;
}

if (!parentPort) throw new Error('this file is a thread of its own');
begin(parentPort);
