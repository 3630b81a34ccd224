import { QUERY_VALUES, REDACTED } from '#config';

/** The answer's body is larger than the caller is willing to take; the connection has been destroyed. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
  /** Bytes. */
  readonly limit: number;
  constructor(message: string, limit: number) {
    super(message);
    this.limit = limit;
  }
}

/**
 * A URL as it may be shown: without user name and password, and with `[REDACTED]` for every value of its query, any of
 * which may be a key (`?apikey=…`). What has no `=` is taken for a value.
 */
export function shownUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  shown.hash = '';
  shown.search = url.search.replace(QUERY_VALUES, REDACTED);
  return shown.href;
}

/** What went wrong, in one line. Connecting to several addresses fails with an AggregateError that has no text of its own. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length) return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}

/** `GET http://host/path: connect ECONNREFUSED 127.0.0.1:9`, with the cause. A BodyTooLargeError stays one. */
export function requestError(method: string, url: URL, error: unknown): Error {
  const message = `${method} ${shownUrl(url)}: ${reasonOf(error)}`;
  if (error instanceof BodyTooLargeError) return new BodyTooLargeError(message, error.limit);
  return new Error(message, { cause: error });
}

/** A problem of this machine's own, in words; undefined where the system's own message has to do. */
export function listenProblem(error: unknown): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return 'the port is in use';
    case 'EACCES':
      return 'no permission to use this port';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have that address';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is not known';
    default:
      return undefined;
  }
}
