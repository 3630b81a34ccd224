import type { Socket } from 'node:dgram';
import {
  type AskOptions,
  type Failed,
  failureOf,
  type Ignored,
  type Outcome,
  type Query,
  readReply,
  type TimedOut,
} from './exchange.ts';
import { type Endpoint, familyOf, type SocketFactory } from './sockets.ts';

/**
 * A UDP socket connected to one server, so that the kernel passes nothing from elsewhere and tells when nobody listens there.
 * Questions may be asked at once; all come from the one port.
 */
export interface UdpChannel {
  readonly port: number;
  /** Rejects only when the signal aborts. */
  ask(query: Query, options: AskOptions, signal: AbortSignal): Promise<Outcome>;
  /** What arrives from now on is counted here: what was asked through it is over. */
  close(): void;
}

interface Pending {
  arrived(bytes: Uint8Array): void;
  failed(error: Error): void;
}

/** Rejects with the system's error when there is no socket, or no way to the server. */
export async function openUdp(
  sockets: SocketFactory,
  server: Endpoint,
  onStray: (why: Ignored) => void = () => {},
): Promise<UdpChannel> {
  const socket = await sockets.udp(familyOf(server));
  try {
    await connect(socket, server);
  } catch (error) {
    socket.close();
    throw error;
  }
  const pending = new Map<number, Pending>();
  const over = new Map<number, Ignored>();
  socket.on('message', (bytes) => {
    const id = bytes.length >= 2 ? bytes.readUInt16BE(0) : -1;
    // With one question under way, whatever arrives is compared with that one, and the reason told to whoever asked it.
    const [only] = pending.size === 1 ? pending.values() : [];
    const wanted = pending.get(id);
    if (wanted) wanted.arrived(bytes);
    else if (over.has(id)) onStray(over.get(id)!);
    else if (only) only.arrived(bytes);
    else onStray(bytes.length < 12 ? 'malformed' : 'wrong_id');
  });
  const failAll = (error: Error) => {
    for (const one of [...pending.values()]) one.failed(error);
  };
  socket.on('error', failAll);
  const port = socket.address().port;
  let closed = false;
  return {
    port,
    ask: (query, options, signal) => askOn({ socket, pending, over, failAll }, query, options, signal),
    close() {
      failAll(new Error('the socket was closed'));
      // A second close of a socket throws.
      if (!closed) socket.close();
      closed = true;
    },
  };
}

function connect(socket: Socket, { address, port }: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, address, (error?: Error) => {
      socket.removeListener('error', reject);
      if (error) reject(error);
      else resolve();
    });
  });
}

interface Line {
  readonly socket: Socket;
  /** Questions under way, by id. */
  readonly pending: Map<number, Pending>;
  /** Ids of questions that are over, and what another answer to them is. */
  readonly over: Map<number, Ignored>;
  /** The kernel reports trouble once, at whatever call comes next, so it concerns every question. */
  failAll(error: Error): void;
}

function askOn(
  { socket, pending, over, failAll }: Line,
  query: Query,
  { timeout, clock, onIgnored }: AskOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const began = clock.monotonic();
    let phase: TimedOut['phase'] = 'send';
    const end = (afterwards: Ignored) => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      pending.delete(query.id);
      over.set(query.id, afterwards);
    };
    const seconds = () => (clock.monotonic() - began) / 1000;
    const onAbort = () => {
      end('late');
      reject(signal.reason);
    };
    const failed = (error: Error) => {
      end('late');
      const failure: Failed = { kind: 'error', reason: failureOf(error), error };
      resolve({ ...failure, protocol: 'udp', seconds: seconds() });
    };
    const cancel = clock.after(timeout, () => {
      end('late');
      resolve({ kind: 'timeout', phase, protocol: 'udp', seconds: seconds() });
    });
    signal.addEventListener('abort', onAbort, { once: true });
    pending.set(query.id, {
      failed,
      arrived(bytes) {
        const took = seconds();
        const reply = readReply(bytes, query);
        if (typeof reply === 'string') return onIgnored?.(reply);
        end('duplicate');
        resolve({ kind: 'answer', message: reply, protocol: 'udp', seconds: took });
      },
    });
    over.delete(query.id);
    socket.send(query.bytes, (error) => {
      phase = 'answer';
      if (error) failAll(error);
    });
  });
}
