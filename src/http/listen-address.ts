import { isIPv6 } from 'node:net';
import * as s from '#config';

/** Where a server listens. No host: on all addresses. */
export interface ListenAddress {
  host: string;
  port: number;
}

/** Reads `host:port`, `[::1]:port` or `:port`; gives a sentence for what is wrong with it instead. */
export function parseListenAddress(text: string): ListenAddress | string {
  const parts = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text);
  if (!parts) return 'must be host:port, such as localhost:9464 or [::1]:9464';
  const [, bracketed, plain = '', digits] = parts;
  if (bracketed !== undefined && !isIPv6(bracketed)) return 'has no IPv6 address between the brackets';
  if (/[^A-Za-z0-9._-]/.test(plain)) return 'has no valid host name';
  const port = Number(digits);
  if (port > 65535) return 'has a port above 65535';
  return { host: bracketed ?? plain, port };
}

export function shownAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** `host:port`, as the Collector's servers take it. */
export function listenAddress(): s.Schema<string> {
  return s.string({
    typeName: 'address',
    check: (text) => {
      const address = parseListenAddress(text);
      return typeof address === 'string' ? address : undefined;
    },
  });
}
