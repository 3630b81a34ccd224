import { readFields } from './wire.ts';

/** What a server took only in part, or wanted to say though it took everything (`rejected` is 0 then). */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

const isJson = (contentType: string | undefined): boolean => /^\s*application\/json\b/i.test(contentType ?? '');

/** From the body of an ExportMetricsServiceResponse, protobuf or JSON; undefined when everything went well or it tells nothing. */
export function readPartialSuccess(body: Uint8Array, contentType: string | undefined): PartialSuccess | undefined {
  if (body.length === 0) return undefined;
  const partial = isJson(contentType) ? jsonPartial(body) : protobufPartial(body);
  return partial && (partial.rejected > 0 || partial.message !== '') ? partial : undefined;
}

/** The server's words from the body of an error: a google.rpc.Status, protobuf or JSON, or plain text; '' when it has none. */
export function readErrorMessage(body: Uint8Array, contentType: string | undefined): string {
  if (body.length === 0) return '';
  if (/^\s*application\/(x-)?protobuf\b/i.test(contentType ?? '')) return textOf(readFields(body), 2);
  const text = decode(body);
  if (!isJson(contentType)) return text.trim();
  const message = member(parsed(text), 'message');
  return typeof message === 'string' ? message : text.trim();
}

function protobufPartial(body: Uint8Array): PartialSuccess | undefined {
  const partial = readFields(body)?.findLast((field) => field.field === 1)?.bytes;
  const fields = partial && readFields(partial);
  if (!fields) return undefined;
  return { rejected: count(fields.findLast((field) => field.field === 1)?.number), message: textOf(fields, 2) };
}

function jsonPartial(body: Uint8Array): PartialSuccess | undefined {
  const partial = member(parsed(decode(body)), 'partialSuccess');
  const message = member(partial, 'errorMessage');
  return {
    rejected: count(member(partial, 'rejectedDataPoints')),
    message: typeof message === 'string' ? message : '',
  };
}

/** An int64 from either encoding; nonsense is 0. */
function count(value: unknown): number {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : 0;
}

function textOf(fields: ReturnType<typeof readFields>, number: number): string {
  const bytes = fields?.findLast((field) => field.field === number)?.bytes;
  return bytes ? bytes.toString() : '';
}

const decode = (body: Uint8Array): string => Buffer.from(body.buffer, body.byteOffset, body.length).toString();

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}
