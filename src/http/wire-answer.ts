/** One answer, read from whatever pieces a connection delivers. No sockets here. */
import { BodyTooLargeError } from './errors.ts';
import type { BodyWorth } from './http.ts';
import type { Limits } from './transport.ts';
import { BodyBuffer } from './wire-body.ts';
import { ChunkReader } from './wire-chunks.ts';
import { checkBeginning, type Framing, framingOf, type Head, MAX_HEAD, parseHead } from './wire-head.ts';

/** Interim answers (1xx) are free to send without end; no honest server sends many. */
export const MAX_INTERIM = 8;

const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

export class AnswerReader {
  /** Set once the head is there. */
  head: Head | undefined;
  /** Something came, be it one byte. */
  begun = false;
  /** The limit cut the body short. */
  truncated = false;
  /** Lent by the reader, or by who called `push`, until `free` or the next `push`. */
  body: Buffer = EMPTY;

  readonly #method: string;
  readonly #limitsFor: (head: Head) => Limits;
  #limits: Limits | undefined;
  #framing: Framing = 0;
  #text = '';
  #interim = 0;
  /** More came than the answer: what it is part of nobody knows. */
  #surplus = false;
  #chunks: ChunkReader | undefined;
  readonly #parts = new BodyBuffer();

  constructor(method: string, limitsFor: (head: Head) => Limits) {
    this.#method = method;
    this.#limitsFor = limitsFor;
  }

  /** True when the answer is whole. Throws where it is not to be trusted, and then must not be called again. */
  push(chunk: Buffer): boolean {
    if (chunk.length === 0) return false;
    this.begun = true;
    let pos = 0;
    while (!this.head) {
      pos = this.#readHead(chunk, pos);
      if (pos < 0) return false;
    }
    return this.#readBody(chunk, pos);
  }

  /** The connection has ended. True when that makes the answer whole. */
  end(): boolean {
    if (!this.head || this.#framing !== 'close') return false;
    this.body = this.#parts.bytes();
    return true;
  }

  /** Whether the connection may carry another exchange after this one. */
  get reusable(): boolean {
    return this.head?.keepAlive === true && this.#framing !== 'close' && !this.truncated && !this.#surplus;
  }

  /** The head is there, and the answer does without its body. */
  get settled(): boolean {
    return this.worth !== 'needed';
  }

  get worth(): BodyWorth {
    return this.#limits?.worth ?? 'needed';
  }

  /** The body's memory may be used for another. */
  free(): void {
    this.body = EMPTY;
    this.#parts.free();
  }

  /** The position behind the head, or -1 when it has not all come. */
  #readHead(chunk: Buffer, pos: number): number {
    const known = this.#text.length;
    const end = known === 0 ? chunk.indexOf(HEAD_END, pos) : -1;
    if (end >= 0) {
      this.#takeHead(chunk.toString('latin1', pos, Math.min(end, pos + MAX_HEAD + 1)));
      return end + HEAD_END.length;
    }
    this.#text += chunk.toString('latin1', pos, Math.min(chunk.length, pos + MAX_HEAD + HEAD_END.length));
    const last = this.#text.indexOf('\r\n\r\n', Math.max(known - 3, 0));
    if (last >= 0) {
      const text = this.#text.slice(0, last);
      this.#text = '';
      this.#takeHead(text);
      return pos + last + HEAD_END.length - known;
    }
    if (this.#text.length > MAX_HEAD) tooLong();
    checkBeginning(this.#text, known);
    return -1;
  }

  #takeHead(text: string): void {
    if (text.length > MAX_HEAD) tooLong();
    const head = parseHead(text);
    if (head.status === 101) throw new Error('the server switched protocols unasked');
    if (head.status < 200) {
      if (++this.#interim > MAX_INTERIM) throw new Error(`more than ${MAX_INTERIM} interim (1xx) answers`);
      return;
    }
    this.#framing = framingOf(head, this.#method);
    this.head = head;
    this.#limits = this.#limitsFor(head);
    if (this.#framing === 'chunked') this.#chunks = new ChunkReader();
    const { maxBody, truncate } = this.#limits;
    if (!truncate && typeof this.#framing === 'number' && this.#framing > maxBody) tooLarge(maxBody);
  }

  #readBody(chunk: Buffer, pos: number): boolean {
    if (this.#chunks) {
      const end = this.#chunks.read(chunk, pos, (from, to) => this.#add(chunk, from, to));
      return (end >= 0 || this.truncated) && this.#whole(chunk, end);
    }
    const left = this.#framing === 'close' ? Number.POSITIVE_INFINITY : (this.#framing as number) - this.#parts.length;
    const end = Math.min(chunk.length, pos + left);
    if (end - pos === this.#framing && this.#framing <= this.#limits!.maxBody) {
      this.body = chunk.subarray(pos, end);
      return this.#ended(chunk, end);
    }
    this.#add(chunk, pos, end);
    return (this.truncated || end - pos === left) && this.#whole(chunk, end);
  }

  #whole(chunk: Buffer, end: number): boolean {
    this.body = this.#parts.bytes();
    return this.truncated || this.#ended(chunk, end);
  }

  #ended(chunk: Buffer, end: number): true {
    this.#surplus = end < chunk.length;
    if (this.#surplus && !this.head!.keepAlive) throw new Error('the answer goes on behind its end');
    return true;
  }

  /** False when the limit has been reached, and that is all right. */
  #add(chunk: Buffer, from: number, to: number): boolean {
    const { maxBody, truncate } = this.#limits!;
    const expected = typeof this.#framing === 'number' ? this.#framing : 0;
    const end = Math.min(to, from + maxBody - this.#parts.length);
    if (end < to && !truncate) tooLarge(maxBody);
    if (end > from) this.#parts.add(chunk, from, end, Math.min(expected, maxBody));
    this.truncated = end < to;
    return !this.truncated;
  }
}

function tooLarge(maxBody: number): never {
  throw new BodyTooLargeError(`the body is larger than ${maxBody} bytes`, maxBody);
}

function tooLong(): never {
  throw new Error(`Header overflow: the head has more than ${MAX_HEAD} bytes`);
}
