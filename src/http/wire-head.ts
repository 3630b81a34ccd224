/** The head of an HTTP/1 answer (RFC 9112 §4 to §6), read as strictly as smuggling demands: what is odd is refused. */
import { isHeaderName } from './headers.ts';

/** Bytes; a larger head is refused. */
export const MAX_HEAD = 64 * 1024;

export interface Head {
  status: number;
  /** Lower-case names; what came more than once is joined with ', '. */
  headers: Record<string, string>;
  /** The server says that it takes another request on this connection. */
  keepAlive: boolean;
  /** HTTP/1.0. */
  old: boolean;
}

/** Where the body ends: after so many bytes, with the last chunk, or with the connection. */
export type Framing = number | 'chunked' | 'close';

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\0-\x1f\x7f]*)?$/;
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;
const BEGINNING = 'HTTP/1.';

/** `text`: the head without its last two line ends, a byte a character. Throws a sentence about what is wrong with it. */
export function parseHead(text: string): Head {
  const lines = text.split('\r\n');
  const [, minor, status] = STATUS_LINE.exec(lines[0]!) ?? notHttp(lines[0]!);
  const headers: Record<string, string> = Object.create(null);
  for (let i = 1; i < lines.length; i++) addHeader(headers, lines[i]!);
  const old = minor === '0';
  return { status: Number(status), headers, keepAlive: staysOpen(headers.connection, old), old };
}

function notHttp(line: string): never {
  throw new Error(`Expected HTTP/1.1 and a status, not ${JSON.stringify(line.slice(0, 40))}`);
}

function addHeader(headers: Record<string, string>, line: string): void {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0));
  // A folded line and blanks before the colon (RFC 9112 §5.1, §5.2) fail here, too: neither is part of a name.
  if (!isHeaderName(name)) throw new Error(`a header has no valid name: ${JSON.stringify(line.slice(0, 40))}`);
  const value = withoutBlanks(line, colon + 1);
  if (CONTROL.test(value)) throw new Error(`the header ${name.slice(0, 40)} has a control character in its value`);
  const key = name.toLowerCase();
  const before = headers[key];
  if (before !== undefined && key === 'content-length') throw new Error('the answer has more than one Content-Length');
  headers[key] = before === undefined ? value : `${before}, ${value}`;
}

function withoutBlanks(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

const isBlank = (code: number) => code === 0x20 || code === 0x09;

function staysOpen(connection = '', old: boolean): boolean {
  if (connection === '') return !old;
  const said = connection.split(',').map((token) => token.trim().toLowerCase());
  return !said.includes('close') && (!old || said.includes('keep-alive'));
}

/** Throws where two readers of the answer might not agree on where it ends (RFC 9112 §6.3). */
export function framingOf(head: Head, method: string): Framing {
  const { 'content-length': length, 'transfer-encoding': encoding } = head.headers;
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new Error('the answer has an invalid Content-Length');
  if (encoding !== undefined) {
    if (length !== undefined) throw new Error('the answer has both Content-Length and Transfer-Encoding');
    if (head.old || encoding.toLowerCase() !== 'chunked') {
      throw new Error(`the answer has Transfer-Encoding ${encoding.slice(0, 40)}, which is not supported`);
    }
  }
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return 0;
  if (encoding !== undefined) return 'chunked';
  return length === undefined ? 'close' : Number(length);
}

/**
 * Whether what has come so far may become a head; throws where it cannot, so that nobody waits for the rest of what is no
 * HTTP. Only what lies behind `checked` is looked at.
 */
export function checkBeginning(text: string, checked: number): void {
  if (checked < BEGINNING.length && !BEGINNING.startsWith(text.slice(0, BEGINNING.length))) notHttp(text);
  if (/[^\r]\n|\r[^\n]/.test(text.slice(Math.max(checked - 1, 0)))) {
    throw new Error('a line of the head does not end with CR and LF');
  }
}
