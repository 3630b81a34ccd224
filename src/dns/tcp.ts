import type { Socket } from 'node:net';
import {
  type AskOptions,
  type Failure,
  failureOf,
  type Outcome,
  type Phase,
  type Query,
  readReply,
} from './exchange.ts';
import { HEADER_SIZE, type Message } from './message.ts';
import { type Endpoint, familyOf, type SocketFactory } from './sockets.ts';

/** More than this without an answer among it is no DNS. */
const MOST_BYTES = 1 << 20;

/**
 * Asks one question through a connection of its own (RFC 7766), which is closed with the answer: servers such as dnsmasq keep a
 * process for each that is open. Rejects only when the signal aborts.
 */
export async function askTcp(
  sockets: SocketFactory,
  server: Endpoint,
  query: Query,
  options: AskOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  let socket: Socket;
  try {
    socket = await sockets.tcp(familyOf(server));
  } catch (error) {
    return { kind: 'error', reason: 'socket', error: error as Error, protocol: 'tcp', seconds: 0 };
  }
  return converse(socket, server, query, options, signal);
}

function converse(
  socket: Socket,
  server: Endpoint,
  query: Query,
  { timeout, clock, onIgnored }: AskOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const began = clock.monotonic();
    let phase: Phase = 'connect';
    let received = 0;
    const seconds = () => (clock.monotonic() - began) / 1000;
    const release = () => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners().on('error', () => {});
    };
    /** Gives up at once, without the minutes that the kernel would spend on a peer that does not answer. */
    const giveUp = () => {
      release();
      // A reset waits for the connection, which may never be.
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    };
    const onAbort = () => {
      giveUp();
      reject(signal.reason);
    };
    const fail = (reason: Failure, error: Error) => {
      giveUp();
      resolve({ kind: 'error', reason, error, protocol: 'tcp', seconds: seconds() });
    };
    const cancel = clock.after(timeout, () => {
      giveUp();
      resolve({ kind: 'timeout', phase, protocol: 'tcp', seconds: seconds() });
    });
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const frames = frameReader((bytes) => {
      const reply = bytes.length < HEADER_SIZE ? 'malformed' : readReply(bytes, query);
      if (typeof reply !== 'string') answer(reply);
      else onIgnored?.(reply);
    });
    const answer = (message: Message) => {
      release();
      socket.destroy();
      resolve({ kind: 'answer', message, protocol: 'tcp', seconds: seconds() });
    };
    socket.on('error', (error) => fail(failureOf(error), error));
    socket.on('end', () => fail('closed', new Error('the server closed the connection without an answer')));
    socket.on('data', (chunk: Buffer) => {
      phase = 'body';
      received += chunk.length;
      if (received > MOST_BYTES) fail('flooded', new Error(`${received} bytes held no answer`));
      else frames(chunk);
    });
    socket.once('connect', () => {
      phase = 'send';
      socket.write(framed(query.bytes), () => {
        if (phase === 'send') phase = 'answer';
      });
    });
    socket.setNoDelay(true).connect({ host: server.address, port: server.port });
  });
}

/** Two bytes of length, then the message (RFC 1035 §4.2.2), in one write: some servers want them in one segment. */
export function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + message.length);
  new DataView(frame.buffer).setUint16(0, message.length);
  frame.set(message, 2);
  return frame;
}

/** Takes pieces of any size, and gives each message as soon as it is whole. */
export function frameReader(onMessage: (bytes: Uint8Array) => void): (chunk: Uint8Array) => void {
  const frame = new Uint8Array(2 + 0xffff);
  let filled = 0;
  const wanted = () => (filled < 2 ? 2 : 2 + ((frame[0]! << 8) | frame[1]!));
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      const piece = chunk.subarray(at, at + wanted() - filled);
      frame.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < 2 || filled < wanted()) continue;
      // A copy: an answer keeps its bytes.
      onMessage(frame.slice(2, filled));
      filled = 0;
    }
  };
}
