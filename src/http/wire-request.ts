import { isFramingHeader, isHeaderName, isHeaderValue } from './headers.ts';

/** Methods whose requests have a length even without a body (RFC 9110 §8.6). */
const HAS_BODY = /^(POST|PUT|PATCH)$/;

/**
 * The head of a request, a byte a character. Throws where a name or a value could end it early; values are not quoted, for
 * they may be secrets.
 */
export function requestHead(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  bodyLength: number | undefined,
  keepAlive: boolean,
): string {
  if (!isHeaderName(method)) throw new Error('the method is no token');
  if (/[^\x21-\x7e]/.test(target)) throw new Error('the path has characters that no URL may hold');
  let head = `${method} ${target} HTTP/1.1\r\n`;
  for (const name of Object.keys(headers)) head += headerLine(name, headers[name]!);
  if (bodyLength !== undefined || HAS_BODY.test(method)) head += `content-length: ${bodyLength ?? 0}\r\n`;
  if (!keepAlive) head += 'connection: close\r\n';
  return `${head}\r\n`;
}

/** The lines made last, by name: most are the same in every request, and looking at each character costs more than this. */
const made = new Map<string, { value: string; line: string }>();
/** More names than all components together send. */
const MOST = 100;

function headerLine(name: string, value: string): string {
  const last = made.get(name);
  if (last?.value === value) return last.line;
  if (!isHeaderName(name)) throw new Error(`${JSON.stringify(name)} is not a valid header name`);
  if (isFramingHeader(name)) throw new Error(`the header ${name} frames the message and cannot be set`);
  if (!isHeaderValue(value)) throw new Error(`the header ${name} has a value that no header may hold`);
  const line = `${name}: ${value}\r\n`;
  if (made.size >= MOST) made.clear();
  made.set(name, { value, line });
  return line;
}
