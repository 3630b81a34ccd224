/** Cross-origin requests, for pages that a browser's script may read. confighttp's `cors` section. */
import type { IncomingMessage } from 'node:http';
import type { ServerAnswer } from './answer.ts';

export interface CorsOptions {
  /** `https://*.example.com`; one `*` each at most. */
  allowedOrigins: readonly string[];
  allowedHeaders?: readonly string[];
  exposedHeaders?: readonly string[];
  /** Seconds a browser may remember the answer to a preflight. */
  maxAge?: number;
}

export function isPreflight(request: IncomingMessage): boolean {
  return request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
}

export function preflight(options: CorsOptions, request: IncomingMessage, methods: readonly string[]): ServerAnswer {
  if (!allowed(options, request.headers.origin)) return { status: 403, body: 'this origin is not allowed\n' };
  const headers: Record<string, string> = { 'access-control-allow-methods': methods.join(', ') };
  if (options.allowedHeaders?.length) headers['access-control-allow-headers'] = options.allowedHeaders.join(', ');
  if (options.maxAge) headers['access-control-max-age'] = String(options.maxAge);
  return { status: 204, headers };
}

export function corsHeaders(options: CorsOptions, request: IncomingMessage): Record<string, string> {
  const { origin } = request.headers;
  if (origin === undefined || !allowed(options, origin)) return { vary: 'Origin' };
  const headers: Record<string, string> = { vary: 'Origin', 'access-control-allow-origin': origin };
  if (options.exposedHeaders?.length) headers['access-control-expose-headers'] = options.exposedHeaders.join(', ');
  return headers;
}

function allowed({ allowedOrigins }: CorsOptions, origin: string | undefined): boolean {
  return origin !== undefined && allowedOrigins.some((pattern) => matches(pattern.toLowerCase(), origin.toLowerCase()));
}

function matches(pattern: string, origin: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === origin;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return origin.length >= before.length + after.length && origin.startsWith(before) && origin.endsWith(after);
}
