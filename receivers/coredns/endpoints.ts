import { isIP } from 'node:net';

export const KINDS = ['coredns', 'node-local-dns', 'kube-dns'] as const;
export type Kind = (typeof KINDS)[number];

/** One thing to ask over HTTP whether the server works. */
export interface Check {
  readonly metric: 'ready' | 'health';
  /** The container that the question is about, where a pod has several. */
  readonly container?: string;
  readonly url: URL;
  /** Taken by default: a refused connection means nothing until it has once answered. */
  readonly guessed: boolean;
}

/** A page of metrics. */
export interface Page {
  readonly kind: Kind;
  readonly url: URL;
  /** Not configured, but a usual place: to be scraped once it is found to be there. */
  readonly guessed: boolean;
}

/** Ports and paths as each project's own manifests have them. */
interface Defaults {
  readonly ports: readonly number[];
  readonly ready: readonly string[];
  readonly health: readonly (readonly [place: string, container?: string])[];
}

const DEFAULTS: Readonly<Record<Kind, Defaults>> = {
  coredns: { ports: [9153], ready: [':8181/ready'], health: [[':8080/health']] },
  // CoreDNS itself, and node-cache's own page with the errors of its network setup.
  'node-local-dns': { ports: [9253, 9353], ready: [], health: [['169.254.20.10:8080/health']] },
  // The sidecar (with dnsmasq's statistics and both health checks) and the container kubedns.
  'kube-dns': {
    ports: [10054, 10055],
    ready: [':8081/readiness'],
    health: [
      [':10054/healthcheck/kubedns', 'kubedns'],
      [':10054/healthcheck/dnsmasq', 'dnsmasq'],
    ],
  },
};

/** The pages at one configured endpoint: a URL, `host:port`, or a host, whose usual ports are meant. Throws a sentence. */
export function pagesAt(endpoint: string, kind: Kind | 'auto'): Page[] {
  if (isHost(endpoint)) {
    const kinds = kind === 'auto' ? KINDS : [kind];
    return kinds.flatMap((one) =>
      DEFAULTS[one].ports.map((port) => ({
        kind: one,
        url: new URL(`http://${bracketed(endpoint)}:${port}/metrics`),
        guessed: kind === 'auto',
      })),
    );
  }
  const url = parseUrl(endpoint);
  return [{ kind: kind === 'auto' ? kindOfPort(url.port) : kind, url, guessed: false }];
}

const isHost = (text: string) => isIP(text) > 0 || /^[\w.-]+$/.test(text) || /^\[[\d:a-f.]+\]$/i.test(text);
const bracketed = (host: string) => (isIP(host) === 6 ? `[${host}]` : host);

function parseUrl(text: string): URL {
  const whole = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(whole)) throw new Error('must be a URL, host:port or a host');
  const url = new URL(whole);
  if (!/^https?:$/.test(url.protocol)) throw new Error('must begin with http:// or https://');
  if (url.username || url.password || url.search || url.hash) {
    throw new Error('must have no user, query or fragment; for those use a prometheus receiver');
  }
  if (url.pathname === '/') url.pathname = '/metrics';
  return url;
}

function kindOfPort(port: string): Kind {
  return KINDS.find((kind) => DEFAULTS[kind].ports.includes(Number(port))) ?? 'coredns';
}

/** `auto`, `none`, a URL, or `:port/path` at the page's own host. */
export function isPlace(place: string): boolean {
  if (place === 'auto' || place === 'none') return true;
  const url = place.startsWith(':') ? `http://host${place}` : place;
  return /^https?:\/\//.test(url) && URL.canParse(url);
}

/** What to ask about the server whose metrics are at `page`. */
export function checksFor(page: Page, ready: string, health: string): Check[] {
  const { host, defaults } = { host: page.url.hostname, defaults: DEFAULTS[page.kind] };
  const at = (place: string) => new URL(place.includes('://') ? place : `http://${place.replace(/^:/, `${host}:`)}`);
  const check = (metric: Check['metric'], place: string, guessed: boolean, container?: string): Check => ({
    metric,
    url: at(place),
    guessed,
    ...(container ? { container } : {}),
  });
  const checks: Check[] = [];
  if (ready === 'auto') checks.push(...defaults.ready.map((place) => check('ready', place, true)));
  else if (ready !== 'none') checks.push(check('ready', ready, false));
  if (health === 'auto') checks.push(...defaults.health.map(([place, name]) => check('health', place, true, name)));
  else if (health !== 'none') checks.push(check('health', health, false));
  return checks;
}
