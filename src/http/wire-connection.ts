import type net from 'node:net';
import type { AnswerReader } from './wire-answer.ts';

/**
 * What all connections read into: libuv fills it and hands it over in one step, so it is never two connections' at a time,
 * and nothing that is kept may point into it.
 */
const READ_SIZE = 128 * 1024;
let shared: Buffer | undefined;

/** For the options of `net.connect` and `tls.connect`. */
export type OnRead = net.OnReadOpts;

export interface Exchange {
  readonly reader: AnswerReader;
  /** The answer is whole; its body is good for the time of the call. */
  done(): void;
  /** Something of it came, and there is more to come. */
  begun(): void;
  /** The connection is destroyed. */
  failed(error: unknown): void;
}

/** One socket, and at most one exchange at a time. */
export class Connection {
  /** An exchange has been completed on it. */
  used = false;
  /** Until when it may be used again, in the pool's milliseconds. */
  idleUntil = 0;
  readonly #socket: net.Socket;
  readonly #closed: () => void;
  #exchange: Exchange | undefined;
  #gone = false;

  /** `closed`: it is gone, whoever ended it. */
  constructor(connect: (onread: OnRead) => net.Socket, closed: () => void) {
    shared ??= Buffer.allocUnsafeSlow(READ_SIZE);
    this.#closed = closed;
    this.#socket = connect({ buffer: shared, callback: (size, buffer) => this.#read(buffer as Buffer, size) });
    this.#socket
      .on('error', (error) => this.#fail(error))
      .on('end', () => this.#end())
      .on('close', () => this.#fail(closedBy('without an answer')));
  }

  send(head: string, body: Uint8Array | undefined, exchange: Exchange): void {
    this.#exchange = exchange;
    const socket = this.#socket;
    socket.ref();
    if (!body?.length) socket.write(head, 'latin1');
    else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
    }
  }

  /** Nobody waits for it: it does not keep the process alive, and what comes on it ends it. */
  rest(): void {
    this.used = true;
    this.#socket.unref();
  }

  /** Ends the exchange under way with `error`. */
  destroy(error?: unknown): void {
    this.#fail(error ?? new Error('the client was closed'));
  }

  #read(buffer: Buffer, size: number): boolean {
    const exchange = this.#exchange;
    // Bytes that nobody asked for would be taken for the next answer.
    if (!exchange) this.#fail(undefined);
    else {
      try {
        if (exchange.reader.push(size === buffer.length ? buffer : buffer.subarray(0, size))) this.#finish(exchange);
        else exchange.begun();
      } catch (error) {
        this.#fail(error);
      }
    }
    return true;
  }

  #end(): void {
    const exchange = this.#exchange;
    if (exchange?.reader.end()) this.#finish(exchange);
    this.#fail(closedBy(exchange?.reader.begun ? 'in the middle of the answer' : 'without an answer'));
  }

  #finish(exchange: Exchange): void {
    this.#exchange = undefined;
    exchange.done();
  }

  /** A request of which not all was sent could not be told from the next one. */
  get sending(): boolean {
    return this.#socket.writableLength > 0;
  }

  #fail(error: unknown): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (!this.#gone) {
      this.#gone = true;
      this.#socket.destroy();
      this.#closed();
    }
    exchange?.failed(error);
  }
}

/** As if it had been reset: for a request on a used connection both mean that the server had closed it before. */
function closedBy(where: string): Error {
  return Object.assign(new Error(`the connection closed ${where}`), { code: 'ECONNRESET' });
}
