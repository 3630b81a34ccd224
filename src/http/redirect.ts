/** Where a redirect leads, and what may go along. Rules as prometheus/common config/http_config.go has them, and stricter. */

export const MAX_REDIRECTS = 10;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function isRedirect(status: number, location: string | undefined): location is string {
  return location !== undefined && REDIRECTS.has(status);
}

/** Addresses where clouds hand out credentials: no server may send us there unless it is where we were told to go. */
const METADATA =
  /^(169\.254\.169\.254|169\.254\.170\.2|100\.100\.100\.200|metadata(\.google\.internal)?\.?|\[fd00:ec2::254\]|\[::ffff:a9fe:a9fe\]|\[::ffff:a9fe:aa02\])$/i;

/** The URL that `location` means; throws where it must not be followed. */
export function redirectTarget(location: string, from: URL, first: URL): URL {
  let to: URL;
  try {
    to = new URL(location, from);
  } catch (error) {
    throw new Error('the redirect has no valid Location', { cause: error });
  }
  if (to.protocol !== 'http:' && to.protocol !== 'https:') {
    throw new Error(`refuses to follow a redirect to ${to.protocol}`);
  }
  if (METADATA.test(to.hostname) && to.hostname !== first.hostname) {
    throw new Error(`refuses to follow a redirect to the metadata address ${to.hostname}`);
  }
  // Credentials are ours to choose, not the redirecting server's.
  to.username = '';
  to.password = '';
  return to;
}

/** How the request goes on: 303, and by long custom 301 and 302 after a POST, turn into a GET without body (RFC 9110 §15.4). */
export function redirectMethod(status: number, method: string): { method: string; keepBody: boolean } {
  if (status === 307 || status === 308 || method === 'GET' || method === 'HEAD') return { method, keepBody: true };
  return { method: 'GET', keepBody: false };
}

/** Whether credentials meant for `first` may go to `to`: the same host or one below it, and never from https down to http. */
export function mayCarryCredentials(to: URL, first: URL): boolean {
  if (first.protocol === 'https:' && to.protocol !== 'https:') return false;
  return isDomainOrSubdomain(to.hostname, first.hostname);
}

/** Go's rule (net/http isDomainOrSubdomain). Brackets around IPv6 addresses do not matter. */
export function isDomainOrSubdomain(sub: string, parent: string): boolean {
  if (sub === '' || parent === '') return false;
  if (sub === parent) return true;
  // An address has no subdomains, nor has one with a zone, whose text anybody may choose.
  if (/[:%]/.test(sub)) return false;
  return sub.endsWith(`.${parent}`);
}
